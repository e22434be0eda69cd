"""A light HTTP client that keeps some connections busy, in a process of its own: the server's Python is not its Python.

``python -m benchmarks.load`` reads a plan from stdin and writes what it measured to stdout, both JSON. It imports only the
standard library, and does so little per call that the server is what is measured: one loop over non-blocking sockets, one
request on the way per connection, the next one sent when the reply before it is complete.
"""

from __future__ import annotations

import gc
import json
import math
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

#: where a request differs from the one before it; replaced by a number of the same width
NUMBER = "##########"
SILENCE_SECONDS = 30.0
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    """What to send, and for how long.

    :param head: request line and headers, without Host and Content-Length; with CRLF after each line
    :param expect: what each reply's body holds; a 200 alone may come from somebody else
    :param status: of each reply
    :param keep: return the replies' bodies
    """

    port: int
    head: str
    body: str = ""
    expect: str = ""
    status: int = 200
    connections: int = 1
    seconds: float = 1.0
    keep: bool = False

    def request(self) -> bytes:
        """Return a request as it goes out."""
        body = self.body.encode()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{self.head}Host: 127.0.0.1:{self.port}\r\n{length}\r\n".encode() + body


@dataclass
class Measured:
    """What came of it.

    :param reconnects: connections made anew because the server had closed the one before; that costs time, which counts
    """

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    reconnects: int = 0
    replies: list[str] = field(default_factory=list)

    @property
    def rps(self) -> float:
        """Replies per second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def p99_ms(self) -> float:
        """The time that 99 of 100 calls stayed within."""
        ordered = sorted(self.latencies_ms)
        return ordered[math.ceil(len(ordered) * 0.99) - 1]


class LoadFailed(Exception):
    """A reply was not what a bench may count."""


def run_load(plan: Plan) -> Measured:
    """Run a plan in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)),
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=plan.seconds + SILENCE_SECONDS + 30,
        check=False,
    )
    if done.returncode:
        raise LoadFailed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given")
    return Measured(**json.loads(done.stdout))


class _Connection:
    """One connection with at most one request on its way."""

    def __init__(self, plan: Plan, request: bytes, first: int) -> None:
        self.plan = plan
        self.parts = request.split(NUMBER.encode())
        self.number = first
        self.began = 0.0
        self.received = b""
        self.closing = False
        self.sock: socket.socket | None = None

    def send(self) -> bool:
        """Send the next request; tell whether that took a new connection."""
        self.began = time.perf_counter()
        fresh = self.sock is None
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.plan.port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(f"{self.number:0{len(NUMBER)}d}".encode().join(self.parts))
        self.number += self.plan.connections
        self.received = b""
        return fresh

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def receive(self) -> bytes | None:
        """Take what has come; return the body when it is complete."""
        assert self.sock is not None  # noqa: S101
        chunk = self.sock.recv(1 << 18)
        if not chunk:
            raise LoadFailed(f"the server closed a connection within a reply: {self.received[:200]!r}")
        self.received += chunk
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank:
            return None
        status, _, headers = head.partition(b"\r\n")
        headers = b"\r\n" + headers.lower() + b"\r\n"
        _, found, length = headers.partition(b"\r\ncontent-length:")
        if not found:
            raise LoadFailed(f"a reply without a length: {head!r}")
        if len(body) < int(length.partition(b"\r\n")[0]):
            return None
        if f" {self.plan.status} ".encode() not in status + b" " or self.plan.expect.encode() not in body:
            raise LoadFailed(f"not the reply that was expected: {status!r} {body[:300]!r}")
        self.closing = b"\r\nconnection: close" in headers
        return body


def measure(plan: Plan) -> Measured:
    """Run a plan in this process."""
    request = plan.request()
    connections = [_Connection(plan, request, first) for first in range(plan.connections)]
    try:
        with selectors.DefaultSelector() as selector:
            return _keep_busy(plan, connections, selector)
    finally:
        for each in connections:
            each.close()


def _keep_busy(plan: Plan, connections: list[_Connection], selector: selectors.BaseSelector) -> Measured:
    measured = Measured()
    for each in connections:
        each.send()
        assert each.sock is not None  # noqa: S101
        selector.register(each.sock, selectors.EVENT_READ, each)
    began = now = time.perf_counter()
    until = began + plan.seconds
    busy = len(connections)
    while busy:
        ready = selector.select(SILENCE_SECONDS)
        if not ready:
            raise LoadFailed(f"no reply within {SILENCE_SECONDS:.0f} s")
        for key, _ in ready:
            each = key.data
            body = each.receive()
            if body is None:
                continue
            now = time.perf_counter()
            measured.latencies_ms.append((now - each.began) * 1000)
            if plan.keep:
                measured.replies.append(body.decode())
            if each.closing:
                selector.unregister(each.sock)
                each.close()
            if now >= until:
                busy -= 1
            elif each.send():
                measured.reconnects += 1
                selector.register(each.sock, selectors.EVENT_READ, each)
    measured.seconds = now - began
    return measured


def main() -> None:
    """Read a plan, run it, write what was measured."""
    plan = Plan(**json.load(sys.stdin))
    gc.disable()
    try:
        measured = measure(plan)
    except (LoadFailed, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    json.dump(asdict(measured), sys.stdout)


if __name__ == "__main__":
    main()
