"""The journal: the last requests with their replies, and webhook deliveries, as ``GET /_test/journal`` shows them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from airflow_provider_kaizala.server.api.operations import Called
from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.control.masking import mask, mask_pairs, readable, scrub
from airflow_provider_kaizala.server.domain.times import iso_ms

# What the server itself calls; faults do not apply to them, the journal shows them.
CALLBACKS = ("validateCallback", "deliverEvent")
MAX_ENTRIES = 2000
MAX_BODY = 16 * 1024
Headers = tuple[tuple[str, str], ...]


@dataclass
class Body:
    """A body as it passes by: its size, its type, and its beginning."""

    content_type: str = ""
    size: int = 0
    content: bytearray = field(default_factory=bytearray)

    def add(self, chunk: bytes) -> None:
        """Take a further piece."""
        self.size += len(chunk)
        self.content += chunk[: MAX_BODY - len(self.content)]

    def shown(self, found: set[str]) -> object:
        """Return it without secrets."""
        return readable(bytes(self.content), self.size, self.content_type, found)


@dataclass
class Exchange:
    """One request and its reply; kept as it came, and masked when it is shown.

    :param status: what the server answered or would have answered; None if the connection was cut before
    """

    called: Called
    method: str
    path: str
    query: str
    headers: Headers
    request: Body
    at_ms: int
    status: int | None = None
    reply_headers: Headers = ()
    reply: Body = field(default_factory=Body)
    duration_ms: float = 0.0
    faults: tuple[str, ...] = ()

    @property
    def operation(self) -> str | None:
        """The operationId, None outside of the API."""
        return self.called.operation

    @property
    def group(self) -> str | None:
        """The group of the path."""
        return self.called.group

    def shown(self) -> dict[str, object]:
        """Return the entry without secrets."""
        found: set[str] = set()
        entry = {
            "kind": "request",
            "at": iso_ms(self.at_ms),
            "operation": self.operation,
            "group": self.group,
            "action": self.called.action,
            "method": self.method,
            "path": self.path,
            "query": mask_pairs(parse_qsl(self.query, keep_blank_values=True), found),
            "headers": mask_pairs(self.headers, found),
            "body": self.request.shown(found),
            "status": self.status,
            "replyHeaders": mask_pairs(self.reply_headers, found),
            "reply": self.reply.shown(found),
            "durationMs": round(self.duration_ms, 1),
            "faults": list(self.faults),
        }
        return {name: scrub(value, found) for name, value in entry.items()}


@dataclass
class Delivery:
    """One attempt to call a webhook."""

    told: Mapping[str, object]
    at_ms: int

    @property
    def operation(self) -> str | None:
        """Say deliverEvent or validateCallback."""
        return str(self.told.get("operation", "deliverEvent"))

    @property
    def group(self) -> str | None:
        """The group of the event, if it is one of a group."""
        body = self.told.get("body")
        data = body.get("data") if isinstance(body, Mapping) else None
        for values, name in ((data, "groupId"), (body, "objectId")):
            if isinstance(values, Mapping) and isinstance(group := values.get(name), str):
                return group
        return None

    @property
    def status(self) -> int | None:
        """What the callback answered; None without a reply."""
        status = self.told.get("status")
        return status if isinstance(status, int) else None

    def shown(self) -> dict[str, object]:
        """Return the entry without secrets."""
        found: set[str] = set()
        told = mask(dict(self.told), found)
        assert isinstance(told, dict)  # noqa: S101
        entry = {
            "kind": "delivery",
            "at": iso_ms(self.at_ms),
            "group": self.group,
            **told,
            "operation": self.operation,
        }
        return {name: scrub(value, found) for name, value in entry.items()}


@dataclass(frozen=True)
class Wanted:
    """What of the journal is asked for.

    :param statuses: such as 404, or 4 for all of 400 to 499; empty for all
    """

    since: int = 0
    operations: frozenset[str] = frozenset()
    group: str | None = None
    statuses: frozenset[int] = frozenset()

    def fits(self, entry: Exchange | Delivery) -> bool:
        """Tell whether an entry is among what is asked for."""
        if self.operations and entry.operation not in self.operations:
            return False
        if self.group is not None and entry.group != self.group:
            return False
        status = entry.status
        return not self.statuses or (status is not None and bool({status, status // 100} & self.statuses))


class Journal:
    """The last entries, each with a number that grows by one and outlives a reset."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: deque[tuple[int, Exchange | Delivery]] = deque(maxlen=MAX_ENTRIES)
        self.last = 0

    def add(self, entry: Exchange | Delivery) -> None:
        """Write an entry, from any thread."""
        with self._lock:
            self.last += 1
            self._entries.append((self.last, entry))

    def delivered(self, told: Mapping[str, object]) -> None:
        """Write a delivery; the webhooks' side calls it."""
        self.add(Delivery(told, self._clock.now_ms()))

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()

    def read(self, wanted: Wanted, most: int) -> dict[str, object]:
        """Return the oldest *most* entries that fit; ``last`` is the ``since`` of the next reading."""
        with self._lock:
            last = self.last
            entries = [pair for pair in self._entries if pair[0] > wanted.since]
        found: list[dict[str, object]] = []
        fitting = self._fitting(entries, wanted)
        for seq, entry in fitting:
            if len(found) == most:
                return {"entries": found, "last": found[-1]["seq"], "hasMore": True}
            found.append({"seq": seq, **entry.shown()})
        return {"entries": found, "last": max(last, wanted.since), "hasMore": False}

    def newest(self, wanted: Wanted) -> Iterator[dict[str, object]]:
        """Return the entries that fit, the newest first."""
        with self._lock:
            entries = list(reversed(self._entries))
        return ({"seq": seq, **entry.shown()} for seq, entry in self._fitting(entries, wanted))

    def holds(self, wanted: Wanted) -> bool:
        """Tell whether there is an entry that fits."""
        if self.last <= wanted.since:
            return False
        with self._lock:
            entries = [pair for pair in self._entries if pair[0] > wanted.since]
        return next(self._fitting(entries, wanted), None) is not None

    @staticmethod
    def _fitting(
        entries: list[tuple[int, Exchange | Delivery]], wanted: Wanted
    ) -> Iterator[tuple[int, Exchange | Delivery]]:
        return (pair for pair in entries if wanted.fits(pair[1]))
