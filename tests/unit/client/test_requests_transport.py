"""The bound on a whole exchange over requests: one watchdog for all clients, in every process."""

from __future__ import annotations

import os
import threading
import time

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaUnknownOutcomeError
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.requests_transport import _Exchange, _Watchdog, _watchdog

pytestmark = pytest.mark.parametrize("drive", ["sync"], indirect=True)
GOOD = {"referenceId": "ref-1"}


@pytest.fixture
def post(group):
    return calls.send_message(group, Message("Hello"))


def drip(server):
    return server.pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", gap=0.02, forever=b" ")


def test_a_short_bound_holds_after_a_long_one(drive, server, post):
    """The watchdog sleeps until the first bound that it knows; a nearer one wakes it."""
    server.script = [server.answer(200, GOOD), drip(server)]
    drive(server, total=300).run(post)
    begun = time.monotonic()
    with pytest.raises(KaizalaUnknownOutcomeError, match="the time for the whole call is over"):
        drive(server, total=0.4).run(post)
    assert 0.3 < time.monotonic() - begun < 4


@pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork:DeprecationWarning"
)  # of Python 3.12; Airflow forks too
def test_a_bound_holds_in_a_forked_process(drive, server, post):
    """Airflow forks workers; threads stay in the parent, and a lock may be held while it forks."""
    server.script = [server.answer(200, GOOD), drip(server)]
    drive(server, total=300).run(post)
    short = drive(server, total=0.4)
    with _watchdog._change:
        child = os.fork()
        if child == 0:
            try:
                short.run(post)
            except KaizalaUnknownOutcomeError:
                os._exit(42)
            os._exit(1)
    ended = time.monotonic() + 10
    done, status = 0, 0
    while not done and time.monotonic() < ended:
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.02)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42


def test_calls_share_one_watchdog_thread(drive, server, post):
    server.otherwise = server.answer(200, GOOD)
    for _ in range(3):
        client = drive(server)
        client.run(post)
        client.run(post)
    assert [each.name for each in threading.enumerate()].count("kaizala-watchdog") == 1


def test_an_idle_watchdog_ends_its_thread_and_starts_a_new_one(drive, monkeypatch):
    monkeypatch.setattr(_Watchdog, "IDLE", 0.05)
    watchdog = _Watchdog()
    for _ in range(2):
        expired, forgotten = _Exchange(), _Exchange()
        watchdog.watch(expired, 0.02)
        watchdog.watch(forgotten, 0.03)
        watchdog.forget(forgotten)
        until = time.monotonic() + 5
        while watchdog._running and time.monotonic() < until:
            time.sleep(0.01)
        assert not watchdog._running
        assert (expired.expired, forgotten.expired) == (True, False)


def test_cookies_are_not_kept(drive, server, post):
    server.otherwise = server.answer(200, GOOD, Set_Cookie="session=1; Path=/")
    client = drive(server)
    client.run(post)
    client.run(post)
    assert not [each for each in server.received if "cookie" in each.headers]


def test_a_connection_is_not_used_again_after_a_reply_that_could_not_be_read(drive, server, group):
    broken = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"

    def stay(connection, request):
        connection.sendall(broken)
        return True

    server.script = [stay, server.answer(200, {"members": []})]
    drive(server).run(calls.list_members(group))
    first, second = server.calls
    assert first.connection != second.connection
