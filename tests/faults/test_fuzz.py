"""Requests that no client would send, thrown at a real server process for a while: it answers each, and stays whole.

``KAIZALA_FUZZ_SECONDS`` says for how long, ``KAIZALA_FUZZ_SEED`` repeats a run; see ``make fuzz``.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.serving import UNLIMITED, serve_command

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = float(os.environ.get("KAIZALA_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("KAIZALA_FUZZ_SEED") or time.time_ns() % 1_000_000)
GROUP = "11111111-1111-4111-8111-111111111111@1"
#: how much larger the process may grow while it is fuzzed, in MiB
GROWTH = 300
#: the longest text of a body, in characters, before it is repeated: lists of lists of long texts would fill the machine
LONGEST = 200_000
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]
PATHS = [
    "/v1/accessToken",
    "/v1/users/me",
    "/v1/groups",
    f"/v1/groups/{GROUP}",
    f"/v1/groups/{GROUP}/messages",
    f"/v1/groups/{GROUP}/actions",
    f"/v1/groups/{GROUP}/members",
    f"/v1/groups/{GROUP}/subGroups",
    f"/v1/groups/{GROUP}/subscribers",
    f"/v1/groups/{GROUP}/reaction",
    f"/v1/groups/{GROUP}/reaction/summary",
    f"/v1/groups/{GROUP}/actions/x/responses",
    "/v1/webhook",
    "/v1/bot",
    "/v1/media",
    "/v1/media/url",
    "/v1/media/attachment",
    "/v1/generatePin",
    "/v1/loginWithPinAndApplicationId",
    "/v1/tenant/findGroupsByQuery",
    "/api/Oauth/Authorize",
    "/api/oauth/token",
    "/people/session",
    "/people/groups",
    "/",
    "/signin",
    "/media/x/y",
    "/static/x",
    "/healthz",
    "/readyz",
    "/metrics",
    "/_test/",
]
BODIES: list[object] = [
    {"message": "Hello"},
    {"actionType": "Poll", "actionBody": {"question": "Tea?", "choices": ["Yes", "No"]}},
    {
        "actionType": "Survey",
        "actionBody": {"title": "S", "questions": [{"title": "Q", "type": "Text"}], "expiry": 2147483647000},
    },
    {
        "actionType": "Job",
        "actionBody": {"title": "J", "assignedTo": ["+910000000002"], "dueDate": "2030-01-01T00:00:00Z"},
    },
    {"name": "New", "members": ["+910000000002"], "groupType": "Group"},
    {
        "objectId": GROUP,
        "objectType": "Group",
        "eventTypes": ["ActionCreated"],
        "callBackUrl": "https://h.invalid/",
    },
    {"mobileNumber": "+910000000002", "pin": "1234", "applicationId": "demo-connector"},
    {"reactionType": "Comment", "comment": "x", "referenceId": "y"},
    {"Answers": [["Yes"], None, 3.5, {"lt": 1, "lg": 2}]},
]
ODD: list[object] = [
    None,
    True,
    -1,
    1e308,
    2**80,
    "",
    "\0",
    "\ud800",
    "א" * 300,
    [],
    [[]],
    {},
    {"": ""},
    "x" * 5000,
    "-",
    "1e999",
    "2030-13-45",
]
HEADERS = [
    "Content-Type",
    "Content-Length",
    "Transfer-Encoding",
    "Content-Encoding",
    "accessToken",
    "Authorization",
    "Cookie",
    "Host",
    "Origin",
    "X-Forwarded-For",
    "X-Request-ID",
    "Expect",
    "Range",
    "Accept",
    "Accept-Language",
    "Connection",
    "applicationId",
    "refreshToken",
]
VALUES = [
    "",
    "x",
    "0",
    "-1",
    "99999999999",
    "chunked",
    "gzip",
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "text/plain; charset=utf-16",
    "100-continue",
    "bytes=0-",
    "close",
    "a" * 9000,
    "\xff\xfe",
    "*/*;q=z",
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    log = tmp_path / "log"
    options = ("--seed", "demo", "--database", f"sqlite:///{tmp_path}/k.db", "--no-access-log")
    command = serve_command(*options, *UNLIMITED)
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), log.read_text()
        yield process, line.split()[1], log
        process.terminate()


class Fuzzer:
    """Makes one odd request after the other from a seed."""

    def __init__(self, seed: int, token: str) -> None:
        self.random = random.Random(seed)
        self.token = token

    def request(self) -> bytes:
        """Return a request, whole or not."""
        pick = self.random
        path = self.mutated(pick.choice(PATHS)) if pick.random() < 0.3 else pick.choice(PATHS)
        if pick.random() < 0.3:
            path += "?" + pick.choice(
                ["a=b", "actionType=Poll", "count=-1", "since=x", "%00=%ff", "&" * 500, "id=" + "x" * 3000]
            )
        body = self.body()
        headers = {
            "Host": "localhost",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        if pick.random() < 0.7:
            headers["accessToken"] = self.token
        for _ in range(pick.choice([0, 0, 1, 2])):
            headers[pick.choice(HEADERS)] = pick.choice(VALUES)
        head = f"{pick.choice(METHODS)} {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()
        )
        whole = head.encode("utf-8", "surrogateescape") + b"\r\n" + body
        return self.broken(whole) if pick.random() < 0.1 else whole

    def body(self) -> bytes:
        pick = self.random
        text = json.dumps(self.changed(pick.choice(BODIES)))[:LONGEST]
        match pick.randrange(8):
            case 0:
                text = text.replace('"', "'")
            case 1:
                text = repr(self.changed(pick.choice(BODIES)))[:LONGEST]
            case 2:
                text = self.mutated(text)
            case 3:
                text = text * pick.randrange(1, 40)
            case 4:
                return gzip.compress(text.encode() * pick.choice([1, 1000]))
            case 5:
                file = b"\x89PNG\r\n\x1a\n" + pick.randbytes(pick.randrange(2000))
                return (
                    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
                    + file
                    + b"\r\n--b--\r\n"
                )
            case 6:
                return pick.randbytes(pick.randrange(3000))
        return text.encode("utf-8", "surrogatepass")

    def changed(self, value: object, depth: int = 0) -> object:
        """Return a value with something odd in it."""
        pick = self.random
        if pick.random() < 0.15:
            return pick.choice(ODD)
        if isinstance(value, dict) and depth < 6:
            return {
                (name.upper() if pick.random() < 0.1 else name): self.changed(one, depth + 1)
                for name, one in value.items()
            }
        if isinstance(value, list) and depth < 6:
            return [self.changed(one, depth + 1) for one in value] * pick.choice([1, 1, 1, 200])
        return value

    def mutated(self, text: str) -> str:
        """Return a text with some characters changed."""
        pick, letters = self.random, list(text)
        for _ in range(pick.randrange(1, 5)):
            at = pick.randrange(len(letters) + 1)
            letters[at : at + pick.randrange(3)] = pick.choice(
                ["", "/", "%2f", "%00", "..", "{", '"', "\\", "'", "א", "%", "\\u0000", "[" * 50]
            )
        return "".join(letters).replace("\r", "").replace("\n", "") or "/"

    def broken(self, whole: bytes) -> bytes:
        """Return a request that is cut off, or has garbage in it."""
        pick = self.random
        at = pick.randrange(len(whole))
        return pick.choice(
            [whole[:at], whole[:at] + pick.randbytes(5) + whole[at:], b"\r\n" + whole, whole + whole]
        )


def exchange(url: str, request: bytes) -> int | None:
    """Send bytes, close the sending side, and return the status that came back, None if none did."""
    parts = urlsplit(url)
    with (
        suppress(OSError),
        socket.create_connection((parts.hostname or "", parts.port or 0), 20) as connection,
    ):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        reply = connection.recv(64)
        words = reply.split(b" ", 2)
        if len(words) > 1 and words[1].isdigit():
            return int(words[1])
    return None


def size_of(process: subprocess.Popen[str]) -> float:
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.timeout(SECONDS * 2 + 300)
def test_nothing_that_is_sent_breaks_the_server(server: tuple[subprocess.Popen[str], str, Path]) -> None:
    process, url, log = server
    login = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-group-token",
    }
    token = httpx.get(url + "/v1/accessToken", headers=login, timeout=60).json()["accessToken"]
    fuzzer, before, sent, answered = Fuzzer(SEED, token), size_of(process), 0, 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        request = fuzzer.request()
        status = exchange(url, request)
        sent += 1
        answered += status is not None
        assert process.poll() is None, (
            f"seed {SEED}, request {sent}: the server has ended\n{request[:2000]!r}\n{log.read_text()[-2000:]}"
        )
        assert status is None or status < 500, (
            f"seed {SEED}, request {sent}: {status}\n{request[:2000]!r}\n{log.read_text()[-3000:]}"
        )
    assert answered > sent / 2, f"seed {SEED}: only {answered} of {sent} were answered"
    assert httpx.get(url + "/healthz", timeout=20).json() == {"status": "ok"}
    assert httpx.get(url + "/v1/groups", headers={"accessToken": token}, timeout=20).status_code == 200
    log_lines = [line for line in log.read_text().splitlines() if "Invalid HTTP request" not in line]
    assert "Traceback" not in "\n".join(log_lines), "\n".join([f"seed {SEED}", *log_lines[:200]])
    assert size_of(process) - before < GROWTH, f"seed {SEED}"
    print(f"seed {SEED}: {sent} requests, {answered} answered, {size_of(process) - before:.0f} MiB larger")
