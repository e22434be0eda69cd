"""A person writes in the group, the Kaizala server calls Airflow's API server, and a DAG runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.models import NewWebhook
from airflow_provider_kaizala.client.settings import Settings
from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.people import RAVI, Person
from demo.stack import GROUP, WEBHOOK_SECRET, Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = {
        "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": "kaizala_default",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",  # which starts runs for assets too
    }
    dags = Path(__file__).parent / "dags"
    with Stack(tmp_path_factory.mktemp("stack"), dags, environment, limited=False) as stack:
        yield stack


def subscribe(stack: Stack) -> None:
    """Create the webhook of the group; the server asks the receiver for an echo first."""
    settings = Settings("demo-connector", "demo-secret", stack.kaizala, refresh_token="demo-refresh-token")
    webhook = NewWebhook(
        object_id=SUBSCRIPTION.object_id,
        object_type=SUBSCRIPTION.object_type,
        event_types=("TextMessageCreated", "MemberAdded"),
        callback_url=SUBSCRIPTION.callback_url(stack.airflow),
        callback_token=SUBSCRIPTION.token(WEBHOOK_SECRET),
    )
    with KaizalaClient(settings) as client:
        client.run(calls.create_webhook(webhook, GROUP))


def stored(stack: Stack) -> list[tuple[str, str]]:
    with sqlite3.connect(stack.home / "airflow.db", timeout=20) as database:
        return list(database.execute("SELECT group_id, event_type FROM kaizala_event ORDER BY id"))


def test_a_message_in_the_group_starts_a_run(stack: Stack) -> None:
    wait_for("the DAG", lambda: stack.api("GET", "/dags/on_messages") is not None, 60, stack.processes.check)
    stack.api("PATCH", "/dags/on_messages", {"is_paused": False})
    subscribe(stack)
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
