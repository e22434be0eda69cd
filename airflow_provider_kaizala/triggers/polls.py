"""One poll for all waits of a kind, however many tasks wait: shared, counted, outliving any one of them.

Level-triggered: each look reads state, so restarts, duplicates and answers that come early cost nothing. All of this lives on
the event loop of one triggerer.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.readings import afollow
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.triggers.pacing import LIST, Pacer, Sweeps, pacer_for
from airflow_provider_kaizala.triggers.sources import Reader, Source, source_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_kaizala.client import AsyncKaizalaClient
    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection
    from airflow_provider_kaizala.waiting.subjects import Subject

T = TypeVar("T")

log = logging.getLogger(__name__)

#: seconds a new poll waits for more waits to join, as after a restart of the triggerer
GATHER = 0.5
#: seconds for which a connection that was read is used by further waits
CONNECTION_LIFE = 60.0
#: seconds that a call of a poll may last with its repeats; then the poll looks again
LONGEST_CALL = 60.0
#: looks that may fail in a row for a reason nobody foresaw before the waits hear of it
PATIENCE = 3


class Feed:
    """One wait's end of a poll: holds the latest state of its subject."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._news = asyncio.Event()
        self._latest: ActionDetails | KaizalaError | None = None

    def put(self, news: ActionDetails | KaizalaError) -> None:
        """Hand over the latest state, or an error that waiting cannot fix."""
        self._latest = news
        self._news.set()

    async def next(self, seconds: float | None) -> ActionDetails | None:
        """Wait for news, at most so many seconds; None if there is none.

        :raises KaizalaError: that waiting cannot fix
        """
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        if isinstance(self._latest, KaizalaError):
            raise self._latest
        return self._latest


class Poll:
    """Reads for all waits on one source, until the last has gone."""

    def __init__(self, account: Account, source: Source, name: str) -> None:
        self.name = name
        self._account, self._source = account, source
        self._sweeps = Sweeps(account.pacer)
        self._waits: dict[Subject, set[Feed]] = {}
        self._known: dict[Subject, ActionDetails] = {}
        self._joined = asyncio.Event()
        self._outage = ""
        # a context of its own, or its lines would land in the log of the task that happened to come first
        self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())

    @property
    def idle(self) -> bool:
        """Whether nobody waits any more."""
        return not self._waits

    def add(self, subject: Subject, wait: Feed) -> None:
        """Let one more wait join; what is known already it hears at once."""
        self._waits.setdefault(subject, set()).add(wait)
        self._joined.set()
        if subject in self._known:
            wait.put(self._known[subject])

    def remove(self, subject: Subject, wait: Feed) -> None:
        """Let a wait go."""
        waits = self._waits.get(subject, set())
        waits.discard(wait)
        if not waits:
            self._waits.pop(subject, None)
            self._known.pop(subject, None)
            self._source.forget(subject)

    async def stop(self) -> None:
        """End it."""
        self._sweeps.end()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        log.info("Polling %s", self.name)
        reader = Reader(self._account.run, self._sweeps.take, self._deliver)
        failures = 0
        await asyncio.sleep(GATHER)
        while True:
            began = time.monotonic()
            subjects = list(self._waits)
            reader.trouble = None
            try:
                if subjects:
                    await self._source.look(reader, subjects)
                if reader.trouble is not None:
                    raise reader.trouble
            except KaizalaError as error:
                self._failed(error)
            except Exception as error:
                log.exception("The poll of %s failed", self.name)
                failures += 1
                if failures >= PATIENCE:
                    self._tell_all(
                        KaizalaError(f"reading {self.name} failed: {type(error).__name__}: {error}")
                    )
            else:
                failures = 0
                if self._outage:
                    self._outage = ""
                    log.info("%s can be read again", self.name)
            await self._pause(began)

    async def _pause(self, began: float) -> None:
        """Sleep until the next look is due; a wait that joins may be in more of a hurry."""
        while True:
            self._joined.clear()
            intervals = [wait.interval for waits in self._waits.values() for wait in waits]
            pause = began + min(intervals, default=1.0) - time.monotonic()
            if pause <= 0:
                await asyncio.sleep(0)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._joined.wait()

    def _failed(self, error: KaizalaError) -> None:
        if not error.is_transient:
            log.warning("The poll of %s was refused: %s", self.name, error)
            self._tell_all(error)
        elif str(error) != self._outage:
            self._outage = str(error)
            log.warning("Cannot read %s now; polling again: %s", self.name, error)

    def _tell_all(self, error: KaizalaError) -> None:
        for subject in list(self._waits):
            self._deliver(subject, error)

    def _deliver(self, subject: Subject, news: ActionDetails | KaizalaError) -> None:
        if not isinstance(news, KaizalaError) and subject in self._waits:
            self._known[subject] = news
        for wait in self._waits.get(subject, ()):
            wait.put(news)


class Account:
    """One connector as one set of settings reaches it: a client, and the polls that use it."""

    def __init__(self, settings: Settings, client: AsyncKaizalaClient) -> None:
        self.settings, self.client = settings, client
        self.pacer: Pacer = pacer_for(settings)
        self.users = 0
        self._polls: dict[tuple[Any, ...], Poll] = {}

    async def run(self, call: Call[Any], urgency: int = LIST) -> Any:
        """Make a call when its turn has come."""
        await self.pacer.turn(urgency)
        return await self.client.run(call)

    async def read(self, reading: Reading[T]) -> T:
        """Make the calls of a reading."""
        return await afollow(reading, self.run)

    @asynccontextmanager
    async def watch(self, subject: Subject, interval: float) -> AsyncIterator[Feed]:
        """Join the poll that reads *subject*; leave it at the end, and stop it if that was the last.

        :raises KaizalaError: if the connection holds no grant for the group
        """
        grant = self.settings.grant_for(subject.group_id)
        key = (grant.name, grant.seed, *subject.poll_key)
        poll = self._polls.get(key)
        if poll is None:
            poll = self._polls[key] = Poll(self, source_for(subject), _name(subject))
        feed = Feed(interval)
        poll.add(subject, feed)
        try:
            yield feed
        finally:
            poll.remove(subject, feed)
            if poll.idle and self._polls.get(key) is poll:
                del self._polls[key]
                await asyncio.shield(poll.stop())


class UnreadableConnectionError(Exception):
    """Airflow does not return the connection now; its secrets backend may be down."""


async def _read(hook: KaizalaHook) -> KaizalaConnection:
    try:
        return await hook.async_connection()
    except KaizalaError:
        raise
    except Exception as error:
        raise UnreadableConnectionError(f"{type(error).__name__}: {error}") from error


@dataclass
class _Known:
    """A connection that was read: its settings, or the reading under way."""

    hook: KaizalaHook
    until: float
    reading: asyncio.Future[Settings]


class Polls:
    """All polls of this process."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[Any, ...], Account] = {}
        self._connections: dict[str, _Known] = {}

    @asynccontextmanager
    async def account(self, conn_id: str) -> AsyncIterator[Account]:
        """Return the account that a connection leads to; the last user closes it.

        :raises KaizalaError: if the connection is wrong
        :raises UnreadableConnectionError: if it cannot be read
        """
        hook, settings = await self._settings(conn_id)
        key = _account_key(settings)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(settings, hook.async_client(settings))
        account.users += 1
        try:
            yield account
        finally:
            account.users -= 1
            if not account.users and self._accounts.get(key) is account:
                del self._accounts[key]
                await asyncio.shield(account.client.close())

    async def _settings(self, conn_id: str) -> tuple[KaizalaHook, Settings]:
        """Read a connection, once for all waits that come within a minute: each reading asks Airflow's supervisor."""
        while True:
            known = self._connections.get(conn_id)
            if known is None or (known.until < time.monotonic() and known.reading.done()):
                return await self._read_settings(conn_id)
            await asyncio.wait([known.reading])
            if not known.reading.cancelled():
                return known.hook, known.reading.result()
            # whoever read was stopped; this one was not

    async def _read_settings(self, conn_id: str) -> tuple[KaizalaHook, Settings]:
        hook = KaizalaHook(conn_id, total_timeout=LONGEST_CALL)
        future: asyncio.Future[Settings] = asyncio.get_running_loop().create_future()
        self._connections[conn_id] = _Known(hook, time.monotonic() + CONNECTION_LIFE, future)
        try:
            # in a thread, since loading httpx takes long enough for Airflow to complain about a blocked event loop
            await asyncio.to_thread(import_module, "airflow_provider_kaizala.client.async_client")
            settings = (await _read(hook)).settings
        except BaseException as error:
            del self._connections[conn_id]
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)
                future.exception()  # marks it as retrieved
            raise
        future.set_result(settings)
        return hook, settings


def _name(subject: Subject) -> str:
    what = [subject.kind, getattr(subject, "action_type", None)]
    return f"{' '.join(each for each in what if each)} in group {subject.group_id}"


def _account_key(settings: Settings) -> tuple[Any, ...]:
    """Return what settings must have in common to share a client; secrets take part, but are not kept."""
    secrets = "\0".join([*settings.secrets(), *map(str, settings.group_refresh_tokens)])
    return (
        settings.api_root,
        settings.connector_id,
        hashlib.sha256(secrets.encode()).hexdigest(),
        settings.timeouts,
        settings.allow_http,
        settings.allowed_hosts,
        str(settings.verify),
        settings.calls_per_minute,
    )


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, Polls] = WeakKeyDictionary()


def polls() -> Polls:
    """Return the polls of this event loop; a triggerer has one."""
    return _polls.setdefault(asyncio.get_running_loop(), Polls())
