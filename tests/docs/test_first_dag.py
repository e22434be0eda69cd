"""The page "Your first DAG": its files, in an empty folder, do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala.testing.server import in_a_thread
from demo.people import RAVI, Person
from demo.stack import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer

    Run = Callable[[str], str]

pytestmark = pytest.mark.airflow

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "first-dag.md").read_text("utf-8")


def block(holds: str) -> str:
    """Return the one block of code of the page that holds a text."""
    blocks = re.findall(r"```(?:python|bash)\n(.*?)```", PAGE, re.DOTALL)
    (found,) = [each for each in blocks if holds in each]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KaizalaServer]:
    with in_a_thread(tmp_path_factory.mktemp("server"), "demo") as server:
        yield server


@pytest.fixture(scope="module")
def run(server: KaizalaServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The folder of the page, and how to run a script in it after its settings."""
    folder = tmp_path_factory.mktemp("store")
    for path, holds in (
        ("dags/store_open.py", 'DAG("store_open"'),
        ("tests/test_store_open.py", "def test_"),
    ):
        (folder / path).parent.mkdir()
        (folder / path).write_text(block(holds))
    settings = block("AIRFLOW_CONN_KAIZALA_DEFAULT")
    assert "http://127.0.0.1:8787" in settings
    (folder / "settings.sh").write_text(settings.replace("http://127.0.0.1:8787", server.url))
    inherited = {name: value for name, value in os.environ.items() if "AIRFLOW_" not in name}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", f". ./settings.sh\n{script}"],
            cwd=folder,
            env={**inherited, "PATH": path, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    run("airflow db migrate")
    return run


def test_a_person_answers_and_the_group_reads_it(server: KaizalaServer, run: Run) -> None:
    person = Person(server.url, RAVI)

    def vote() -> None:
        while not (polls := [item for item in person.feed(GROUP)["items"] if item["kind"] == "poll"]):
            time.sleep(0.5)
        person.vote(polls[0]["actionId"], "Yes")

    Thread(target=vote, daemon=True).start()
    run("airflow dags test store_open")
    assert [item["text"] for item in server.feed(GROUP)][-1] == "Ravi: Yes"


def test_its_test_passes(run: Run) -> None:
    assert "1 passed" in run(block("python -m pytest").replace("pip install pytest", ""))
