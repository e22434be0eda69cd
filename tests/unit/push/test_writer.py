"""Events that arrive at once are stored together, and one that cannot be stored harms no other."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import DataError, OperationalError

from airflow_provider_kaizala.push import writer
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.inbox import Arrival
from airflow_provider_kaizala.push.subscriptions import Subscription
from airflow_provider_kaizala.push.writer import MOST, Writer, store_events
from tests.unit.push.sender import SUBSCRIPTION, asset_events, message, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def arrival(event_id: str, subscription: Subscription = SUBSCRIPTION, **changes: Any) -> Arrival:
    body = message(event_id, **changes)
    return Arrival(subscription, KaizalaEvent.read(body), json.dumps(body))


class Store:
    """Stands for the database: it can be slow, and refuse some events or all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[list[str]] = []
        self.poison: set[str] = set()
        self.error: Exception | None = None
        self.is_open = threading.Event()
        self.is_open.set()
        monkeypatch.setattr(writer, "store_events", self.store)

    def store(self, arrivals: Sequence[Arrival]) -> None:
        ids = [each.event.event_id for each in arrivals]
        self.batches.append(ids)
        self.is_open.wait(30)
        if self.error or self.poison & set(ids):
            raise self.error or DataError("INSERT", {}, Exception("cannot be stored"))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(monkeypatch)


def put_at_once(count: int) -> list[Any]:
    """Put events at once; return what each sender gets: None, or an error."""

    async def run() -> list[Any]:
        mine = Writer()
        return await asyncio.gather(
            *(mine.store(arrival(f"e{number}")) for number in range(count)), return_exceptions=True
        )

    return asyncio.run(run())


def test_events_that_arrive_meanwhile_go_into_the_next_transaction(store: Store) -> None:
    assert put_at_once(MOST + 5) == [None] * (MOST + 5)
    assert [len(batch) for batch in store.batches] == [MOST, 5]


def test_nobody_is_answered_before_the_commit(store: Store) -> None:
    async def run() -> None:
        mine = Writer()
        store.is_open.clear()
        first = asyncio.create_task(mine.store(arrival("e1")))
        second = asyncio.create_task(mine.store(arrival("e2")))
        while not store.batches:  # noqa: ASYNC110 - filled by a thread
            await asyncio.sleep(0)
        assert not first.done()
        assert not second.done()
        store.is_open.set()
        await asyncio.gather(first, second)

    asyncio.run(run())


def test_one_event_that_cannot_be_stored_harms_no_other(store: Store) -> None:
    store.poison = {"e1"}
    first, second, third = put_at_once(3)
    assert (first, third) == (None, None)
    assert isinstance(second, DataError)
    assert store.batches == [["e0", "e1", "e2"], ["e0"], ["e1"], ["e2"]]


def test_a_database_that_is_down_is_not_asked_for_each_event(store: Store) -> None:
    store.error = OperationalError("INSERT", {}, Exception("connection refused"))
    assert put_at_once(5) == [store.error] * 5
    assert len(store.batches) == 1


def test_a_sender_that_goes_away_stops_nothing(store: Store) -> None:
    async def run() -> None:
        mine = Writer()
        store.is_open.clear()
        first = asyncio.create_task(mine.store(arrival("e1")))
        await asyncio.sleep(0)
        first.cancel()
        second = asyncio.create_task(mine.store(arrival("e2")))
        store.is_open.set()
        await second
        assert first.cancelled()
        await mine.store(arrival("e3"))

    asyncio.run(run())


@pytest.mark.usefixtures("database")
def test_a_batch_of_several_connections_and_groups(declare: Callable[..., None]) -> None:
    other = Subscription("second", "Group", "g2")
    action = Subscription("second", "Action", "a1")
    for uri in (
        asset_uri("kaizala_default", SUBSCRIPTION.object_id),
        asset_uri("kaizala_default", SUBSCRIPTION.object_id, "JobResponse"),
        asset_uri("second", "g2", "TextMessageCreated"),
        asset_uri("second", "g2", "JobResponse"),
    ):
        declare(uri)
    batch = [
        arrival("e1", other),
        arrival("e1"),
        arrival("e2", action),
        arrival("e1"),
        arrival("e2", eventType="JobResponse"),
    ]
    store_events(batch)
    store_events(batch)
    assert sorted((row.conn_id, row.object_type, row.event_id) for row in stored()) == [
        ("kaizala_default", "Group", "e1"),
        ("kaizala_default", "Group", "e2"),
        ("second", "Action", "e2"),
        ("second", "Group", "e1"),
    ]
    assert sorted(uri for uri, _ in asset_events()) == [
        asset_uri("kaizala_default", SUBSCRIPTION.object_id),
        asset_uri("kaizala_default", SUBSCRIPTION.object_id, "JobResponse"),
        asset_uri("second", "g2", "TextMessageCreated"),
    ], "each once"
