"""The client of the receiver's events, over real sockets: both ways of reading."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_kaizala.push.feed import EventFeed, FeedError, RefusedEventError
from airflow_provider_kaizala.push.pages import Page, write_page
from airflow_provider_kaizala.push.subscriptions import Subscription, listener_token
from tests.unit.push.sender import GROUP, SECRET, message

TOKEN = listener_token(SECRET, "kaizala_default")
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
Reading = Callable[..., Page]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(self)  # type: ignore[attr-defined]
        status, headers, body = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that answers what a test says; by default with a page of one event."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.seen = []  # type: ignore[attr-defined]
        server.answer = 200, JSON, write_page([(7, AT, json.dumps(message()))], 9)  # type: ignore[attr-defined]
        server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def read(url: str, after: int | None = 5, conn_id: str = "kaizala_default", **asked: Any) -> Page:
    reader = EventFeed(conn_id, SECRET, url)
    try:
        return reader.read(after, **asked)
    finally:
        reader.close()


def listen(url: str, after: int | None = 5, conn_id: str = "kaizala_default", **asked: Any) -> Page:
    async def scene() -> Page:
        reader = EventFeed(conn_id, SECRET, url)
        try:
            return await reader.listen(after, **asked)
        finally:
            await reader.aclose()

    return asyncio.run(scene())


@pytest.fixture(params=[read, listen])
def reading(request: pytest.FixtureRequest) -> Reading:
    found: Reading = request.param
    return found


def test_a_page_is_read(server: Any, reading: Reading) -> None:
    page = reading(server.url)
    (event,) = page.events
    assert page.cursor == 9
    assert (event.event_id, event.group_id, event.cursor, event.received_at) == ("e1", GROUP, 7, AT)
    assert (event.text, event.person.mobile_number) == ("Hello", "+910000000001")


def test_what_is_asked_for_travels_and_the_secret_does_not(server: Any, reading: Reading) -> None:
    reading(server.url + "/", after=None, group_id=GROUP, event_types=("A", "B"), limit=3, conn_id="my/conn")
    (request,) = server.seen
    parts = urlsplit(request.path)
    assert parts.path == "/kaizala/my%2Fconn/events"
    query = dict(parse_qsl(parts.query))
    query.pop("wait", None)
    assert query == {"after": "latest", "group": GROUP, "types": "A,B", "limit": "3"}
    assert request.headers["Authorization"] == f"Bearer {listener_token(SECRET, 'my/conn')}"
    assert SECRET not in str(request.headers)


def test_only_listening_waits(server: Any) -> None:
    read(server.url)
    listen(server.url)
    listen(server.url, wait=2.5)
    waits = [dict(parse_qsl(urlsplit(request.path).query)).get("wait") for request in server.seen]
    assert waits == [None, "20", "2.5"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>"), "where the plugin is not loaded"),
        ((404, JSON, b'{"detail":"Not Found"}'), "with the same webhook_secret as here"),
        ((429, JSON, b"{}"), "is busy: it answers 429"),
        ((503, JSON, b"{}"), "is busy: it answers 503"),
        ((302, {"Location": "http://elsewhere/"}, b""), "redirects (302)"),
        ((500, {"Content-Type": "text/plain"}, b"oh"), "it answers 500 with text/plain"),
        ((200, JSON, b"[]"), "the page is not a JSON object"),
        ((200, JSON, b"{"), "not a page of events"),
        ((200, JSON, b'{"events": []}'), "contains no cursor"),
        ((200, JSON, b'{"cursor": 1}'), "contains no list events"),
        ((200, JSON, b'{"cursor": 1, "events": [{"body": "{}"}]}'), "contains no eventId"),
        ((200, JSON, b"[" * 100_000), "not a page of events"),
    ],
)
def test_what_is_not_the_receiver_is_recognised(
    server: Any, reading: Reading, answer: Any, says: str
) -> None:
    server.answer = answer
    with pytest.raises(FeedError) as caught:
        reading(server.url)
    text = str(caught.value)
    assert says in text
    assert text.startswith(f"{server.url}/kaizala/kaizala_default/events ")
    assert caught.value.is_transient
    assert SECRET not in text
    assert TOKEN not in text


def test_a_receiver_that_cannot_be_reached(reading: Reading) -> None:
    with pytest.raises(
        FeedError, match=r"cannot be reached: .*; is \[kaizala\] receiver_url right"
    ) as caught:
        reading("http://127.0.0.1:1")
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_reply_that_is_cut_short(server: Any, reading: Reading) -> None:
    server.answer = 200, {**JSON, "Content-Length": "1000"}, b'{"events":[],"cursor":1}'
    with pytest.raises(FeedError, match="cannot be reached"):
        reading(server.url)


# --- handing in --------------------------------------------------------------------------------------------------------------


def hand_in(url: str, body: dict[str, Any]) -> None:
    async def scene() -> None:
        reader = EventFeed("kaizala_default", SECRET, url)
        try:
            await reader.hand_in(GROUP, body)
        finally:
            await reader.aclose()

    asyncio.run(scene())


def test_an_event_is_handed_in_as_a_webhook_posts_it(server: Any) -> None:
    server.answer = 200, JSON, b"{}"
    hand_in(server.url, message())
    (request,) = server.seen
    subscription = Subscription("kaizala_default", "Group", GROUP)
    assert server.url + request.path == subscription.callback_url(server.url)
    assert request.headers["kz-callback-token"] == subscription.token(SECRET)
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == message()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, JSON, b'{"detail":"the body is nested"}'), RefusedEventError),
        ((413, JSON, b"{}"), RefusedEventError),
        ((404, JSON, b"{}"), FeedError),
        ((503, JSON, b"{}"), FeedError),
        ((405, JSON, b"{}"), FeedError),
        ((200, {"Content-Type": "text/html"}, b"<html>"), FeedError),
    ],
)
def test_an_event_that_is_not_taken(server: Any, answer: Any, kind: type[FeedError]) -> None:
    server.answer = answer
    with pytest.raises(FeedError) as caught:
        hand_in(server.url, message())
    assert type(caught.value) is kind
    assert caught.value.is_transient is (kind is FeedError)
    assert Subscription("kaizala_default", "Group", GROUP).token(SECRET) not in str(caught.value)


# --- what it shows, and what it loads ------------------------------------------------------------------------------------------


def test_it_shows_no_secret() -> None:
    text = repr(EventFeed("kaizala_default", SECRET, "http://airflow"))
    assert text == "EventFeed('http://airflow/kaizala/kaizala_default/events')"


def test_only_the_http_library_that_is_used_is_loaded() -> None:
    script = (
        "import sys\n"
        "from airflow_provider_kaizala.push.feed import EventFeed\n"
        "EventFeed('c', 's', 'http://airflow')\n"
        "print([name for name in ('requests', 'httpx', 'sqlalchemy', 'airflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
