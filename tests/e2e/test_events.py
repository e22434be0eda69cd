"""Messages start runs: from the group through the real server, the receiver and the scheduler to the task, each processed once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import MEERA, RAVI
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SECRET = "the secret of the webhooks"
DAGS = """
import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, get_current_context, task

from airflow_provider_kaizala.push import kaizala_events
from airflow_provider_kaizala.sensors import KaizalaMessageSensor

GROUP = "11111111-1111-4111-8111-111111111111@1"
OPEN = Path(__file__).with_name("open")
messages = Asset(f"kaizala://kaizala_default/groups/{GROUP}/TextMessageCreated")
often = {"retries": 2, "retry_delay": timedelta(seconds=1)}

with DAG("reads", schedule=messages, start_date=datetime(2026, 1, 1), default_args=often, max_active_runs=4):

    @task
    def read():
        texts = [event.text for event in kaizala_events()]
        first = get_current_context()["ti"].try_number == 1
        if first and "fail" in texts:
            raise RuntimeError("not now")
        if first and "die" in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        while "slow" in texts and not OPEN.exists():
            time.sleep(0.2)
        return texts

    read()

with DAG("listens", schedule=None, start_date=datetime(2026, 1, 1)):
    waits = {"people": ["+910000000002"], "timeout": 300, "poke_interval": 250}
    KaizalaMessageSensor(task_id="deferred", pattern="(?i)^done", deferrable=True, **waits)
    KaizalaMessageSensor(task_id="polled", pattern="(?i)^done", mode="reschedule", **{**waits, "poke_interval": 10})
"""

LATER = """
from datetime import datetime

from airflow.sdk import DAG, Asset, task

from airflow_provider_kaizala.push import kaizala_events

messages = Asset("kaizala://kaizala_default/groups/11111111-1111-4111-8111-111111111111@1/TextMessageCreated")
with DAG("takes_one", schedule=messages, start_date=datetime(2026, 1, 1)):

    @task
    def take():
        event = next(kaizala_events(), None)
        return event and event.text

    take()
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("events")
    (folder / "dags").mkdir()
    (folder / "dags" / "events.py").write_text(DAGS)
    more = {
        "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": "kaizala_default",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
    }
    stack = Stack(folder / "stack", folder / "dags", more, limited=False)
    connection = json.loads(stack.env["AIRFLOW_CONN_KAIZALA_DEFAULT"])
    connection["extra"]["webhook_secret"] = SECRET
    stack.env["AIRFLOW_CONN_KAIZALA_DEFAULT"] = json.dumps(connection)
    with stack:
        command = ["webhooks", "ensure", "--public-url", stack.airflow, "--group", GROUP]
        code = (
            f"import sys; from airflow_provider_kaizala.cli.commands import main; sys.exit(main({command}))"
        )
        subprocess.run([sys.executable, "-c", code], env=stack.env, check=True)
        activate(stack, "reads")
        yield stack


@pytest.fixture(scope="module")
def kaizala(stack: Stack) -> KaizalaServer:
    return KaizalaServer(stack.kaizala)


def activate(stack: Stack, dag_id: str) -> None:
    wait_for(dag_id, lambda: stack.api("GET", f"/dags/{dag_id}") is not None, 60, stack.processes.check)
    stack.api("PATCH", f"/dags/{dag_id}", {"is_paused": False})


def say(kaizala: KaizalaServer, *texts: str, number: str = RAVI) -> None:
    for text in texts:
        kaizala.call("POST", f"/people/{number}/groups/{GROUP}/messages", {"text": text})


def runs(stack: Stack, dag_id: str = "reads") -> list[str]:
    """The ids of all runs, in the order in which they began."""
    found = stack.api("GET", f"/dags/{dag_id}/dagRuns?order_by=id&limit=100")["dag_runs"]
    return [each["dag_run_id"] for each in found]


def processed(stack: Stack) -> list[str]:
    """What the runs have processed, in their order."""
    return [text for run in runs(stack) for text in stack.xcom("reads", run, "read") or []]


def until_processed(stack: Stack, *texts: str) -> None:
    def is_processed() -> bool:
        return set(texts) <= set(processed(stack))

    wait_for(f"{texts} to be processed", is_processed, 90, stack.processes.check)


def run_of(stack: Stack, text: str) -> str:
    (found,) = (run for run in runs(stack) if text in (stack.xcom("reads", run, "read") or []))
    return found


def tries(stack: Stack, run: str) -> int:
    return int(stack.api("GET", f"/dags/reads/dagRuns/{run}/taskInstances/read")["try_number"])


def until_quiet(stack: Stack, dag_id: str = "reads") -> None:
    """Wait until no run is under way, nor one to come."""

    def is_quiet() -> bool:
        before = len(runs(stack, dag_id))
        time.sleep(4)
        states = {stack.run_state(dag_id, run) for run in runs(stack, dag_id)}
        return states <= {"success"} and len(runs(stack, dag_id)) == before

    wait_for("the runs to end", is_quiet, 120, stack.processes.check)


def test_a_message_starts_a_run(stack: Stack, kaizala: KaizalaServer) -> None:
    say(kaizala, "hello")
    until_processed(stack, "hello")
    until_quiet(stack)
    assert processed(stack) == ["hello"]


def test_a_first_try_that_fails_or_dies_loses_nothing(stack: Stack, kaizala: KaizalaServer) -> None:
    for text in ("fail", "die"):
        say(kaizala, text)
        until_processed(stack, text)
        assert tries(stack, run_of(stack, text)) == 2
    until_quiet(stack)
    assert processed(stack) == ["hello", "fail", "die"]


def test_one_run_works_at_a_time_and_another_starts_for_what_has_come_meanwhile(
    stack: Stack, kaizala: KaizalaServer
) -> None:
    before = len(runs(stack))
    say(kaizala, "slow")
    wait_for("a run", lambda: len(runs(stack)) > before, 60, stack.processes.check)
    slow = runs(stack)[-1]
    wait_for(
        "it to work", lambda: stack.task_states("reads", slow)["read"] == "running", 60, stack.processes.check
    )
    time.sleep(3)  # it has read
    say(kaizala, "meanwhile 1")
    wait_for("another run", lambda: len(runs(stack)) > before + 1, 60, stack.processes.check)
    other = runs(stack)[before + 1]
    wait_for("it to end", lambda: stack.run_state("reads", other) == "success", 60, stack.processes.check)
    assert stack.xcom("reads", other, "read") == []
    assert "another run is working on events" in stack.task_log("reads", other, "read")
    say(kaizala, "meanwhile 2")
    (stack.dags / "open").touch()
    until_processed(stack, "slow", "meanwhile 1", "meanwhile 2")
    until_quiet(stack)
    assert processed(stack)[-3:] == ["slow", "meanwhile 1", "meanwhile 2"]
    assert len(processed(stack)) == 6


def test_a_run_that_is_cleared_gets_the_same_events(stack: Stack, kaizala: KaizalaServer) -> None:
    run = run_of(stack, "hello")
    cleared = stack.api(
        "POST",
        "/dags/reads/clearTaskInstances",
        {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": ["read"]},
    )
    assert len(cleared["task_instances"]) == 1
    say(kaizala, "new")
    wait_for("the second try", lambda: tries(stack, run) == 2, 60, stack.processes.check)
    until_processed(stack, "new")
    until_quiet(stack)
    assert stack.xcom("reads", run, "read") == ["hello"]
    assert processed(stack)[-1] == "new"


def test_a_burst_is_processed_once_and_in_order(stack: Stack, kaizala: KaizalaServer) -> None:
    before = processed(stack)
    burst = [f"burst {number}" for number in range(60)]
    say(kaizala, *burst)
    until_processed(stack, burst[-1])
    until_quiet(stack)
    assert processed(stack)[len(before) :] == burst


def test_a_run_by_hand_finds_nothing_left(stack: Stack) -> None:
    run = stack.trigger("reads")
    wait_for("it to end", lambda: stack.run_state("reads", run) == "success", 60, stack.processes.check)
    assert stack.xcom("reads", run, "read") == []


def test_a_task_that_takes_one_event_leaves_the_next_to_a_run_of_its_own(
    stack: Stack, kaizala: KaizalaServer
) -> None:
    """Its DAG is new: what came before is none of its business."""
    (stack.dags / "later.py").write_text(LATER)
    activate(stack, "takes_one")

    def taken() -> list[Any]:
        found = (stack.xcom("takes_one", run, "take") for run in runs(stack, "takes_one"))
        return [each for each in found if each]

    say(kaizala, "one", "two", "three")
    wait_for("all three", lambda: "three" in taken(), 120, stack.processes.check)
    until_quiet(stack, "takes_one")
    assert taken() == ["one", "two", "three"]


def test_a_message_ends_a_wait(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("listens")

    def states() -> dict[str, str]:
        return stack.task_states("listens", run)

    wait_for(
        "the tasks to wait",
        lambda: states() == {"deferred": "deferred", "polled": "up_for_reschedule"},
        60,
        stack.processes.check,
    )
    time.sleep(10)
    say(kaizala, "done, says Meera", number=MEERA)
    say(kaizala, "Done: all doors are locked")
    # long before the next poll of the triggerer
    wait_for("the waits", lambda: set(states().values()) == {"success"}, 60, stack.processes.check)
    for task in ("deferred", "polled"):
        message = stack.xcom("listens", run, task)["message"]
        assert (message["text"], message["person"]["name"]) == ("Done: all doors are locked", "Ravi")


def test_no_secret_is_in_any_log(stack: Stack) -> None:
    for path in stack.folder.rglob("*.log"):
        text = path.read_text(errors="replace")
        assert SECRET not in text, path
    log = stack.processes.log("api-server")
    assert "Traceback" not in log
