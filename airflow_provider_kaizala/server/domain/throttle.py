"""Calls per minute of a connector and of a tenant.

Calls are counted in memory, so that reading is no write. Several server processes on one database tell each other through a table: each
adds what it has counted there at times, and learns what the others have. So a limit is exact within a process; all together may
go over it by what they have not told each other yet, which is less the nearer the limit is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import MINUTE
from airflow_provider_kaizala.server.domain.errors import throttled
from airflow_provider_kaizala.server.store.tables import throttle_counter
from airflow_provider_kaizala.server.store.upsert import insert

log = logging.getLogger(__name__)
_c = throttle_counter.c
#: how long a count may stay untold
TELL_AFTER_SECONDS = 1.0
#: a process tells at once when it has counted this part of what is left
_PART_OF_WHAT_IS_LEFT = 8


class _Count:
    """The calls of one connector or tenant in one minute: what this process has counted, how much of it is told, and the others'."""

    __slots__ = ("others", "own", "told", "told_at", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.own = self.told = self.others = 0
        self.told_at = -TELL_AFTER_SECONDS


_Told = tuple[_Count, int, int]
Write = Callable[[Callable[[Connection], list[_Told]]], "Future[list[_Told]]"]


class Throttle:
    """The counts of one server process.

    :param write: queues a write, as :meth:`~.store.database.Database.submit` does
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._counts: dict[str, _Count] = {}
        self._telling = False

    def count_call(self, now_ms: int, scope: str, limit: int) -> None:
        """Count one call of a connector or tenant in this minute; refuse it above the limit."""
        if limit <= 0:
            return
        window = now_ms - now_ms % MINUTE
        with self._lock:
            count = self._counts.get(scope)
            if count is None or count.window != window:
                count = self._counts[scope] = _Count(window)
            left = limit - count.own - count.others
            if left > 0:
                count.own += 1
            untold = count.own - count.told
            late = time.monotonic() - count.told_at >= TELL_AFTER_SECONDS
            tell = untold > 0 and (late or untold * _PART_OF_WHAT_IS_LEFT >= left) and not self._telling
            self._telling = self._telling or tell
        if tell:
            self._write(self._tell).add_done_callback(self._told)
        if left <= 0:
            who = scope.partition(":")[0]
            seconds = -(-(window + MINUTE - now_ms) // 1000)
            raise throttled(f"More than {limit} calls in a minute for this {who}", seconds)

    def forget(self) -> None:
        """Count from nothing again."""
        with self._lock:
            self._counts.clear()

    def _tell(self, conn: Connection) -> list[_Told]:
        """Add to the table what is not there yet, in one order; return that with what all processes have counted."""
        with self._lock:
            untold = [
                (scope, count, count.own - count.told)
                for scope, count in sorted(self._counts.items())
                if count.own > count.told
            ]
        told = []
        for scope, count, calls in untold:
            conn.execute(throttle_counter.delete().where(_c.scope == scope, _c.window_ms < count.window))
            row = insert(conn, throttle_counter).values(scope=scope, window_ms=count.window, calls=calls)
            added = row.on_conflict_do_update(
                index_elements=[_c.scope, _c.window_ms], set_={"calls": _c.calls + row.excluded.calls}
            )
            total: int = conn.execute(added.returning(_c.calls)).scalar_one()
            told.append((count, calls, total))
        return told

    def _told(self, told: Future[list[_Told]]) -> None:
        error = told.exception()
        with self._lock:
            self._telling = False
            for count, calls, total in () if error else told.result():
                count.told += calls
                count.told_at = time.monotonic()
                count.others = total - count.told
        if error:
            log.warning("the other server processes could not be told how many calls there were: %r", error)
