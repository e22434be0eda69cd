"""Stores events: those that arrive while others are being committed go together into the next transaction.

A commit costs far more than a row, and transactions of one connection wait for each other (see :mod:`.inbox`), so this decides how
many events per second an API server can take. Nobody is answered before the commit.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from airflow.utils.session import create_session
from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from airflow_provider_kaizala.push import announce, inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_kaizala.push.inbox import Arrival

#: events that one transaction stores
MOST = 100
#: the database is down, busy or locked: no event could be stored now
UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)


class Writer:
    """Stores the events of one process, one transaction after another, in a thread of its own."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)

    async def store(self, arrival: Arrival) -> None:
        """Store an event; return when it is committed.

        :raises Exception: whatever the database raises; the event is not stored then
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._store_waiting())
        await done

    async def _store_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._store_batch(batch)

    async def _store_batch(self, batch: Sequence[tuple[Arrival, asyncio.Future[None]]]) -> None:
        error: Exception | None = None
        try:
            await to_thread.run_sync(store_events, [arrival for arrival, _ in batch], limiter=self._thread)
        except Exception as caught:  # noqa: BLE001 - handed to those who wait
            error = caught
        if error is not None and len(batch) > 1 and not isinstance(error, UNAVAILABLE):
            for each in batch:  # one event that cannot be stored must not take the others with it
                await self._store_batch([each])
            return
        for _, done in batch:
            if done.done():  # its sender has gone away
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)


def store_events(arrivals: Sequence[Arrival]) -> None:
    """Store events and ring, in one transaction. Those that are stored already change nothing."""
    notifications: list[Callable[[], None]] = []
    with create_session(scoped=False) as session:
        # by connection, so that two processes take their turns in the same order
        for conn_id, mine in groupby(sorted(arrivals, key=_conn_id), _conn_id):
            inbox.take_turn(session, conn_id)
            new = inbox.store(session, conn_id, list(mine))
            groups: dict[str, set[str]] = {}
            for each in new:
                if each.subscription.group_id is not None:
                    groups.setdefault(each.subscription.group_id, set()).add(each.event.event_type)
            for group_id, event_types in sorted(groups.items()):
                now = datetime.now(tz=UTC)
                notifications += announce.ring(session, conn_id, group_id, event_types, now)
    announce.notify(notifications)


def _conn_id(arrival: Any) -> str:
    conn_id: str = arrival.subscription.conn_id
    return conn_id
