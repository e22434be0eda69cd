"""Both drivers against a real socket: what works, and where the bytes go."""

from __future__ import annotations

import gc
import gzip
import io
import json
import threading
import time

import pytest

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaNotFoundError, KaizalaUnreachableError
from airflow_provider_kaizala.client.httpx_transport import HttpxTransport
from airflow_provider_kaizala.client.models import Message
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.client.settings import USER_GRANT, Grant
from airflow_provider_kaizala.client.tokens import MemoryTokenStore

POSTED = {"referenceId": "ref-1", "actionId": "ä\u200f🎉"}


@pytest.fixture
def post(group):
    return calls.send_message(group, Message("Hello, مرحبا 🎉"))


@pytest.fixture
def get(group):
    return calls.list_members(group)


class TestOk:
    def test_a_post_returns_its_reference_id(self, drive, server, post, group):
        server.script = [server.answer(200, POSTED)]
        driver = drive(server)
        assert driver.run(post).action_id == POSTED["actionId"]
        token, call = server.received
        assert (token.method, token.target) == ("GET", "/v1/accessToken")
        assert token.headers["applicationid"] == "connector-1"
        assert token.headers["refreshtoken"] == driver.client.settings.refresh_token
        assert (call.method, call.target) == ("POST", f"/v1/groups/{group}/messages")
        assert call.headers["accesstoken"] == "access-token"
        assert call.headers["content-type"] == "application/json"
        assert call.body == rb'{"message": "Hello, \u0645\u0631\u062d\u0628\u0627 \ud83c\udf89"}'

    def test_all_calls_use_one_connection(self, drive, server, get):
        server.otherwise = server.answer(200, {"members": []})
        driver = drive(server)
        for _ in range(3):
            driver.run(get)
        assert {request.connection for request in server.received} == {1}

    def test_a_chunked_reply_is_read(self, drive, server, post):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        server.script = [
            server.pieces(
                head, b'e\r\n{"referenceId"\r\n', b'9\r\n: "ref-2"\r\n1\r\n}\r\n0\r\n\r\n', gap=0.01
            )
        ]
        assert drive(server).run(post).reference_id == "ref-2"

    def test_a_reply_that_ends_with_the_connection_is_read(self, drive, server, post):
        server.script = [server.pieces(b"HTTP/1.1 200 OK\r\n\r\n", b'{"referenceId": "ref-3"}')]
        assert drive(server).run(post).reference_id == "ref-3"

    @pytest.mark.parametrize("verb", ["put", "delete"])
    def test_an_empty_200_is_read_where_nothing_is_expected(self, drive, server, group, verb):
        server.script = [server.answer(200, b"")]
        call = (
            calls.add_members(group, ["+910000000001"])
            if verb == "put"
            else calls.remove_member(group, "u1/2@1")
        )
        assert drive(server).run(call) is True
        request = server.calls[0]
        assert request.method == verb.upper()
        if verb == "delete":
            assert request.target == f"/v1/groups/{group}/members/u1%2F2@1"

    def test_a_compressed_reply_is_asked_for_and_read(self, drive, server, post):
        packed = gzip.compress(json.dumps({"referenceId": "ref-1"}).encode())
        server.script = [server.answer(200, packed, Content_Encoding="gzip")]
        assert drive(server).run(post).reference_id == "ref-1"
        (sent,) = server.calls
        assert "gzip" in sent.headers["accept-encoding"]
        assert sent.headers["user-agent"]

    def test_an_error_body_becomes_an_exception(self, drive, server, get):
        server.script = [server.answer(404, {"message": "no such group", "errorCode": "GroupNotFound"})]
        with pytest.raises(KaizalaNotFoundError, match="no such group"):
            drive(server).run(get)

    def test_headers_of_a_reply_are_found_in_any_case(self, drive, server, post):
        server.script = [server.answer(429, {}, RETRY_AFTER="3"), server.answer(200, POSTED)]
        driver = drive(server)
        driver.run(post)
        assert driver.sleeps == [3.0]

    def test_tokens_are_loaded_from_and_saved_to_the_store(self, drive, server, get):
        server.otherwise = server.answer(200, {"members": []})
        store = MemoryTokenStore()
        for _ in range(2):
            drive(server, store=store).run(get)
        assert len(server.received) - len(server.calls) == 1
        assert store.load(Grant(USER_GRANT, "x")).access_token == "access-token"

    def test_a_client_is_a_context_manager(self, make_settings, server, get):
        server.otherwise = server.answer(200, {"members": []})
        with KaizalaClient(make_settings(api_root=server.root)) as client:
            assert client.run(get) == ()
        assert server.closed.acquire(timeout=5)


class TestMoves:
    def test_a_redirect_to_another_port_repeats_the_body(self, drive, server, serve, post):
        second = serve()
        server.script = [server.answer(308, b"", location=f"{second.root}/v1")]
        second.otherwise = second.answer(200, POSTED)
        driver = drive(server)
        driver.run(post)
        driver.run(post)
        assert len(server.calls) == 1
        assert [request.body for request in second.calls] == [server.calls[0].body] * 2
        assert second.calls[0].headers["accesstoken"] == "access-token"

    def test_redirects_other_than_308_are_not_followed(self, drive, server, serve, get):
        second = serve()
        server.script = [server.answer(302, b"", location=f"{second.root}/v1/")]
        with pytest.raises(Exception, match="302"):
            drive(server).run(get)
        assert second.received == []


class TestUploads:
    SIZE = 3_000_000

    @pytest.fixture
    def file(self):
        """A file of some megabytes that counts how often it is opened, read and closed."""

        opened = []
        data = bytes(range(256)) * (self.SIZE // 256 + 1)

        def opener():
            opened.append(io.BytesIO(data))
            return opened[-1]

        part = Part("größe 1.mp4", "video/mp4", opener)
        return part, opened, data

    def test_an_upload_is_sent_in_full_again_after_throttling(self, drive, server, group, file):
        part, opened, data = file
        server.script = [server.answer(429, {}, retry_after="1"), server.answer(200, {"mediaResource": "m"})]
        driver = drive(server)
        assert driver.run(calls.upload_media(group, [part])) == "m"
        assert driver.sleeps == [1.0]
        assert len(server.calls) == 2
        for request in server.calls:
            assert data in request.body
            assert len(request.body) == int(request.headers["content-length"])
            assert "transfer-encoding" not in request.headers
            boundary = request.headers["content-type"].partition("boundary=")[2].encode()
            assert request.body.startswith(b"--" + boundary + b"\r\n")
            assert request.body.endswith(b"\r\n--" + boundary + b"--\r\n")
            assert 'filename="größe 1.mp4"\r\nContent-Type: video/mp4'.encode() in request.body
        assert len(opened) == 4  # to measure and to send, each time
        assert all(each.closed for each in opened)

    def test_several_files_are_sent_in_one_upload(self, drive, server, group):
        server.script = [server.answer(200, {"mediaResource": "album"})]
        parts = [
            Part(f"{name}.png", "image/png", lambda name=name: io.BytesIO(name.encode())) for name in "ab"
        ]
        assert drive(server).run(calls.upload_media(group, parts)) == "album"
        assert server.calls[0].body.count(b'name="files"') == 2

    def test_an_upload_is_repeated_after_a_dropped_connection(self, drive, server, group, file):
        part, _, data = file
        server.script = [server.pieces(), server.answer(200, {"mediaResource": "m"})]
        assert drive(server).run(calls.upload_media(group, [part])) == "m"
        assert [data in request.body for request in server.calls] == [True, True]

    def test_a_missing_file_sends_nothing_and_is_not_a_network_error(self, drive, server, group, tmp_path):
        missing = tmp_path / "missing.png"
        with pytest.raises(FileNotFoundError):
            drive(server).run(
                calls.upload_media(group, [Part("a.png", "image/png", lambda: missing.open("rb"))])
            )
        assert server.calls == []


class TestSeveralAtOnce:
    def test_two_clients_work_in_two_threads(self, make_settings, serve, get, post, group):
        """One drips until its bound ends it; the other goes on undisturbed, with a socket of its own."""
        from airflow_provider_kaizala.client.settings import Timeouts

        bad, good = serve(), serve()
        bad.otherwise = bad.pieces(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", gap=0.02, forever=b" "
        )
        good.otherwise = good.answer(200, {"members": []})
        results = {"bad": [], "good": []}

        def work(name, server, total):
            settings = make_settings(api_root=server.root, retries=0, timeouts=Timeouts(total=total))
            end = time.monotonic() + 0.9
            with KaizalaClient(settings) as client:
                while time.monotonic() < end:
                    try:
                        results[name].append(client.run(get))
                    except KaizalaError as error:
                        results[name].append(type(error).__name__)

        threads = [
            threading.Thread(target=work, args=("bad", bad, 0.2)),
            threading.Thread(target=work, args=("good", good, 20.0)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert set(results["bad"]) == {"KaizalaNoReplyError"}
        assert 2 <= len(results["bad"]) <= 5
        assert set(results["good"]) == {()}
        assert len(results["good"]) == len(good.calls) > 10

    @pytest.mark.parametrize("drive", ["async"], indirect=True)
    def test_many_calls_on_one_loop_share_one_token_call(self, drive, server, get):
        server.otherwise = server.answer(200, {"members": []})
        assert drive(server).together([get] * 12) == [()] * 12
        assert len(server.received) - len(server.calls) == 1

    @pytest.mark.parametrize("drive", ["async"], indirect=True)
    def test_many_calls_on_one_loop_share_a_connection_pool(self, drive, server, get, monkeypatch):
        server.otherwise = server.answer(200, {"members": []})
        store, opened, make = MemoryTokenStore(), [], HttpxTransport._open
        drive(server, store=store).run(get)

        def slowly(self):
            time.sleep(0.1)
            opened.append(make(self))
            return opened[-1]

        monkeypatch.setattr(HttpxTransport, "_open", slowly)
        driver = drive(server, store=store)  # holds a token, so that all calls come to the opening at once
        driver.together([get] * 6)
        assert len(opened) > 1
        assert [each for each in opened if not each.is_closed] == [driver.client._transport._http]

    @pytest.mark.parametrize("drive", ["async"], indirect=True)
    def test_a_cancelled_renewal_does_not_block_other_calls(self, drive, serve, get):
        import asyncio

        silent = serve()
        silent.token = dict
        driver = drive(silent, retries=0)

        async def cancel():
            task = asyncio.create_task(driver.client.run(get))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        silent.token = lambda: time.sleep(0.3) or {}
        driver._runner.run(cancel())
        gc.collect()
        assert driver.client.policy._renewing == set()


def test_closing_ends_the_connections_and_can_be_repeated(drive, server, get):
    server.otherwise = server.answer(200, {"members": []})
    driver = drive(server)
    driver.close()
    driver.run(get)
    driver.close()
    assert server.closed.acquire(timeout=5)
    driver.close()


def test_a_call_succeeds_when_the_port_opens_in_time(drive, serve, server, post):
    """Refused connections are repeated for a post too, since nothing was sent."""
    late = serve(listen=False)
    late.script = [late.answer(200, POSTED)]
    server.endpoint = late.root
    driver = drive(server)
    driver.on_sleep = lambda: late.listen() if len(driver.sleeps) == 2 else None
    assert driver.run(post).reference_id == "ref-1"
    assert len(driver.sleeps) == 2
    assert len(late.calls) == 1


def test_a_closed_port_was_never_connected(drive, serve, server, post):
    server.endpoint = serve(listen=False).root
    driver = drive(server, retries=3)
    with pytest.raises(KaizalaUnreachableError, match="nothing was sent") as caught:
        driver.run(post)
    assert len(driver.sleeps) == 3
    assert "0x" not in str(caught.value)


def test_an_unknown_host_was_never_connected(drive, server, post):
    driver = drive(server, api_root="https://kaizala.invalid", retries=0)
    with pytest.raises(KaizalaUnreachableError, match=r"no connection to kaizala\.invalid"):
        driver.run(post)
