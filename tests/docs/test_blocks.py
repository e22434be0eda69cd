"""Each block of code in the documentation and the README does what it says: Python runs, commands exist, files can be read."""

from __future__ import annotations

import ast
import builtins
import configparser
import inspect
import re
import shlex
import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from sybil.document import Document
from sybil.parsers.markdown import CodeBlockParser

from airflow_provider_kaizala import operators, sensors
from airflow_provider_kaizala.server.seeds.load import load_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil.example import Example

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OUR_COMMANDS = ("kaizala-server", "airflow-kaizala")
#: what a short block may leave out
NAMES = {
    "DAG": DAG,
    "datetime": datetime,
    "timedelta": timedelta,
    **{name: getattr(operators, name) for name in operators.__all__},
    **{name: getattr(sensors, name) for name in sensors.__all__},
}


@cache
def namespace(page: Path) -> dict[str, Any]:
    """The names that the blocks of a page share, as a reader's do who goes through it."""
    return dict(NAMES)


def blocks(language: str) -> list[Any]:
    """Return the blocks of all pages in one language."""
    parser = CodeBlockParser(language, evaluator=lambda example: None)
    return [
        pytest.param(page, example, id=f"{page.relative_to(ROOT)}:{example.line}")
        for page in PAGES
        for example in Document.parse(str(page), parser, encoding="utf-8").examples()
    ]


@pytest.mark.parametrize(("page", "example"), blocks("python"))
def test_python_runs(page: Path, example: Example, request: pytest.FixtureRequest) -> None:
    code = compile("\n" * example.line + example.parsed, str(page), "exec", dont_inherit=True)
    if "from dags." in example.parsed:
        return  # it needs a project of its own: test_first_dag.py
    shared = namespace(page)
    before = set(shared)
    with DAG("page", schedule=None, start_date=datetime(2026, 1, 1)):  # noqa: DTZ001 - as in the documentation
        exec(code, shared)
    for name in set(shared) - before:
        if name.startswith("test_"):
            test = shared[name]
            test(**{each: request.getfixturevalue(each) for each in inspect.signature(test).parameters})


class Tasks(dict[str, Any]):
    """Names, of which unknown ones are other tasks of the DAG."""

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return self.setdefault(name, operators.KaizalaSendMessageOperator(task_id=name, text="…"))


def docstrings() -> list[Any]:
    """Return the blocks of Python in our docstrings."""
    documented = [
        (f"{path.stem}.{node.name}", ast.get_docstring(node) or "")
        for path in sorted((ROOT / "airflow_provider_kaizala").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    return [
        pytest.param(inspect.cleandoc(f"\n{code}"), id=name)
        for name, doc in documented
        for code in re.findall(r"code-block:: python\n\n((?: +[^\n]*\n|\n)+)", doc)
    ]


@pytest.mark.parametrize("code", docstrings())
def test_python_in_a_docstring_runs(code: str) -> None:
    with DAG("page", schedule=None, start_date=datetime(2026, 1, 1)):  # noqa: DTZ001
        exec(code, {}, Tasks(NAMES))


@cache
def usage(command: tuple[str, ...]) -> str:
    """Return what a command says of itself."""
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run(
        [program, *command[1:], "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def our_commands(script: str) -> Iterator[list[str]]:
    """Yield the calls of our commands in a script, as words."""
    pending = ""
    for line in script.replace("\\\n", " ").splitlines():
        pending += f"{line}\n"
        try:
            words = shlex.split(pending.split(" > ")[0], comments=True)
        except ValueError:  # a quote that a later line closes
            continue
        pending = ""
        for at, word in enumerate(words):
            if Path(word).name in OUR_COMMANDS:
                yield [Path(word).name, *(each for each in words[at + 1 :] if each != "&")]


@pytest.mark.parametrize(("page", "example"), blocks("bash"))
def test_commands_exist(page: Path, example: Example) -> None:
    done = subprocess.run(["bash", "-n"], input=example.parsed, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for program, *words in our_commands(example.parsed):
        plain = [word for word in words if not word.startswith("-")]
        # `webhooks ensure` and `grant create` are commands; what follows are arguments
        chain = plain[:1] if plain[:1] in (["serve"], ["backup"], ["restore"], ["purge"]) else plain[:2]
        text = usage((program, *chain))
        for word in words:
            if word.startswith("--") and word != "--help":
                assert word.partition("=")[0] in text, f"{program} {' '.join(chain)} has no {word}"


@pytest.mark.parametrize(("page", "example"), blocks("yaml"))
def test_seed_files_can_be_read(page: Path, example: Example, tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(example.parsed)
    assert load_seed(str(tmp_path / "seed.yaml")).groups


@pytest.mark.parametrize(("page", "example"), blocks("ini"))
def test_ini_files_can_be_read(page: Path, example: Example) -> None:
    found = configparser.ConfigParser()
    found.read_string(example.parsed)
    assert found.sections()


def test_every_public_name_is_in_the_reference() -> None:
    from airflow_provider_kaizala import client, hooks, notifications, push, triggers
    from airflow_provider_kaizala.client import calls, errors, models
    from airflow_provider_kaizala.decorators import question

    shown = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    listed = set(re.findall(r"autoapi\w+:: [\w.]+\.(\w+)", shown))
    #: of use to the package itself only, or named in the reference of others
    left_out = {
        "Owner Step Wanted WebhooksError named_groups plan check_echo ReceiverError Subscription derive",
        "AirflowObserver read_connection try_connection VariableTokenStore Grant Policy TokenStore MemoryTokenStore Tokens",
        "Sent Action GROUP_TYPES MEMBERS_PER_CALL REACTION_TYPES media_type OBJECT_TYPES PROPERTY_TYPES QUESTION_TYPES",
        "ActionPage UnreadableReplyError",
    }
    public = {
        name
        for package in (
            operators,
            sensors,
            triggers,
            hooks,
            notifications,
            question,
            push,
            client,
            calls,
            models,
        )
        for name in package.__all__
    } | {name for name in vars(errors) if name.startswith("Kaizala")}
    assert public - listed - set(" ".join(left_out).split()) == set()
