"""Events are read from a real API server with two workers, by requests that wait for them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

pytest.importorskip("fastapi", reason="Airflow 2 receives no webhooks")
pytest.importorskip("airflow.api_fastapi.app", reason="Airflow 2 receives no webhooks")

from airflow_provider_kaizala.push.feed import EventFeed, FeedError
from airflow_provider_kaizala.push.subscriptions import Subscription, listener_token
from tests.airflow.push.api_server import GROUP, SECRET, SUBSCRIPTION, ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.push.pages import Page

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

TOKEN = listener_token(SECRET, "kaizala_default")


@pytest.fixture
def feed(api_server: ApiServer) -> Iterator[EventFeed]:
    feed = EventFeed("kaizala_default", SECRET, api_server.url)
    yield feed
    feed.close()


def group(name: str) -> Subscription:
    return Subscription("kaizala_default", "Group", name)


def ids(page: Page) -> list[str]:
    return [each.event_id for each in page.events]


def test_every_refusal_is_the_same(api_server: ApiServer) -> None:
    url = f"{api_server.url}/kaizala/kaizala_default/events"

    def get(address: str = url, token: str | None = None, **headers: str) -> requests.Response:
        given = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        return requests.get(address, headers=given, timeout=30)

    foreign = Subscription("kaizala_default", "Group", "another")
    refusals = [
        get(),
        get(token="wrong"),
        get(token=SECRET),
        get(token=SUBSCRIPTION.token(SECRET)),
        get(token=listener_token(SECRET, "missing")),
        get(f"{url}?after=latest&wait=30", token="wrong"),
        get(f"{api_server.url}/kaizala/missing/events", token=listener_token(SECRET, "missing")),
        get(f"{api_server.url}/kaizala/not_opted_in/events", token=listener_token(SECRET, "not_opted_in")),
        requests.post(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30),
        api_server.post("r", url=foreign.callback_url(api_server.url), token=TOKEN),
    ]
    answers = {
        (each.status_code, each.content, *sorted({*each.headers} - {"date", "server", "Connection"}))
        for each in refusals
    }
    assert len(answers) == 1
    assert next(iter(answers))[:2] == (404, b'{"detail":"Not Found"}')
    assert get(token=TOKEN).status_code == 200


def test_events_are_read_on_from_a_cursor(api_server: ApiServer, feed: EventFeed) -> None:
    start = feed.read(None)
    assert start.events == ()
    for number in range(7):
        assert api_server.post(f"read{number}", subscription=group("reading")).status_code == 200
    found: list[str] = []
    cursor = start.cursor
    while (page := feed.read(cursor, "reading", limit=3)).events:
        found += ids(page)
        cursor = page.cursor
    assert found == [f"read{number}" for number in range(7)]
    assert feed.read(start.cursor, "reading", ["JobResponse"]).events == ()
    assert feed.read(None).cursor == cursor


def test_whoever_waits_at_any_worker_hears_of_an_event_that_one_of_them_has_stored(
    api_server: ApiServer, feed: EventFeed
) -> None:
    """Each of the two workers answers some of the requests, and one of them stores the event."""
    start = feed.read(None).cursor

    async def listen() -> tuple[Page, float]:
        feed = EventFeed("kaizala_default", SECRET, api_server.url)
        try:
            page = await feed.listen(start, 25, "waking")
        finally:
            await feed.aclose()
        return page, time.monotonic()

    async def scene() -> list[tuple[Page, float]]:
        waiting = [asyncio.create_task(listen()) for _ in range(12)]
        await asyncio.sleep(2)
        assert not any(each.done() for each in waiting)
        await asyncio.to_thread(api_server.post, "other", subscription=group("another"))
        await asyncio.sleep(1)
        assert not any(each.done() for each in waiting), "it is not of their group"
        await asyncio.to_thread(api_server.post, "wake", subscription=group("waking"))
        return await asyncio.gather(*waiting)

    began = time.monotonic()
    heard = asyncio.run(scene())
    assert [ids(page) for page, _ in heard] == [["wake"]] * 12
    assert max(at for _, at in heard) - began < 20, "long before the requests would have ended"


def test_a_burst_is_heard_completely_and_once(api_server: ApiServer, feed: EventFeed) -> None:
    start = feed.read(None).cursor
    names = [f"burst{number}" for number in range(150)]

    async def scene() -> list[str]:
        feed = EventFeed("kaizala_default", SECRET, api_server.url)
        heard: list[str] = []
        cursor: int = start
        posting = asyncio.create_task(asyncio.to_thread(api_server.post_all, names))
        try:
            while len(heard) < len(names):
                page = await feed.listen(cursor, 20, GROUP)
                assert page.events, "within 20 seconds there is one"
                heard += ids(page)
                cursor = page.cursor
        finally:
            await feed.aclose()
            await posting
        return heard

    heard = asyncio.run(scene())
    assert sorted(heard) == sorted(names)


def test_database_trouble_is_said_and_passes(api_server: ApiServer, feed: EventFeed) -> None:
    api_server.sql("ALTER TABLE kaizala_event RENAME TO kaizala_event_gone")
    try:
        with pytest.raises(FeedError, match="is busy: it answers 503"):
            feed.read(0)
    finally:
        api_server.sql("ALTER TABLE kaizala_event_gone RENAME TO kaizala_event")
    feed.read(0)


def test_what_is_not_the_receiver(api_server: ApiServer) -> None:
    """Where there is no plugin, Airflow answers with its own page."""
    feed: Any = EventFeed("kaizala_default", SECRET, f"{api_server.url}/nothing")
    with pytest.raises(FeedError, match="where the plugin is not loaded"):
        feed.read(0)
    feed.close()


def test_the_log_shows_no_traceback_and_no_secret(api_server: ApiServer) -> None:
    """Runs last: it looks at what all others have caused."""
    log = api_server.log
    assert "Traceback" not in log
    for secret in (SECRET, TOKEN, SUBSCRIPTION.token(SECRET)):
        assert secret not in log
