"""Shared polls: one serves all waits on one kind of subject in a group, and ends with the last of them.

Level-triggered: each look reads state, so restarts, duplicates and early answers cost nothing. All of this lives on the event
loop of one triggerer.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.readings import afollow
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.triggers.pacing import DETAIL, LIST, Sweeps, pacer_for
from airflow_provider_kaizala.triggers.sources import source_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from airflow_provider_kaizala.client import AsyncKaizalaClient
    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.triggers.sources import Source
    from airflow_provider_kaizala.waiting.subjects import Subject

T = TypeVar("T")

log = logging.getLogger(__name__)

#: details that a poll reads at the same time
AT_ONCE = 4
#: seconds before the first look of a poll, in which other waits can join, as after a restart of the triggerer
GATHER = 0.5
#: seconds for which further waits use the settings of a connection that was read
CONNECTION_LIFE = 60.0
#: seconds that a call of a poll may last with its retries; then the poll looks again
LONGEST_CALL = 60.0
#: looks that fail in a row for an unforeseen reason before the waits fail too
PATIENCE = 3


class Feed:
    """What a poll delivers to one wait: the latest state of its subject."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._news = asyncio.Event()
        self._latest: ActionDetails | KaizalaError | None = None

    def put(self, news: ActionDetails | KaizalaError) -> None:
        """Hand over the latest state, or an error that waiting cannot fix."""
        self._latest = news
        self._news.set()

    async def next(self, seconds: float | None) -> ActionDetails | None:
        """Wait for news, at most so many seconds; return None if there is none.

        :raises KaizalaError: for errors that waiting cannot fix
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
    """Reads for all waits on one source, until the last has left."""

    def __init__(self, account: Account, source: Source, name: str) -> None:
        self.name = name
        self.account, self._source = account, source
        self.sweeps = Sweeps(account.pacer)
        self._feeds: dict[Subject, set[Feed]] = {}
        self._known: dict[Subject, ActionDetails] = {}
        self._joined = asyncio.Event()
        self._outage = ""
        self._trouble: KaizalaError | None = None
        # a context of its own, or its lines would land in the log of the task that happened to come first
        self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())

    def add(self, subject: Subject, feed: Feed) -> None:
        """Add a wait. It gets at once what is known of its subject already."""
        self._feeds.setdefault(subject, set()).add(feed)
        self._joined.set()
        if subject in self._known:
            feed.put(self._known[subject])

    def remove(self, subject: Subject, feed: Feed) -> bool:
        """Remove a wait, and return whether it was the last. What is known of a subject is forgotten with its last wait."""
        feeds = self._feeds[subject]
        feeds.remove(feed)
        if not feeds:
            del self._feeds[subject]
            self._known.pop(subject, None)
        return not self._feeds

    async def stop(self) -> None:
        """End the poll."""
        self.sweeps.end()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        log.info("Polling %s", self.name)
        failures = 0
        await asyncio.sleep(GATHER)
        while True:
            began = time.monotonic()
            try:
                await self._look()
            except KaizalaError as error:
                if not error.is_transient:
                    log.warning("Kaizala refused the poll of %s: %s", self.name, error)
                    self._deliver_to_all(error)
                elif str(error) != self._outage:
                    self._outage = str(error)
                    log.warning("Cannot read %s now; polling again: %s", self.name, error)
            except Exception as error:
                log.exception("The poll of %s failed", self.name)
                failures += 1
                if failures >= PATIENCE:
                    text = f"Reading {self.name} failed {failures} times in a row: {type(error).__name__}: {error}"
                    self._deliver_to_all(KaizalaError(text))
            else:
                failures = 0
                if self._outage:
                    self._outage = ""
                    log.info("Can read %s again", self.name)
            await self._pause(began)

    async def _look(self) -> None:
        """Read what has changed.

        :raises KaizalaError: if something could not be read, after everything that could be has been delivered
        """
        self._trouble = None
        if self._feeds:  # until it is stopped a poll may outlive its last wait by a moment
            self._source.forget_others(self._known)
            await self._source.look(self, list(self._feeds))
        if self._trouble is not None:
            raise self._trouble

    async def detail(self, subject: Subject, urgency: int = DETAIL) -> bool:
        """Read one subject and deliver its state, or the error that ends its waits; return False for an error that waiting may fix."""
        try:
            self.deliver(subject, await self.account.read(subject.reading(), urgency))
        except KaizalaError as error:
            if error.is_transient:
                self._trouble = error
                return False
            self.deliver(subject, error)
        return True

    async def details(self, subjects: Iterable[Subject]) -> set[Subject]:
        """Read several subjects, a few at once; return those for which :meth:`detail` returned True."""
        gate = asyncio.Semaphore(AT_ONCE)
        read: set[Subject] = set()

        async def one(subject: Subject) -> None:
            async with gate:
                if await self.detail(subject):
                    read.add(subject)

        await asyncio.gather(*map(one, subjects))
        return read

    async def _pause(self, began: float) -> None:
        """Sleep until the next look is due; a wait that joins may have a shorter interval."""
        while True:
            self._joined.clear()
            intervals = [feed.interval for feeds in self._feeds.values() for feed in feeds]
            pause = began + min(intervals, default=1.0) - time.monotonic()
            if pause <= 0:
                await asyncio.sleep(0)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._joined.wait()

    def _deliver_to_all(self, error: KaizalaError) -> None:
        for subject in self._feeds:
            self.deliver(subject, error)

    def deliver(self, subject: Subject, news: ActionDetails | KaizalaError) -> None:
        """Give a state, or an error that waiting cannot fix, to the waits on one subject."""
        if not isinstance(news, KaizalaError) and subject in self._feeds:
            self._known[subject] = news
        for feed in self._feeds.get(subject, ()):
            feed.put(news)


class Account:
    """One connector with one set of settings: a client, and the polls that use it."""

    def __init__(self, settings: Settings, client: AsyncKaizalaClient) -> None:
        self.settings, self.client = settings, client
        self.pacer = pacer_for(settings)
        self.users = 0
        self._polls: dict[tuple[str, ...], Poll] = {}

    async def run(self, call: Call[Any], urgency: int = LIST) -> Any:
        """Make a call when its turn has come."""
        await self.pacer.turn(urgency)
        return await self.client.run(call)

    async def read(self, reading: Reading[T], urgency: int = LIST) -> T:
        """Make the calls of a reading."""
        return await afollow(reading, lambda call: self.run(call, urgency))

    @asynccontextmanager
    async def watch(self, subject: Subject, interval: float) -> AsyncIterator[Feed]:
        """Join the poll that reads *subject*; leave it at the end, and stop it if no wait is left.

        :raises KaizalaError: if the connection holds no grant for the group
        """
        key = (self.settings.grant_for(subject.group_id).name, *subject.poll_key)
        poll = self._polls.get(key)
        if poll is None:
            poll = self._polls[key] = Poll(self, source_for(subject), _name(subject))
        feed = Feed(interval)
        poll.add(subject, feed)
        try:
            yield feed
        finally:
            if poll.remove(subject, feed):
                del self._polls[key]
                await asyncio.shield(poll.stop())


class UnreadableConnectionError(Exception):
    """Airflow does not return the connection now; its secrets backend may be down."""


async def _read(hook: KaizalaHook) -> Settings:
    # in a thread, since loading httpx takes long enough for Airflow to complain about a blocked event loop
    await asyncio.to_thread(import_module, "airflow_provider_kaizala.client.async_client")
    try:
        return (await hook.async_connection()).settings
    except KaizalaError:
        raise
    except Exception as error:
        raise UnreadableConnectionError(str(error) or type(error).__name__) from error


@dataclass
class _Connection:
    """An Airflow connection that was read, or is being read."""

    hook: KaizalaHook
    until: float
    reading: asyncio.Task[Settings]
    waiting: int = 0


class Polls:
    """All polls of one event loop."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._connections: dict[str, _Connection] = {}

    @asynccontextmanager
    async def account(self, conn_id: str) -> AsyncIterator[Account]:
        """Return the account of a connection; the last user closes it.

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
            if not account.users:
                del self._accounts[key]
                await asyncio.shield(account.client.close())

    async def _settings(self, conn_id: str) -> tuple[KaizalaHook, Settings]:
        """Read a connection, once for all waits that come within a minute: each reading asks Airflow's supervisor."""
        known = self._connections.get(conn_id)
        if known is None or (known.until < time.monotonic() and known.reading.done()):
            hook = KaizalaHook(conn_id, total_timeout=LONGEST_CALL)
            until = time.monotonic() + CONNECTION_LIFE
            known = self._connections[conn_id] = _Connection(hook, until, asyncio.create_task(_read(hook)))
        known.waiting += 1
        try:
            # shielded, since other waits may need it when this one is stopped
            return known.hook, await asyncio.shield(known.reading)
        except BaseException:
            is_over = known.reading.done() or known.waiting == 1  # it failed, or no other wait needs it
            if is_over and self._connections.get(conn_id) is known:
                del self._connections[conn_id]
                known.reading.cancel()
            raise
        finally:
            known.waiting -= 1


def _name(subject: Subject) -> str:
    action_type = getattr(subject, "action_type", None)
    kind = subject.kind.replace("_", " ") + (f" ({action_type})" if action_type else "")
    return f"{kind} in group {subject.group_id}"


def _account_key(settings: Settings) -> str:
    """Return what settings must have in common to share a client: every value, as a digest since some are secret."""
    values = [getattr(settings, each.name) for each in fields(settings)]
    return hashlib.sha256(repr(values).encode()).hexdigest()


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, Polls] = WeakKeyDictionary()


def polls() -> Polls:
    """Return the polls of this event loop; a triggerer has one."""
    return _polls.setdefault(asyncio.get_running_loop(), Polls())
