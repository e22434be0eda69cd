"""A person writes in the group, the Kaizala server calls Airflow's API server, and a DAG runs."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import NewWebhook
from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.people import RAVI, Person
from demo.stack import GROUP, WEBHOOK_SECRET, wait_for

if TYPE_CHECKING:
    from airflow_provider_kaizala.client import KaizalaClient
    from demo.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)


def subscribe(stack: Stack, client: KaizalaClient) -> None:
    """Create the webhook of the group; the server asks the receiver for an echo first."""
    webhook = NewWebhook(
        object_id=SUBSCRIPTION.object_id,
        object_type=SUBSCRIPTION.object_type,
        event_types=("TextMessageCreated", "MemberAdded"),
        callback_url=SUBSCRIPTION.callback_url(stack.airflow),
        callback_token=SUBSCRIPTION.token(WEBHOOK_SECRET),
    )
    client.run(calls.create_webhook(webhook, GROUP))


def stored(stack: Stack) -> list[tuple[str, str]]:
    with sqlite3.connect(stack.home / "airflow.db", timeout=20) as database:
        return list(database.execute("SELECT group_id, event_type FROM kaizala_event ORDER BY id"))


def test_a_message_in_the_group_starts_a_run(stack: Stack, client: KaizalaClient) -> None:
    wait_for("the DAG", lambda: stack.api("GET", "/dags/on_messages") is not None, 60, stack.processes.check)
    stack.api("PATCH", "/dags/on_messages", {"is_paused": False})
    subscribe(stack, client)
    ravi = Person(stack.kaizala, RAVI)
    ravi.say(GROUP, "The shop is open")
    wait_for("the event", lambda: len(stored(stack)) == 1, 30, stack.processes.check)
    assert stored(stack) == [(GROUP, "TextMessageCreated")]

    def runs() -> list[dict[str, str]]:
        found: list[dict[str, str]] = stack.api("GET", "/dags/on_messages/dagRuns")["dag_runs"]
        return found

    wait_for("the run", lambda: [run["state"] for run in runs()] == ["success"], 60, stack.processes.check)
    (run,) = runs()
    assert run["run_type"] == "asset_triggered"
    assert stack.xcom("on_messages", run["dag_run_id"], "heard") == [
        {"kaizala": {"conn_id": "kaizala_default", "group_id": GROUP}}
    ]

    for number in range(20):
        ravi.say(GROUP, f"Customer {number}")
    wait_for("all events", lambda: len(stored(stack)) == 21, 30, stack.processes.check)
    wait_for("later runs", lambda: len(runs()) > 1, 60, stack.processes.check)
    wait_for(
        "their end", lambda: {each["state"] for each in runs()} == {"success"}, 60, stack.processes.check
    )
    assert len(runs()) < 21, "not a run for each of them"
