"""How long a connection may stay open without a whole request."""

from __future__ import annotations

import asyncio
from unittest.mock import MagicMock

import pytest
import uvicorn
from uvicorn.server import ServerState

from airflow_provider_kaizala.server.api.connections import HEAD_SECONDS, PlainProtocol

KEEP_ALIVE = 75
HEAD = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Timer:
    def __init__(self, due, call) -> None:
        self.due, self.call = due, call

    def cancel(self) -> None:
        self.due = float("inf")


class Loop:
    """An event loop whose time goes on when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def call_later(self, delay, call) -> Timer:
        self.timers.append(timer := Timer(self.now + delay, call))
        return timer

    def create_task(self, work, **_options) -> MagicMock:
        work.close()
        return MagicMock()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        for timer in [one for one in self.timers if one.due <= self.now]:
            timer.cancel()
            timer.call()


class Client:
    """The other end of a connection."""

    def __init__(self) -> None:
        async def app(_scope, _receive, _send) -> None:
            raise AssertionError

        self.loop = Loop()
        config = uvicorn.Config(app, log_config=None, timeout_keep_alive=KEEP_ALIVE)
        self.protocol = PlainProtocol(config, ServerState(), {}, _loop=self.loop)
        self.transport = MagicMock(spec=asyncio.Transport)
        self.transport.is_closing.side_effect = lambda: self.transport.close.called
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def is_closed_after(self, seconds: float) -> bool:
        """Tell whether the connection is closed then, and was open until then."""
        self.loop.wait(seconds - 1)
        was_open = not self.transport.close.called
        self.loop.wait(1)
        return was_open and self.transport.close.called

    def get_reply(self) -> None:
        self.protocol.cycle.response_complete = True
        self.protocol.on_response_complete()


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_connection_without_a_request_is_closed_like_an_idle_one(client) -> None:
    assert client.is_closed_after(KEEP_ALIVE)


def test_a_header_that_comes_byte_by_byte_is_cut_off(client) -> None:
    for byte in HEAD[: HEAD_SECONDS - 1]:
        client.send(bytes([byte]))
        client.loop.wait(1)
    assert client.is_closed_after(1)


def test_a_slow_reply_is_waited_for(client) -> None:
    client.send(HEAD[:20])
    client.loop.wait(HEAD_SECONDS - 1)
    client.send(HEAD[20:])
    client.loop.wait(1000)
    client.send(b"body")
    client.loop.wait(1000)
    assert not client.transport.close.called


def test_a_connection_is_kept_between_requests(client) -> None:
    for _ in range(3):
        client.send(HEAD + b"body")
        client.get_reply()
        client.loop.wait(KEEP_ALIVE - 1)
        assert not client.transport.close.called
    client.send(HEAD + b"body")
    client.get_reply()
    assert client.is_closed_after(KEEP_ALIVE)


def test_the_header_of_a_later_request_is_cut_off_too(client) -> None:
    client.send(HEAD + b"body")
    client.get_reply()
    client.loop.wait(KEEP_ALIVE - 1)
    client.send(HEAD[:-1])
    assert client.is_closed_after(HEAD_SECONDS)


def test_the_rest_of_a_refused_body_may_take_its_time_but_not_stop(client) -> None:
    client.send(HEAD)
    client.get_reply()
    for byte in b"bod":
        client.loop.wait(HEAD_SECONDS - 1)
        client.send(bytes([byte]))
    assert client.is_closed_after(HEAD_SECONDS)


def test_a_connection_that_is_lost_leaves_no_timer(client) -> None:
    client.send(HEAD[:20])
    client.protocol.connection_lost(ConnectionResetError())
    assert not [timer for timer in client.loop.timers if timer.due < float("inf")]
