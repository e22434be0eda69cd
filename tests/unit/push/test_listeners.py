"""Reading stored events over HTTP, and waiting for the next one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from airflow_provider_kaizala.push import inbox, listeners, receiver
from airflow_provider_kaizala.push.listeners import Found, Listeners, Query, TooManyListenersError
from airflow_provider_kaizala.push.pages import read_page
from airflow_provider_kaizala.push.settings import PushSettings
from airflow_provider_kaizala.push.subscriptions import Subscription, listener_token
from airflow_provider_kaizala.push.tables import event
from tests.unit.push.sender import GROUP, SECRET, SUBSCRIPTION, Sender, define_connection, message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import httpx

URL = "/kaizala/kaizala_default/events"
TOKEN = listener_token(SECRET, "kaizala_default")
NOT_FOUND = (404, b'{"detail":"Not Found"}')
OTHER = Subscription("kaizala_default", "Group", "another")


def get(sender: Sender, url: str = URL, token: str | None = TOKEN, **query: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return sender.request("GET", url, params=query, headers=headers)


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [each.event_id for each in read_page(response.content).events]


# --- who is refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (URL, {}),
        (URL, {"Authorization": "Bearer wrong"}),
        (URL, {"Authorization": "Bearer "}),
        (URL, {"Authorization": f"Basic {TOKEN}"}),
        (URL, {"Authorization": TOKEN}),
        (URL, {"Authorization": f"Bearer {SECRET}"}),
        (URL, {"Authorization": f"Bearer {SUBSCRIPTION.token(SECRET)}"}),
        (URL, {"Authorization": b"Bearer \xff\xfe"}),
        (URL, {"kz-callback-token": TOKEN}),
        (f"{URL}?token={TOKEN}", {}),
        ("/kaizala/other/events", {"Authorization": f"Bearer {listener_token(SECRET, 'other')}"}),
        ("/kaizala/opted/events", {"Authorization": f"Bearer {TOKEN}"}),
        ("/kaizala/missing/events", {"Authorization": f"Bearer {listener_token(SECRET, 'missing')}"}),
        ("/kaizala/no_secret/events", {"Authorization": f"Bearer {listener_token(SECRET, 'no_secret')}"}),
        ("/kaizala/events", {"Authorization": f"Bearer {TOKEN}"}),
        (f"{URL}?after=x&wait=-1", {"Authorization": "Bearer wrong"}),
    ],
)
def test_every_refusal_is_the_same(
    database: None, monkeypatch: pytest.MonkeyPatch, url: str, headers: dict[str, Any]
) -> None:
    for conn_id in ("kaizala_default", "other", "opted"):
        define_connection(monkeypatch, conn_id)
    define_connection(monkeypatch, "no_secret", webhook_secret="")
    sender = Sender(PushSettings(frozenset({"kaizala_default", "opted", "missing", "no_secret"})))
    response = sender.request("GET", url, headers=headers)
    assert (response.status_code, response.content) == NOT_FOUND
    assert {*response.headers} == {"content-length", "content-type"}


def test_a_listener_may_not_post_events(sender: Sender) -> None:
    assert sender.post(headers={"kz-callback-token": TOKEN}).status_code == 404
    assert sender.request("POST", URL, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"after": "x"}, "after must be a cursor, an ISO 8601 time with a zone, or 'latest'"),
        ({"after": "2026-03-01T09:00:00"}, "after must"),
        ({"after": "-1"}, "after must"),
        ({"after": "9" * 19}, "after must"),
        ({"after": "٣"}, "after must"),
        ({"wait": "31"}, "wait must be a number of seconds from 0 to 30"),
        ({"wait": "-1"}, "wait must"),
        ({"wait": "nan"}, "wait must"),
        ({"wait": "soon"}, "wait must"),
        ({"limit": "0"}, "limit must be a whole number from 1 to 500"),
        ({"limit": "501"}, "limit must"),
        ({"group": ""}, "group must"),
        ({"group": "g" * 251}, "group must"),
        ({"types": "A" * 65}, "types must"),
        ({"types": "A," * 51}, "types must"),
    ],
)
def test_a_wrong_query_is_refused(sender: Sender, query: dict[str, str], detail: str) -> None:
    response = get(sender, **query)
    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)


# --- what is read ------------------------------------------------------------------------------------------------------------


def test_events_are_read_on_from_a_cursor(sender: Sender) -> None:
    for event_id in ("e1", "e2"):
        sender.post(message(event_id))
    page = read_page(get(sender).content)
    assert [each.event_id for each in page.events] == ["e1", "e2"]
    first = page.events[0]
    assert (first.group_id, first.text, first.person.name) == (GROUP, "Hello", "Asha")
    assert page.cursor == page.events[1].cursor > first.cursor
    assert first.received_at.tzinfo is not None
    assert ids(get(sender, after=first.cursor)) == ["e2"]
    assert read_page(get(sender, after=page.cursor).content) == read_page(get(sender, after="latest").content)
    assert read_page(get(sender, after="latest").content).cursor == page.cursor
    assert get(sender).headers["cache-control"] == "no-store"


def test_events_are_read_from_a_time_on(sender: Sender) -> None:
    for number in range(3):
        sender.post(message(f"e{number}"))
    at = datetime.now(tz=UTC) + timedelta(hours=1)
    with create_session() as session:
        (_, second, _) = session.scalars(select(event.c.id).order_by(event.c.id))
        session.execute(event.update().where(event.c.id >= second).values(received_at=at))
    assert ids(get(sender, after=at.isoformat())) == ["e1", "e2"]
    assert ids(get(sender, after=at.astimezone(timezone(timedelta(hours=5))).isoformat())) == ["e1", "e2"]
    assert ids(get(sender, after=(at - timedelta(days=1)).isoformat(), limit=2)) == ["e0", "e1"]
    later = read_page(get(sender, after=(at + timedelta(seconds=1)).isoformat()).content)
    assert (later.events, later.cursor) == ((), second + 1)


def test_events_are_chosen_by_group_and_type_and_the_cursor_passes_the_others(sender: Sender) -> None:
    sender.post(message("e1"))
    sender.post(message("e2", objectId="another"), OTHER)
    sender.post(message("e3", eventType="PollResponse"))
    assert ids(get(sender, group=GROUP)) == ["e1", "e3"]
    assert ids(get(sender, group=GROUP, types="PollResponse,JobResponse")) == ["e3"]
    assert ids(get(sender, types="PollResponse")) == ["e3"]
    none = read_page(get(sender, group="nobody's").content)
    assert (none.events, none.cursor) == ((), read_page(get(sender).content).cursor)


def test_a_page_has_as_many_events_as_are_asked_for(sender: Sender) -> None:
    for number in range(5):
        sender.post(message(f"e{number}"))
    seen, cursor = [], 0
    while page := read_page(get(sender, after=cursor, limit=2).content).events:
        assert len(page) <= 2
        seen += [each.event_id for each in page]
        cursor = page[-1].cursor
    assert seen == [f"e{number}" for number in range(5)]


def test_a_page_is_bounded_in_bytes_but_never_empty(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        sender.post(message(f"e{number}", data={"text": "x" * 1000}))
    monkeypatch.setattr(inbox, "PAGE", 500)
    page = read_page(get(sender).content)
    assert [each.event_id for each in page.events] == ["e0"]
    monkeypatch.setattr(inbox, "PAGE", 3000)
    assert ids(get(sender, after=page.cursor)) == ["e1", "e2"]


def test_database_trouble_is_answered_with_try_later(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise OperationalError("SELECT secret", {}, Exception("locked"))

    monkeypatch.setattr(inbox, "page", broken)
    response = get(sender)
    assert (response.status_code, response.headers["retry-after"]) == (503, "30")
    assert "Events could not be read: Exception: locked" in caplog.text
    assert TOKEN not in caplog.text


# --- waiting -----------------------------------------------------------------------------------------------------------------


def test_a_waiting_request_is_answered_when_this_process_stores_an_event(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "PAUSE", 3600)  # not by looking
    listening = {"params": {"wait": 30}, "headers": {"Authorization": f"Bearer {TOKEN}"}}
    post = ("POST", SUBSCRIPTION.callback_url(""), sender.delivery())
    listened, posted = sender.requests(("GET", URL, listening), post)
    assert posted.status_code == 200
    assert ids(listened) == ["e1"]


def test_a_waiting_request_is_answered_when_another_process_stores_an_event(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.Listeners, "ring", lambda self, conn_id: None)
    listening = {"params": {"wait": 30}, "headers": {"Authorization": f"Bearer {TOKEN}"}}
    post = ("POST", SUBSCRIPTION.callback_url(""), sender.delivery())
    assert ids(sender.requests(("GET", URL, listening), post)[0]) == ["e1"]


def test_a_request_that_has_waited_in_vain_gets_an_empty_page(sender: Sender) -> None:
    assert json.loads(get(sender, wait="0.01").content) == {"events": [], "cursor": 0}


class Store:
    """The stored events of connections, by cursor."""

    def __init__(self) -> None:
        self.newest: dict[str, int] = {}
        self.finds = self.looks = 0
        self.broken = False

    async def find(self, conn_id: str, query: Query, after: int | None) -> Found:
        self.finds += 1
        last = self.newest.get(conn_id, 0)
        after = last if after is None else after
        hits = [] if query.group_id else [after] * (last > after)
        return Found(tuple((each, None, "") for each in hits), last)  # type: ignore[misc]

    async def ends(self, conn_ids: Collection[str]) -> Mapping[str, int]:
        self.looks += 1
        if self.broken:
            raise OSError("the database")
        return {conn_id: self.newest[conn_id] for conn_id in conn_ids if conn_id in self.newest}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Play a scene in virtual time."""
    from tests.unit.triggers.conftest import VirtualLoop

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return asyncio.get_running_loop().time()

    monkeypatch.setattr(listeners, "time", Clock)

    def play(scene: Any) -> Any:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(scene())

    return play


def test_one_look_for_all_who_wait(play: Callable[[Any], Any]) -> None:
    store = Store()
    here = Listeners(store.find, store.ends)

    async def scene() -> None:
        query = Query(after=None, wait=20)
        waiting = [asyncio.create_task(here.answer(f"c{number % 2}", query)) for number in range(90)]
        await asyncio.sleep(10.1)
        assert store.looks == 20
        store.newest["c0"] = 7
        await asyncio.sleep(0.5)
        assert sum(each.done() for each in waiting) == 45
        assert {each.result().cursor for each in waiting if each.done()} == {7}
        found = await asyncio.gather(*waiting)
        assert [len(each.events) for each in found] == [1, 0] * 45

    play(scene)
    assert store.looks <= 40
    assert store.finds == 90 + 45


def test_nobody_looks_when_nobody_waits(play: Callable[[Any], Any]) -> None:
    store = Store()
    here = Listeners(store.find, store.ends)

    async def scene() -> None:
        await here.answer("c", Query(after=0, wait=2))
        looks = store.looks
        await asyncio.sleep(60)
        assert store.looks <= looks + 1
        await here.answer("c", Query(after=0, wait=2))
        assert store.looks > looks + 1, "and they look again later"

    play(scene)


def test_events_of_others_do_not_make_a_request_read_all_the_time(play: Callable[[Any], Any]) -> None:
    store = Store()
    here = Listeners(store.find, store.ends)

    async def scene() -> None:
        waiting = asyncio.create_task(here.answer("c", Query(after=None, wait=10, group_id="g")))
        for number in range(1000):
            await asyncio.sleep(0.01)
            store.newest["c"] = number
            here.ring("c")
        assert not (await waiting).events

    play(scene)
    assert store.finds <= 22


def test_who_waits_goes_on_waiting_while_the_database_is_away(play: Callable[[Any], Any]) -> None:
    store = Store()
    here = Listeners(store.find, store.ends)

    async def scene() -> None:
        waiting = asyncio.create_task(here.answer("c", Query(after=None, wait=20)))
        store.broken = True
        await asyncio.sleep(5)
        store.broken, store.newest["c"] = False, 1
        assert (await waiting).cursor == 1

    play(scene)


def test_no_more_than_so_many_may_wait(play: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "MOST_LISTENERS", 2)
    store = Store()
    here = Listeners(store.find, store.ends)

    async def scene() -> None:
        waiting = [asyncio.create_task(here.answer("c", Query(after=0, wait=5))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyListenersError):
            await here.answer("c", Query(after=0))
        waiting[0].cancel()
        await asyncio.sleep(0)
        await here.answer("c", Query(after=0))
        await waiting[1]

    play(scene)


def test_one_listener_too_many_is_told_so(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "MOST_LISTENERS", 0)
    response = get(sender)
    assert (response.status_code, response.json()["detail"]) == (429, "Too many listeners")
