"""Lets tasks and triggers of this Airflow read the stored events over HTTP, and wait for the next one.

Whoever waits holds no database session and no thread: a process looks for new events once for all who wait in it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.events import MAX_EVENT_TYPE
from airflow_provider_kaizala.push.pages import MOST_EVENTS
from airflow_provider_kaizala.push.subscriptions import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

log = logging.getLogger(__name__)

#: seconds between two looks of a process at the database
PAUSE = 0.5
#: seconds that one request may wait
LONGEST_WAIT = 30.0
#: requests that may read or wait in one process at once
MOST_LISTENERS = 100
MOST_TYPES = 50
#: what stands for the cursor behind which only later events follow
LATEST = "latest"


class QueryError(ValueError):
    """A request asks for something that there is not. The message says what is allowed."""


class Query(Value):
    """What a request asks for.

    :param after: the cursor behind which events are wanted, or a time from which on; None for the present end, so that only later
        events are returned
    :param wait: seconds to wait if there is none yet
    :param group_id: only events of this group; None for all
    :param event_types: only events of these types; empty for all
    :param limit: the number of events to return at most
    """

    after: int | datetime | None
    wait: float = 0.0
    group_id: str | None = None
    event_types: tuple[str, ...] = ()
    limit: int = MOST_EVENTS

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Query:
        """Read the query of a request.

        :raises QueryError: if it is invalid
        """
        after, group_id = given.get("after", "0"), given.get("group")
        event_types = tuple(each for each in given.get("types", "").split(",") if each)
        if group_id is not None and not 0 < len(group_id) <= MAX_ID:
            raise QueryError("group must be the id of a group")
        if len(event_types) > MOST_TYPES or any(len(each) > MAX_EVENT_TYPE for each in event_types):
            raise QueryError(f"types must be up to {MOST_TYPES} event types, separated by commas")
        limit = given.get("limit", str(MOST_EVENTS))
        if not _is_number(limit) or not 1 <= int(limit) <= MOST_EVENTS:
            raise QueryError(f"limit must be a whole number from 1 to {MOST_EVENTS}")
        return cls(
            _after(after),
            _seconds(given.get("wait", "0")),
            group_id and group_id.lower(),
            event_types,
            int(limit),
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _after(text: str) -> int | datetime | None:
    if text == LATEST:
        return None
    if _is_number(text):
        return int(text)
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)  # as the store has it
    raise QueryError(f"after must be a cursor, an ISO 8601 time with a zone, or {LATEST!r}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_WAIT:
        raise QueryError(f"wait must be a number of seconds from 0 to {LONGEST_WAIT:g}")
    return seconds


class Found(Value):
    """What was found in the store.

    :param events: cursor, time and body of each event
    :param cursor: where to go on
    """

    events: tuple[tuple[int, datetime, str], ...]
    cursor: int


class TooManyListenersError(Exception):
    """No further request may wait in this process."""


class Listeners:
    """The requests that read events in one process.

    :param find: reads the store: the events that a query asks for behind a cursor
    :param ends: reads the store: the newest cursor of each of some connections
    """

    def __init__(
        self,
        find: Callable[[str, Query, int | datetime | None], Awaitable[Found]],
        ends: Callable[[Collection[str]], Awaitable[Mapping[str, int]]],
    ) -> None:
        self._find, self._ends = find, ends
        self._count = 0
        self._waiting: set[_Listener] = set()
        self._looking: asyncio.Task[None] | None = None

    async def answer(self, conn_id: str, query: Query) -> Found:
        """Return the events that a query asks for; wait for one as long as the query says.

        :raises TooManyListenersError: if too many requests wait already
        :raises Exception: whatever reading the store raises
        """
        if self._count >= MOST_LISTENERS:
            raise TooManyListenersError
        self._count += 1
        try:
            until = time.monotonic() + query.wait
            found = await self._find(conn_id, query, query.after)
            while not found.events and (left := until - time.monotonic()) > 0:
                if not await self._wait(conn_id, found.cursor, left):
                    break
                found = await self._find(conn_id, query, found.cursor)
                if not found.events:  # others were stored, of which there may be many
                    await asyncio.sleep(min(PAUSE, max(0.0, until - time.monotonic())))
            return found
        finally:
            self._count -= 1

    def ring(self, conn_id: str) -> None:
        """Wake those who wait for events of a connection, since this process has stored one."""
        for each in self._waiting:
            if each.conn_id == conn_id:
                each.wake()

    async def _wait(self, conn_id: str, after: int, seconds: float) -> bool:
        """Wait until there is an event behind a cursor; return False if there is none within so many seconds."""
        me = _Listener(conn_id, after)
        self._waiting.add(me)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                await me.woken.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(me)
        return True

    async def _look(self) -> None:
        """Look for events that other processes have stored, for as long as anybody waits."""
        while self._waiting:
            await asyncio.sleep(PAUSE)
            conn_ids = {each.conn_id for each in self._waiting}
            if not conn_ids:
                return
            try:
                ends = await self._ends(conn_ids)
            except Exception as error:  # noqa: BLE001 - whoever waits will find out when it reads
                log.debug("The store of events cannot be read now: %s", type(error).__name__)
                continue
            for each in self._waiting:
                if ends.get(each.conn_id, 0) > each.after:
                    each.wake()


class _Listener:
    """One who waits."""

    def __init__(self, conn_id: str, after: int) -> None:
        self.conn_id, self.after = conn_id, after
        self.woken = asyncio.Event()

    def wake(self) -> None:
        self.woken.set()
