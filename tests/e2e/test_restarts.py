"""Components are killed while tasks wait and people answer: every task ends with its own answer, none early, none twice."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import RAVI
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

#: `make faults` asks for 200
WAITS = int(os.environ.get("KAIZALA_WAITS", "40"))
CHOICES = ("Red", "Green", "Blue")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = {
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    }
    dags = Path(__file__).parent / "dags"
    with Stack(tmp_path_factory.mktemp("stack"), dags, environment, limited=False) as stack:
        stack.start_component("triggerer", "--skip-serve-logs", as_name="second-triggerer")
        yield stack


@pytest.fixture
def kaizala(stack: Stack) -> KaizalaServer:
    return KaizalaServer(stack.kaizala)


def waits_of(stack: Stack, run: str) -> list[dict[str, Any]]:
    """The mapped tasks of a run."""
    found: list[dict[str, Any]] = []
    while True:
        page = stack.api(
            "GET",
            f"/dags/many_waits/dagRuns/{run}/taskInstances/wait/listMapped?limit=100&offset={len(found)}",
        )["task_instances"]
        found += page
        if len(page) < 100:
            return found


def in_state(stack: Stack, run: str, state: str) -> int:
    return sum(each["state"] == state for each in waits_of(stack, run))


def vote(kaizala: KaizalaServer, action_ids: list[str], numbers: Iterable[int]) -> None:
    """Ravi answers some of the polls, each differently."""
    for at in numbers:
        kaizala.call("POST", f"/people/{RAVI}/actions/{action_ids[at]}/votes", {"choice": CHOICES[at % 3]})


def test_every_task_ends_with_its_own_answer(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("many_waits", {"waits": WAITS})
    wait_for("all wait", lambda: in_state(stack, run, "deferred") == WAITS, 600, stack.processes.check)
    action_ids = stack.xcom("many_waits", run, "ask")
    quarter = WAITS // 4
    answered: dict[int, datetime] = {}

    def people_answer(numbers: range) -> None:
        answered.update(dict.fromkeys(numbers, datetime.now(tz=UTC)))
        vote(kaizala, action_ids, numbers)

    # one of two triggerers dies while people answer
    people_answer(range(quarter // 2))
    stack.processes.kill("triggerer")
    people_answer(range(quarter // 2, quarter))
    wait_for("first quarter", lambda: in_state(stack, run, "success") >= quarter, 200, stack.processes.check)
    assert in_state(stack, run, "success") == quarter, "none early"

    # the scheduler dies while people answer, and with it the workers
    people_answer(range(quarter, quarter + 5))
    time.sleep(6)
    stack.processes.kill("scheduler")
    people_answer(range(quarter + 5, 2 * quarter))
    stack.start_component("scheduler", "--skip-serve-logs")
    wait_for(
        "second quarter", lambda: in_state(stack, run, "success") >= 2 * quarter, 300, stack.processes.check
    )

    # no triggerer is left while people answer
    stack.processes.kill("second-triggerer")
    people_answer(range(2 * quarter, WAITS))
    time.sleep(3)
    assert in_state(stack, run, "success") == 2 * quarter, "none early"
    stack.start_component("triggerer", "--skip-serve-logs")
    wait_for("all", lambda: stack.run_state("many_waits", run) != "running", 400, stack.processes.check)

    assert stack.run_state("many_waits", run) == "success"
    for each in waits_of(stack, run):
        at = each["map_index"]
        result = stack.xcom("many_waits", run, "wait", map_index=at)
        assert result["action_id"] == action_ids[at]
        assert [(answer["responder"], list(answer["answers"].values())) for answer in result["answers"]] == [
            (RAVI, [CHOICES[at % 3]])
        ]
        assert datetime.fromisoformat(each["end_date"]) >= answered[at], "none early"
    posted = [item for item in kaizala.feed(GROUP) if (item.get("title") or "").startswith("Colour ")]
    assert len(posted) == WAITS, "nothing was asked twice"


def test_a_retry_does_not_ask_again(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("asks_once")

    def deferred() -> bool:
        return stack.task_states("asks_once", run)["ask"] == "deferred"

    wait_for("it waits", deferred, 120, stack.processes.check)
    (item,) = [each for each in kaizala.feed(GROUP) if each["title"] == "Only once?"]
    kaizala.call("POST", f"/people/{RAVI}/actions/{item['actionId']}/votes", {"choice": "Yes"})
    wait_for("it ends", lambda: stack.run_state("asks_once", run) != "running", 120, stack.processes.check)
    assert stack.run_state("asks_once", run) == "success"
    assert stack.xcom("asks_once", run, "ask")["winner"] == "Yes"
    assert len([each for each in kaizala.feed(GROUP) if each["title"] == "Only once?"]) == 1
