"""Reading events by cursor, and deleting old ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.utils.session import create_session

from airflow_provider_kaizala.push import inbox
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.receiver import prune_events
from airflow_provider_kaizala.push.settings import PushSettings
from airflow_provider_kaizala.push.subscriptions import Subscription
from airflow_provider_kaizala.push.writer import store_events
from tests.unit.push.sender import SUBSCRIPTION, message, stored

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANOTHER = Subscription("kaizala_default", "Group", "another")
FOREIGN = Subscription("second", "Group", SUBSCRIPTION.object_id)

pytestmark = pytest.mark.usefixtures("database")


def put(
    event_id: str, subscription: Subscription = SUBSCRIPTION, days_ago: float = 0, **changes: Any
) -> None:
    body = message(event_id, **changes)
    event = KaizalaEvent.read(body, received_at=NOW - timedelta(days=days_ago))
    store_events([inbox.Arrival(subscription, event, json.dumps(body))])


def read(
    conn_id: str = "kaizala_default",
    group_id: str | None = None,
    event_types: Sequence[str] = (),
    **given: Any,
) -> list[str]:
    with create_session() as session:
        found, _ = inbox.page(session, conn_id, group_id, event_types, **given)
    return [json.loads(body)["eventId"] for _, _, body in found]


def test_events_of_a_connection_a_group_and_some_types() -> None:
    put("e1")
    put("e2", ANOTHER)
    put("e3", FOREIGN)
    put("e4", eventType="JobResponse")
    put("e5", Subscription("kaizala_default", "Action", "a1"))
    assert read() == ["e1", "e2", "e4", "e5"]
    assert read(group_id=SUBSCRIPTION.object_id) == ["e1", "e4"]
    assert read(group_id="another") == ["e2"]
    assert read("second") == ["e3"]
    assert read(event_types=["JobResponse", "JobCreated"]) == ["e4"]
    assert read(group_id="nothing") == read("nobody") == []


def test_reading_on_from_a_cursor() -> None:
    for number in range(5):
        put(f"e{number}")
    with create_session() as session:
        first, cursor = inbox.page(session, "kaizala_default", limit=2)
        assert inbox.end(session, "kaizala_default") == stored()[-1].id
        assert inbox.end(session, "nobody") == 0
    assert [(row_id, received_at) for row_id, received_at, _ in first] == [
        (row.id, NOW) for row in stored()[:2]
    ]
    assert read(after=cursor) == ["e2", "e3", "e4"]


def test_the_same_event_id_of_another_connection_or_subscription_is_another_event() -> None:
    for subscription in (SUBSCRIPTION, ANOTHER, FOREIGN, SUBSCRIPTION):
        put("e1", subscription)
    assert len(stored()) == 3


def test_an_id_is_never_used_again() -> None:
    """Else a reader whose cursor is at the newest event would miss the next one."""
    put("e1", days_ago=40)
    (row,) = stored()
    assert prune_events(PushSettings(keep_days=30)) == 1
    put("e2")
    assert stored()[0].id > row.id


def test_old_events_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "BATCH", 2)
    for number in range(7):
        put(f"e{number}", days_ago=10 - number)
    with create_session() as session:
        assert inbox.prune(session, PushSettings(keep_days=7), NOW) == 2, "a batch"
        assert inbox.prune(session, PushSettings(keep_days=7), NOW) == 1
        assert inbox.prune(session, PushSettings(keep_days=7), NOW) == 0
    assert read() == ["e3", "e4", "e5", "e6"]


def test_surplus_events_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "BATCH", 2)
    for number in range(7):
        put(f"e{number}", (SUBSCRIPTION, FOREIGN)[number % 2])
    with create_session() as session:
        assert [inbox.prune(session, PushSettings(keep_events=4), NOW) for _ in range(3)] == [2, 1, 0]
    assert [row.event_id for row in stored()] == ["e3", "e4", "e5", "e6"]


def test_a_webhook_that_floods_displaces_no_events_of_others() -> None:
    put("e0", FOREIGN)
    for number in range(1, 9):
        put(f"e{number}")
    with create_session() as session:
        assert inbox.prune(session, PushSettings(keep_events=4), NOW) == 5
    assert [row.event_id for row in stored()] == ["e0", "e6", "e7", "e8"]
