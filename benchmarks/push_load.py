"""A sender of webhook events in a process of its own, as Kaizala would be: at a steady rate, or as fast as the receiver takes them.

``python -m benchmarks.push_load`` reads a plan from stdin and writes what came of it to stdout, both JSON. An event that the receiver
does not take is sent again, as Kaizala does, but soon. A time is counted from when an event was due, so that a receiver which falls
behind does not slow down what it is measured by.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

#: stands for the id of an event in its body
EVENT_ID = "##event-id##"
#: seconds after which a refused event is sent again, how often, and how long one may take
AGAIN_SECONDS, TRIES, SILENCE_SECONDS = 0.5, 60, 60.0
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    """What to send.

    :param headers: without Host, Content-Length and the line that ends them
    :param body: an event; each has its own id, which begins with *prefix*
    :param rate: events per second; 0 for as fast as replies come
    :param success: the status of an event that was taken
    """

    port: int
    path: str
    headers: dict[str, str]
    body: str
    prefix: str
    count: int
    rate: float = 0.0
    connections: int = 8
    success: int = 200

    def request(self, number: int) -> bytes:
        """Return the request of one event as it goes out."""
        body = self.body.replace(EVENT_ID, event_id(self.prefix, number)).encode()
        lines = {"Host": f"localhost:{self.port}", **self.headers, "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + body


@dataclass
class Sent:
    """What came of it.

    :param began: time of the first event's request, in seconds since the epoch
    :param ended: time of the last reply
    :param latencies_ms: of each event that was taken, from when it was due
    :param statuses: of all replies, with their number; 0 for none
    """

    began: float = 0.0
    ended: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Events that were taken per second."""
        return len(self.latencies_ms) / (self.ended - self.began)

    def percentile_ms(self, part: float) -> float:
        """Return the time that such a part of all stayed within."""
        ordered = sorted(self.latencies_ms)
        return ordered[math.ceil(len(ordered) * part) - 1]

    @property
    def refused(self) -> int:
        """Replies that an event had to be sent again for."""
        return sum(self.statuses.values()) - len(self.latencies_ms)


def event_id(prefix: str, number: int) -> str:
    """Return the id of an event."""
    return f"{prefix}-{number:06d}"


def start(plan: Plan) -> subprocess.Popen[str]:
    """Start a process that carries out a plan; see :func:`finish`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.push_load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=_ROOT,
        text=True,
    )
    assert process.stdin is not None  # noqa: S101
    process.stdin.write(json.dumps(asdict(plan)))
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str]) -> Sent:
    """Wait until a plan is carried out, and return what came of it.

    :raises RuntimeError: if an event was refused again and again
    """
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(err.strip().splitlines()[-1] if err.strip() else "no reason given")
    return Sent(**json.loads(out))


def send(plan: Plan) -> Sent:
    """Carry out a plan in a process of its own; see :func:`finish` for errors."""
    return finish(start(plan))


# --- in that process -------------------------------------------------------------------------------------------------------


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: bytes) -> int:
        """Send a request; return the status of the reply, 0 if there is none."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                return await self._exchange(request)
        except (OSError, ValueError, asyncio.IncompleteReadError, TimeoutError):
            self.close()
            return 0

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _carry_out(plan: Plan) -> Sent:
    sent = Sent()
    numbers = iter(range(plan.count))
    origin = time.monotonic()
    sent.began = time.time()

    async def work() -> None:
        connection = _Connection(plan.port)
        for number in numbers:  # one iterator for all connections
            due = origin + number / plan.rate if plan.rate else time.monotonic()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            for _ in range(TRIES):
                status = await connection.post(plan.request(number))
                sent.statuses[str(status)] = sent.statuses.get(str(status), 0) + 1
                if status == plan.success:
                    break
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                raise RuntimeError(f"event {number} was not taken: {sent.statuses}")
            sent.latencies_ms.append((time.monotonic() - due) * 1000)
        connection.close()

    await asyncio.gather(*(work() for _ in range(plan.connections)))
    sent.ended = time.time()
    return sent


def main() -> None:
    """Read a plan, carry it out, write what came of it."""
    plan = Plan(**json.load(sys.stdin))
    gc.disable()
    try:
        sent = asyncio.run(_carry_out(plan))
    except RuntimeError as error:
        sys.exit(str(error))
    json.dump(asdict(sent), sys.stdout)


if __name__ == "__main__":
    main()
