"""A person answers, the Kaizala server calls Airflow's API server, and the task that waits goes on long before its next poll."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import NewWebhook, Survey
from airflow_provider_kaizala.push.subscriptions import Subscription
from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import MEERA, RAVI, Person
from demo.stack import GROUP, WEBHOOK_SECRET, wait_for

if TYPE_CHECKING:
    from airflow_provider_kaizala.client import KaizalaClient
    from demo.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)


def stored(stack: Stack, event_type: str) -> list[str]:
    """The ids of stored events."""
    query = "SELECT event_id FROM kaizala_event WHERE event_type = ? ORDER BY id"
    with sqlite3.connect(stack.home / "airflow.db", timeout=20) as database:
        return [row[0] for row in database.execute(query, [event_type])]


def test_an_answer_wakes_a_wait_long_before_its_next_poll(stack: Stack, client: KaizalaClient) -> None:
    webhook = NewWebhook(
        object_id=SUBSCRIPTION.object_id,
        object_type=SUBSCRIPTION.object_type,
        event_types=("PollResponse",),
        callback_url=SUBSCRIPTION.callback_url(stack.airflow),
        callback_token=SUBSCRIPTION.token(WEBHOOK_SECRET),
    )
    run = stack.trigger("waking")
    client.run(calls.create_webhook(webhook, GROUP))
    kaizala = KaizalaServer(stack.kaizala)

    def is_waiting() -> bool:
        return set(stack.task_states("waking", run).values()) == {"deferred"}

    wait_for("the waits", is_waiting, 120, stack.processes.check)
    wait_for(
        "listening",
        lambda: "Events of connection 'kaizala_default' wake its waits" in stack.processes.log("triggerer"),
        60,
        stack.processes.check,
    )
    wait_for(
        "the first poll", lambda: bool(kaizala.journal(operation="listActions")), 60, stack.processes.check
    )
    actions = {item["title"]: item["actionId"] for item in kaizala.feed(GROUP) if item.get("actionId")}
    ravi = Person(stack.kaizala, RAVI)
    answered = time.monotonic()
    for number in range(3):
        ravi.vote(actions[f"Tea {number}?"], "Yes")
    wait_for("the run", lambda: stack.run_state("waking", run) == "success", 120, stack.processes.check)
    took = time.monotonic() - answered
    print(f"3 tasks went on and ended {took:.1f} s after the first answer")
    assert len(stored(stack, "PollResponse")) == 3
    result: dict[str, Any] = stack.xcom("waking", run, "poll_1")
    assert (result["complete"], result["answered_by"]) == (True, ["Ravi"])


def test_without_a_webhook_a_watcher_finds_what_is_new(stack: Stack, client: KaizalaClient) -> None:
    """It polls, and the receiver stores what it finds, so the same DAG runs."""
    stack.api("PATCH", "/dags/on_answers", {"is_paused": False})
    survey = Survey("Daily", [{"title": "How many?", "type": "Numeric"}])
    action_id = client.run(calls.post_action(GROUP, survey)).action_id
    assert action_id
    wait_for(
        "the watch",
        lambda: bool(
            [each for each in stack.api("GET", "/variables")["variables"] if "kaizala_watch_" in each["key"]]
        ),
        120,
        stack.processes.check,
    )
    Person(stack.kaizala, RAVI).answer(action_id, 3)

    def runs() -> list[dict[str, str]]:
        found: list[dict[str, str]] = stack.api("GET", "/dags/on_answers/dagRuns")["dag_runs"]
        return found

    wait_for("the run", lambda: [each["state"] for each in runs()] == ["success"], 120, stack.processes.check)
    (event_id,) = stored(stack, "SurveyResponse")
    assert event_id.startswith("pulled-")
    (heard,) = stack.xcom("on_answers", runs()[0]["dag_run_id"], "heard")
    assert heard["kaizala"]["group_id"] == GROUP

    Person(stack.kaizala, MEERA).answer(action_id, 4)
    wait_for("the next event", lambda: len(stored(stack, "SurveyResponse")) == 2, 60, stack.processes.check)
    time.sleep(11)  # two more looks
    assert len(stored(stack, "SurveyResponse")) == 2
