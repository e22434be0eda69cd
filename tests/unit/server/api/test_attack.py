"""Bodies that were made to be expensive, sent by strangers and by holders of a token."""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import socket
import subprocess
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.requests import Request

from airflow_provider_kaizala.server.api import bodies
from airflow_provider_kaizala.server.api.lenient_json import MAX_LENIENT, parse_object
from airflow_provider_kaizala.server.domain.errors import ApiError
from tests.serving import UNLIMITED, serve_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "11111111-1111-4111-8111-111111111111@1"
#: eight of these bodies at 16 KiB took a minute
OPENINGS = ['{"', "{'", "{u'", "{a:'", '{"a": [', "{/*", "{a:", "", "{'a':\"", "{\\"]
FILLINGS = [
    '\\"',
    '\\"\\"\\"',
    "\\\\",
    "\\'",
    "u'",
    '"',
    "[",
    "{a:",
    "True ",
    "\\U0001f60",
    "/*",
    " ",
    "9",
    "'\\",
]


def attack(opening: str, filling: str, size: int = MAX_LENIENT) -> bytes:
    return (opening + filling * size)[:size].encode()


def cpu_of_parsing(body: bytes) -> float:
    gc.disable()  # a collection of what other tests have left may take longer
    try:
        began = time.thread_time()
        with suppress(ApiError):
            parse_object(body)
        return time.thread_time() - began
    finally:
        gc.enable()


@pytest.mark.parametrize("opening", OPENINGS)
def test_lenient_bodies_cost_linear_time(opening: str) -> None:
    # 16 KiB take some milliseconds; what was quadratic took seven seconds.
    worst = max(FILLINGS, key=lambda filling: cpu_of_parsing(attack(opening, filling)))
    assert cpu_of_parsing(attack(opening, worst)) < 0.5, worst


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A server in a process of its own, without limits: its URL and its process id."""
    folder: Path = tmp_path_factory.mktemp("attacked")
    options = ("--seed", "demo", "--database", f"sqlite:///{folder}/k.db", "--log-level", "warning")
    command = serve_command(*options, *UNLIMITED)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[1], server.pid
        server.terminate()


def cpu_of(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="reads a process's CPU time from /proc")
@pytest.mark.parametrize("who", ["nobody", "a wrong token", "a holder of a token"])
def test_twenty_attackers_cost_little(process: tuple[str, int], fetch_token, who: str) -> None:
    url, pid = process
    token = {"nobody": "", "a wrong token": "x"}.get(who)
    if token is None:
        token = fetch_token(url, "demo-group-token")["accessToken"]
    paths = [f"/v1/groups/{GROUP}/messages", "/v1/loginWithPinAndApplicationId", "/people/session"]
    body = attack('{"', '\\"\\"\\"')

    def send(number: int) -> set[int]:
        with httpx.Client(base_url=url, headers={"accessToken": token} if token else {}, timeout=60) as http:
            return {http.post(paths[(number + at) % 3], content=body).status_code for at in range(6)}

    before = cpu_of(pid)
    with ThreadPoolExecutor(20) as pool:
        attackers = pool.map(send, range(20))
        with httpx.Client(base_url=url, timeout=60) as http:
            assert {http.get("/healthz").status_code for _ in range(20)} == {200}
        statuses = set().union(*attackers)
    assert statuses <= {400, 401}
    # 120 bodies; each took seven seconds.
    assert cpu_of(pid) - before < 6


def test_nothing_lenient_is_parsed_on_the_event_loop(api, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def noted(raw: bytes) -> dict[str, object]:
        with suppress(RuntimeError):
            threads.append(asyncio.get_running_loop())
        threads.append(threading.current_thread())
        return parse_object(raw)

    monkeypatch.setattr(bodies, "parse_object", noted)
    api.ok("POST", f"/groups/{GROUP}/messages", content=b"{message: 'x'}")
    [thread] = threads
    assert thread.name != "kaizala-server"


def stranger_sends(server, request: bytes) -> bytes:
    """Send the head of a request, but nothing of its body, and return the reply."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize("token", [b"", b"accessToken: x\r\n", b"Authorization: Bearer x\r\n"])
@pytest.mark.parametrize(
    "path",
    [
        f"/v1/groups/{GROUP}/messages",
        "/v1/bot",
        "/v1/media",
        "/v1/webhook",
        f"/people/groups/{GROUP}/messages",
    ],
)
def test_a_stranger_is_refused_before_the_body_has_come(server, path: str, token: bytes) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n%b\r\n" % (path.encode(), token)
    assert stranger_sends(server, head).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("path", ["/v1/loginWithPinAndApplicationId", "/people/session", "/sign-in"])
def test_who_stops_in_the_middle_of_a_body_does_not_hold_the_connection(
    server, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.2)
    head = (
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nmobileNumber=%%2B91"
    )
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head % path.encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))  # to the end of the connection
    assert received.startswith(b"HTTP/1.1 408")


def test_a_server_that_stops_refuses_a_body_that_has_not_come() -> None:
    async def stop() -> None:
        asked = asyncio.Event()

        async def receive() -> dict[str, object]:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        reading = asyncio.create_task(bodies.read_bounded(request, 100))
        await asked.wait()
        reading.cancel()  # as uvicorn does
        with pytest.raises(ApiError) as refused:
            await reading
        assert refused.value.status == 503

    asyncio.run(stop())


def test_a_false_cookie_does_not_open_the_door_for_a_gigabyte(server) -> None:
    head = (
        b"POST /groups/%b/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\nCookie: kaizala_session=x\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    assert stranger_sends(server, head % GROUP.encode()).startswith(b"HTTP/1.1 413")


def test_packed_bodies_are_bounded_by_what_is_in_them(api) -> None:
    send = f"/groups/{GROUP}/messages"
    for pack, name in ((gzip.compress, "gzip"), (zlib.compress, "deflate")):
        headers = {"Content-Encoding": name}
        api.ok("POST", send, content=pack(b'{"message": "small"}'), headers=headers)
        bomb = pack(b'{"message": "' + b"x" * 50_000_000 + b'"}')
        assert len(bomb) < 100_000
        api.refused(413, "POST", send, content=bomb, headers=headers)
        api.refused(400, "POST", send, content=pack(b'{"message": "x"}')[:-6], headers=headers)
        api.refused(400, "POST", send, content=b'{"message": "x"}', headers=headers)
    api.refused(415, "POST", send, content=b"x", headers={"Content-Encoding": "br"})


def test_a_packed_body_may_have_several_members(api) -> None:
    headers, whole = {"Content-Encoding": "gzip"}, b'{"message": "in two parts"}'
    send = f"/groups/{GROUP}/messages"
    packed = gzip.compress(whole[:13]) + gzip.compress(b"") + gzip.compress(whole[13:])
    api.ok("POST", send, content=packed, headers=headers)
    api.ok("POST", send, content=(bytes([byte]) for byte in packed), headers=headers)
    bomb = gzip.compress(whole) + gzip.compress(b" " * 50_000_000)
    api.refused(413, "POST", send, content=bomb, headers=headers)
    api.refused(400, "POST", send, content=packed[:-6], headers=headers)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("rest", [b"x", b"{}", b"\0", b"\x1f\x8b", zlib.compress(b" ")])
def test_a_packed_body_ends_with_its_last_member(api, pack, rest) -> None:
    headers = {"Content-Encoding": "gzip"}
    body = pack(b'{"message": "x"}') + rest
    api.refused(400, "POST", f"/groups/{GROUP}/messages", content=body, headers=headers)


def test_members_without_content_count_too(api) -> None:
    one = gzip.compress(b"")
    empty = (one * 1000 for _ in range(200))
    reply = api.http.post(
        "/loginWithPinAndApplicationId", content=empty, headers={"Content-Encoding": "gzip"}
    )
    assert reply.status_code == 413


def test_the_header_of_a_part_is_bounded(api) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="' + b"a" * 100_000 + b'"\r\n\r\nx\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    api.refused(400, "POST", "/media", content=head, headers=kind)
