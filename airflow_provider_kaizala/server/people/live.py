"""What tells an open page that something has changed: server-sent events that ring, and carry no content.

Each event is ``{"seq": 17, "posts": {"<reference id>": 3}}``: the group's last place, and the revision of posts among its latest
ones (-1: deleted). The first event of a connection holds all of those, so whoever lost the connection sees what was missed; the
later ones what has changed since. The page then asks for what it does not have, so that nothing shows what its reader may not see.

One watch reads a group, however many look at it: after each commit of this process that changes what the group shows, and every two
seconds for those of others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

from sqlalchemy import case, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.people.feed import ORIGIN, ORIGIN_OF_POST, SHOWN_REVISION
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.database import Database
from airflow_provider_kaizala.server.store.errors import StoreError

#: posts whose changes are told; older ones are seen when a page is loaded
WATCHED = 200
LOOK_EVERY = 2.0
#: many commits make one look
PAUSE = 0.1
#: so that proxies keep a silent connection, pages notice one that is gone, and a lost membership ends it
BEAT = 15.0
_f, _p = t.feed_entry.c, t.post.c


class State:
    """What the latest posts of a group are like: the last place, and each one's revision."""

    def __init__(self, seq: int, posts: dict[str, int]) -> None:
        self.seq = seq
        self.posts = posts

    def since(self, earlier: State | None) -> dict[str, object] | None:
        """Return what to tell somebody who knows an earlier state; None if nothing has changed."""
        if earlier is None:
            return {"seq": self.seq, "posts": self.posts}
        changed = {
            one: revision for one, revision in self.posts.items() if earlier.posts.get(one) != revision
        }
        if not changed and self.seq == earlier.seq:
            return None
        return {"seq": self.seq, "posts": changed}


def read_state(conn: Connection, group_id: str) -> State:
    """Read the state of a group."""
    seq = conn.execute(select(t.chat_group.c.last_seq).where(t.chat_group.c.id == group_id)).scalar() or 0
    rows = conn.execute(
        select(_f.reference_id, case((_p.deleted_ms.is_(None), SHOWN_REVISION), else_=-1))
        .join(t.post, _p.reference_id == _f.reference_id)
        .outerjoin(ORIGIN, ORIGIN_OF_POST)
        .where(_f.group_id == group_id, _f.seq > seq - WATCHED)
    )
    return State(seq, {row[0]: row[1] for row in rows})


class _Watch:
    """Looks after one group while somebody is there."""

    def __init__(self, database: Database, group_id: str) -> None:
        self._database = database
        self._group_id = group_id
        self.kick = asyncio.Event()
        self.news = asyncio.Condition()
        self.state: State | None = None
        self.readers = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.kick.clear()
            with suppress(StoreError):  # the database does not answer: the next look may succeed
                state = await self._database.read(lambda conn: read_state(conn, self._group_id))
                if self.state is None or state.since(self.state) is not None:
                    async with self.news:
                        self.state = state
                        self.news.notify_all()
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.kick.wait(), LOOK_EVERY)

    async def changed(self, known: State | None) -> State | None:
        """Wait for another state than the known one; None after a while without."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEAT), self.news:
                await self.news.wait_for(lambda: self.state is not None and self.state is not known)
                return self.state
        return None

    def stop(self) -> None:
        self._task.cancel()


class Live:
    """The watches of a server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[str, _Watch] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._streams: set[asyncio.Task[object]] = set()
        self._closed = False
        database.on_change = self._changed

    def _changed(self, what: frozenset[str]) -> None:
        loop = self._loop
        if loop is not None and self._watches:
            with suppress(RuntimeError):  # the loop is closing
                loop.call_soon_threadsafe(self._look, what)

    def _look(self, what: frozenset[str]) -> None:
        for group_id, watch in self._watches.items():
            if group_id in what or watch.state is None or not what.isdisjoint(watch.state.posts):
                watch.kick.set()

    def close(self) -> None:
        """End all streams, so that a server that stops need not wait for open pages."""
        self._closed = True
        for task in self._streams:
            task.cancel()

    async def stream(
        self, group_id: str, allowed: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[str, None]:
        """Yield events as text until the reader leaves, or may not look any more.

        :param allowed: asked before each event, and from time to time
        """
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        if self._closed or task is None:
            return
        self._streams.add(task)
        watch = self._watches.get(group_id)
        if watch is None:
            watch = self._watches[group_id] = _Watch(self._database, group_id)
        watch.readers += 1
        known: State | None = None
        try:
            yield "retry: 1000\n\n"
            while True:
                state = await watch.changed(known)
                if not await allowed():
                    yield "event: gone\ndata: {}\n\n"
                    return
                told = state.since(known) if state is not None else None
                known = state or known
                yield f"data: {json.dumps(told)}\n\n" if told else "event: beat\ndata: {}\n\n"
        finally:
            self._streams.discard(task)
            watch.readers -= 1
            if not watch.readers:
                watch.stop()
                self._watches.pop(group_id, None)
