"""Users' code goes on working: what they import and call changes only on purpose."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_kaizala import compat, notifications
from tests import public_names

HOW = (
    "What users import or call has changed. If that is meant, run `.venv/bin/python -m tests.public_names`, commit the file, "
    "and say so in CHANGELOG.md; CONTRIBUTING.md says what may change when"
)


if not compat.has_hitl():
    pytest.skip(
        "some names are missing where Airflow has no human-in-the-loop operators", allow_module_level=True
    )


def test_public_names_and_arguments_are_as_listed() -> None:
    assert public_names.listing().splitlines() == public_names.FILE.read_text().splitlines(), HOW


def test_a_name_that_is_added_or_an_argument_that_loses_its_default_shows(monkeypatch) -> None:
    class KaizalaOther:
        def __init__(self, text, *, retries): ...

    KaizalaOther.__module__ = "airflow_provider_kaizala.notifications.kaizala"
    monkeypatch.setattr(notifications, "__all__", ["KaizalaOther"])
    monkeypatch.setattr(notifications, "KaizalaOther", KaizalaOther, raising=False)
    lines = set(public_names.listing().splitlines()) - set(public_names.FILE.read_text().splitlines())
    assert lines == {"notifications.KaizalaOther(text, *, retries)"}


def test_griffe_names_what_users_of_the_last_tag_would_miss(tmp_path, monkeypatch) -> None:
    """Of public names only: an argument that is gone from the hook is found, a function of the server is not."""
    pytest.importorskip("griffe")

    def git(*what: str) -> None:
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *who, *what], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / public_names.PACKAGE
    files = {
        package
        / "hooks"
        / "kaizala.py": "class KaizalaHook:\n    def close(self, now): ...\n\ndef gone(): ...\n",
        package / "server" / "app.py": "from datetime import UTC\ndef build(given): ...\n",
        tmp_path / "names.txt": "hooks.KaizalaHook()\nhooks.KaizalaHook.close(now)\nhooks.gone()\n",
        package / "__init__.py": "",
        package / "hooks" / "__init__.py": "",
        package / "server" / "__init__.py": "",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "One")
    git("tag", "v1")
    (package / "hooks" / "kaizala.py").write_text("class KaizalaHook:\n    def close(self): ...\n")
    (package / "server" / "app.py").write_text("def build(): ...\n")
    monkeypatch.setattr(public_names, "ROOT", tmp_path)
    monkeypatch.setattr(public_names, "FILE", tmp_path / "names.txt")
    argument, function = public_names.breaking("v1")
    assert "KaizalaHook.close(now)" in argument
    assert "removed" in argument
    assert "gone" in function
