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


def test_public_names_and_arguments_are_as_listed() -> None:
    if not compat.has_hitl():
        pytest.skip("some names are missing where Airflow has no human-in-the-loop operators")
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
    for path, text in {
        "hooks/kaizala.py": "class KaizalaHook:\n    def close(self, now): ...\n",
        "server/app.py": "def build(given): ...\n",
    }.items():
        (package / path).parent.mkdir(parents=True)
        (package / path).write_text(text)
        (package / path).with_name("__init__.py").touch()
    (package / "__init__.py").touch()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "One")
    git("tag", "v1")
    for path in ("hooks/kaizala.py", "server/app.py"):
        text = (package / path).read_text()
        (package / path).write_text(text.replace(", now", "").replace("given", ""))
    monkeypatch.setattr(public_names, "ROOT", tmp_path)
    (found,) = public_names.breaking("v1")
    assert "KaizalaHook.close(now)" in found
    assert "removed" in found
