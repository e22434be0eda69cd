"""The demo's components, once: real Airflow, the real server, three people. And what must never be seen, is not."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS
from rich.console import Console

from demo.__main__ import DAG_ID, DAGS, follow
from demo.people import MEERA, Person
from demo.stack import GROUP, Stack
from tests.e2e.airflow2 import Airflow2Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SECRETS = ("demo-secret", "demo-refresh-token", "demo-group-token")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    kind = Stack if AIRFLOW_V_3_0_PLUS else Airflow2Stack
    with kind(tmp_path_factory.mktemp("stack"), DAGS) as stack:
        yield stack


def test_the_run_goes_on_with_peoples_answers(stack: Stack) -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    assert follow(stack, console), console.export_text()
    run = stack.api("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"][0]["dag_run_id"]
    assert set(stack.task_states(DAG_ID, run).values()) == {"success"}
    survey = stack.xcom(DAG_ID, run, "wait_for_answers")
    assert survey["group_id"] == GROUP
    assert sorted(each["responder_name"] for each in survey["answers"]) == ["Asha", "Meera", "Ravi"]
    log = stack.task_log(DAG_ID, run, "wait_for_job")
    assert "0 of 2 answered; missing: Ravi, Meera" in log, "the log says who is missing"


def test_a_run_waits_for_the_reader_of_the_page(stack: Stack) -> None:
    """``HUMAN=1``: two people answer by script, and the third when they like."""
    console = Console(record=True, width=120, file=io.StringIO())
    waited: list[bool] = []

    def answer_by_hand() -> None:
        meera = Person(stack.kaizala, MEERA)
        until, after, todo = time.monotonic() + 120, meera.feed(GROUP)["after"], {"survey", "job"}
        while todo and time.monotonic() < until:
            page = meera.feed(GROUP, after)
            after = page["after"]
            for item in page["items"]:
                if item["kind"] == "survey":
                    time.sleep(12)  # the others have answered, and their sensor has looked
                    waited.append("wait_for_answers success" not in console.export_text(clear=False))
                    meera.answer(item["actionId"], "Yes", 4, None)
                if item["kind"] == "job":
                    meera.complete(item["actionId"])
                todo.discard(item["kind"])
            time.sleep(0.5)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(answer_by_hand)
        assert follow(stack, console, MEERA), console.export_text()
        done.result()
    told = console.export_text()
    assert waited == [True]
    assert f"{stack.kaizala}/groups/{GROUP}" in told
    assert "You are Meera." in told
    assert "We open: 4 of us" in told


def test_no_secret_is_in_any_log_or_in_the_database(stack: Stack) -> None:
    """Logs, XComs, rendered fields and trigger rows; the connection itself comes from the environment."""
    seen = 0
    for path in stack.folder.rglob("*"):
        if not path.is_file() or path.name.startswith("kaizala.db"):
            continue
        content = path.read_bytes()
        seen += 1
        for secret in SECRETS:
            assert secret.encode() not in content, f"{secret} is in {path.relative_to(stack.folder)}"
    assert seen > len(stack.components)
    assert (stack.home / "airflow.db").exists()


def _sessions(marker: str) -> list[str]:
    """Return the command lines of processes that name *marker*."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in line and "pytest" not in line:
            found.append(line)
    return found


def test_a_killed_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    marker = f"kaizala-e2e-{os.getpid()}"
    script = (
        "import sys, time; from pathlib import Path; from demo.processes import Processes\n"
        "p = Processes(Path(sys.argv[1]))\n"
        f"p.start('a', [sys.executable, '-c', 'import os, time; os.fork(); time.sleep(300)', '{marker}'], {{}})\n"
        "print('started', flush=True); time.sleep(300)\n"
    )
    demo = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=DAGS.parent, text=True
    )
    assert demo.stdout is not None
    assert demo.stdout.readline() == "started\n"
    until = time.monotonic() + 60
    while len(_sessions(marker)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(_sessions(marker)) == 2, "a component and the child it forked"
    demo.kill()
    demo.wait()
    demo.stdout.close()
    until = time.monotonic() + 60
    while _sessions(marker) and time.monotonic() < until:
        time.sleep(0.2)
    assert _sessions(marker) == []
