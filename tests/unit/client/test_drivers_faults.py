"""Both drivers against a server that misbehaves: each fault has the outcome that the design gives it, in time."""

from __future__ import annotations

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import (
    KaizalaNoReplyError,
    KaizalaUnknownOutcomeError,
    KaizalaUnreachableError,
)
from airflow_provider_kaizala.client.models import Message

OK = b"HTTP/1.1 200 OK\r\n"
TOTAL = 0.3
GOOD = b'{"referenceId": "ref-1", "members": []}'


@pytest.fixture
def post(group):
    return calls.send_message(group, Message("Hello"))


@pytest.fixture
def get(group):
    return calls.list_members(group)


#: faults that come at once
QUICK = {
    "dropped before the reply": lambda s: s.pieces(),
    "dropped within the status line": lambda s: s.pieces(b"HTTP/1."),
    "dropped within the headers": lambda s: s.pieces(OK + b"Content-Le"),
    "truncated body": lambda s: s.pieces(OK + b"Content-Length: 1000\r\n\r\n" + GOOD),
    "chunked without an end": lambda s: s.pieces(
        OK + b"Transfer-Encoding: chunked\r\n\r\n27\r\n" + GOOD + b"\r\n"
    ),
    "broken chunk": lambda s: s.pieces(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD),
    "no HTTP": lambda s: s.pieces(b"220 mail.example ESMTP\r\n\r\n" + GOOD),
    "broken gzip": lambda s: s.pieces(OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
    "no JSON": lambda s: s.answer(200, b"<html>sign in</html>"),
    "empty 200": lambda s: s.answer(200, b""),
    "no ids": lambda s: s.answer(200, {"hello": "there"}),
    "an interim reply only": lambda s: s.pieces(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "408": lambda s: s.answer(408, b""),
    "500": lambda s: s.answer(500, {"message": "broken", "errorCode": "Internal"}),
    "502 of a gateway": lambda s: s.answer(502, b"<html>Bad Gateway</html>"),
}
#: faults that only a bound ends
SLOW = {
    "silence": lambda s: s.silence(),
    "dripping headers": lambda s: s.pieces(OK + b"X-Drip: ", gap=0.02, forever=b"a"),
    "dripping header lines": lambda s: s.pieces(OK, gap=0.05, forever=b"X-D: a\r\n"),
    "dripping body": lambda s: s.pieces(OK + b"Content-Length: 100000\r\n\r\n", gap=0.02, forever=b" "),
    "dripping body that ends by closing": lambda s: s.pieces(
        OK + b"Connection: close\r\n\r\n", gap=0.02, forever=b" "
    ),
    "dripping chunks": lambda s: s.pieces(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", gap=0.02, forever=b"1\r\n \r\n"
    ),
    "dripping interim replies": lambda s: s.pieces(gap=0.02, forever=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "dripping good reply, too late": lambda s: s.pieces(OK + b"\r\n" + GOOD, gap=0.02, forever=b" "),
}


class TestAtOnce:
    @pytest.mark.parametrize("fault", QUICK)
    def test_a_post_has_an_unknown_outcome_and_is_sent_once(self, drive, server, post, group, fault):
        server.script = [QUICK[fault](server), server.answer(200, GOOD)]
        driver = drive(server)
        with pytest.raises(KaizalaUnknownOutcomeError) as caught:
            driver.run(post)
        assert caught.value.group_id == group
        assert len(server.calls) == 1
        assert driver.sleeps == []

    @pytest.mark.parametrize("fault", QUICK)
    def test_a_read_is_repeated(self, drive, server, get, fault):
        server.script = [QUICK[fault](server), server.answer(200, GOOD)]
        driver = drive(server)
        assert driver.run(get) == ()
        assert len(server.calls) == 2
        assert driver.sleeps == [0.75]

    def test_a_read_fails_when_its_retries_are_used_up(self, drive, server, get):
        server.otherwise = server.pieces()
        with pytest.raises(KaizalaNoReplyError, match="listMembers: no readable reply"):
            drive(server, retries=2).run(get)
        assert len(server.calls) == 3

    def test_a_connection_is_reused_after_an_error_reply(self, drive, server, get):
        server.script = [server.answer(500, {}), server.answer(200, GOOD)]
        drive(server).run(get)
        assert {request.connection for request in server.received} == {1}


class TestBounds:
    def test_the_total_timeout_ends_a_call(self, drive, serve, post):
        """Whatever the fault is. All faults at once, since a call mostly waits."""
        total = 2 * TOTAL

        def end(fault):
            server = serve()
            server.script = [SLOW[fault](server)]
            driver = drive(server, total=total, read=60, connect=60)
            begun = time.monotonic()
            with pytest.raises(KaizalaUnknownOutcomeError) as caught:
                driver.run(post)
            return str(caught.value), time.monotonic() - begun, len(server.calls)

        with ThreadPoolExecutor(len(SLOW)) as pool:
            ended = {fault: pool.submit(end, fault) for fault in SLOW}
        for fault, how in ended.items():
            assert how.exception() is None, fault
            says, took, calls_made = how.result()
            assert re.search(r"time for the whole call is over|timed out|[Tt]imeout", says), fault
            assert total - 0.1 < took < total + 4, fault
            assert calls_made == 1, fault

    def test_the_total_timeout_bounds_all_attempts_together(self, drive, server, get):
        server.otherwise = server.silence()
        driver = drive(server, total=TOTAL, read=0.2)
        begun = time.monotonic()
        with pytest.raises(KaizalaNoReplyError):
            driver.run(get)
        assert time.monotonic() - begun < TOTAL + 4

    def test_the_read_timeout_ends_an_attempt(self, drive, server, post):
        server.script = [server.silence()]
        begun = time.monotonic()
        with pytest.raises(KaizalaUnknownOutcomeError, match=r"[Tt]ime"):
            drive(server, total=30, read=0.2).run(post)
        assert time.monotonic() - begun < 5
        assert len(server.calls) == 1

    def test_the_read_timeout_applies_between_pieces_of_a_reply(self, drive, server, post):
        pieces = [OK + b"Content-Length: %d\r\n\r\n" % len(GOOD), GOOD[:10], GOOD[10:20], GOOD[20:]]
        server.script = [server.pieces(*pieces, gap=0.2)]
        assert drive(server, read=0.7).run(post).reference_id == "ref-1"

    def test_the_next_call_works_after_one_that_timed_out(self, drive, server, post):
        server.script = [SLOW["dripping body"](server), server.answer(200, GOOD)]
        driver = drive(server, total=TOTAL)
        with pytest.raises(KaizalaUnknownOutcomeError):
            driver.run(post)
        assert driver.run(post).reference_id == "ref-1"
        assert len(server.calls) == 2

    def test_the_total_timeout_ends_a_slow_upload(self, drive, serve, group):
        """The server takes the connection and never reads, so that the sending blocks."""
        import io

        from airflow_provider_kaizala.client.multipart import Part

        deaf, tokens = serve(listen=False), serve()
        deaf._listener.listen(8)  # connections are made by the kernel, nobody reads them
        tokens.endpoint = deaf.root
        part = Part("a.mp4", "video/mp4", lambda: io.BytesIO(bytes(20_000_000)))
        begun = time.monotonic()
        with pytest.raises(KaizalaNoReplyError):
            drive(tokens, total=TOTAL, read=60, connect=60, retries=0).run(calls.upload_media(group, [part]))
        assert time.monotonic() - begun < TOTAL + 4

    def test_nothing_is_sent_if_the_name_server_answers_after_the_total_timeout(
        self, drive, server, serve, post, monkeypatch
    ):
        second, look_up = serve(), socket.getaddrinfo
        second.otherwise = second.answer(200, GOOD)
        server.endpoint = second.root.replace("127.0.0.1", "localhost")

        def slowly(host, port, *args, **options):
            if port == second.port:
                time.sleep(TOTAL + 0.2)
            return look_up(host, port, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        with pytest.raises(KaizalaUnreachableError, match="time for the whole call is over"):
            drive(server, total=TOTAL, allowed_hosts=("localhost",)).run(post)
        assert second.received == []


class TestIdleConnections:
    @pytest.mark.parametrize("wait", [0.0, 0.1])
    def test_a_post_on_a_connection_that_the_server_has_closed_succeeds(self, drive, server, post, wait):
        server.script = [server.answer(200, GOOD, close=True), server.answer(200, GOOD)]
        driver = drive(server)
        driver.run(post)
        assert server.closed.acquire(timeout=5)
        if wait:
            driver.idle(wait)
        assert driver.run(post).reference_id == "ref-1"
        assert driver.sleeps == []
        assert [request.connection for request in server.calls] == [1, 2]

    def test_a_connection_closed_after_the_request_is_an_unknown_outcome(self, drive, server, post):
        """From here it cannot be told whether the server had read it."""
        server.script = [server.answer(200, GOOD), server.pieces()]
        driver = drive(server)
        driver.run(post)
        with pytest.raises(KaizalaUnknownOutcomeError):
            driver.run(post)
        assert [request.connection for request in server.calls] == [1, 1]

    def test_unexpected_bytes_on_an_idle_connection_are_not_read_as_a_reply(self, drive, server, post):
        noise = b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"referenceId": "noise"}'
        reply = OK + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD

        is_idle, sent = threading.Event(), threading.Event()

        def twice(connection, request):
            connection.sendall(reply)
            is_idle.wait(10)
            connection.sendall(noise)
            sent.set()
            return True

        server.script = [twice, server.answer(200, GOOD)]
        driver = drive(server)
        driver.run(post)
        is_idle.set()
        assert sent.wait(10)
        driver.idle(0.1)
        assert driver.run(post).reference_id == "ref-1"
        assert len(server.calls) == 2

    def test_what_follows_an_interim_reply_is_not_read_as_the_next_reply(self, drive, server, post):
        def late(connection, request):
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            server.stop.wait(0.1)
            connection.sendall(OK + b'Content-Length: 24\r\n\r\n{"referenceId": "first"}')
            return True

        server.script = [late, server.answer(200, {"referenceId": "second"})]
        driver = drive(server)
        if driver.kind == "async":  # waits for the last reply
            assert driver.run(post).reference_id == "first"
        else:
            with pytest.raises(KaizalaUnknownOutcomeError, match="103"):
                driver.run(post)
        assert driver.run(post).reference_id == "second"
