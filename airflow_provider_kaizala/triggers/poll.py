"""Shared polls: one serves all waits on one kind of subject in a group, and ends with the last of them.

Level-triggered: each look reads state, so restarts, duplicates and early answers cost nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.triggers.pacing import DETAIL, LIST, Sweeps
from airflow_provider_kaizala.triggers.sources import source_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.triggers.accounts import Account
    from airflow_provider_kaizala.waiting.subjects import Subject

T = TypeVar("T")

log = logging.getLogger(__name__)

#: details that a poll reads at the same time
AT_ONCE = 4
#: seconds before the first look of a poll, in which other waits can join, as after a restart of the triggerer
GATHER = 0.5
#: looks that fail in a row for an unforeseen reason before the waits fail too
PATIENCE = 3
#: seconds between two looks that events cause
PAUSE = 1.0
#: seconds that are not slept: sums of times are not exact
TICK = 1e-6


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
    """Reads for all waits on one source, until the last has left.

    It looks once in the shortest interval of its waits, and as soon as a doorbell rings. If it can rely on that, intervals are longer.

    :param subject: one of those that it reads; the others have the same ``poll_key``
    """

    def __init__(self, account: Account, subject: Subject) -> None:
        self.name = _name(subject)
        self.kind, self.group_id, self.event_types = subject.kind, subject.group_id, subject.event_types
        self.account, self._source = account, source_for(subject)
        self.sweeps = Sweeps(account.pacer)
        self._feeds: dict[Subject, set[Feed]] = {}
        self._known: dict[Subject, ActionDetails] = {}
        self._covered: set[Subject] = set()
        self._changed = asyncio.Event()
        self._is_rung = False
        self._keeps_pace = True
        self._has_news = False
        self._urgency = LIST
        self._outage = ""
        self._trouble: KaizalaError | None = None
        # a context of its own, or its lines would land in the log of the task that happened to come first
        self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())

    def add(self, subject: Subject, feed: Feed) -> None:
        """Add a wait. It gets at once what is known of its subject already."""
        self._feeds.setdefault(subject, set()).add(feed)
        self._keeps_pace = True
        self._changed.set()
        if subject in self._known:
            feed.put(self._known[subject])

    def remove(self, subject: Subject, feed: Feed) -> bool:
        """Remove a wait, and return whether it was the last. What is known of a subject is forgotten with its last wait."""
        feeds = self._feeds[subject]
        feeds.remove(feed)
        if not feeds:
            del self._feeds[subject]
            self._known.pop(subject, None)
            self._covered.discard(subject)
        return not self._feeds

    def ring(self, action_id: str | None = None) -> None:
        """Look as soon as the calls allow, since there may be news.

        :param action_id: the action that they are about, if that is known
        """
        if action_id:
            self._source.note(action_id)
        self._is_rung = True
        self._changed.set()

    def wake(self) -> None:
        """Find out anew when the next look is due."""
        self._changed.set()

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
            is_rung, self._is_rung = self._is_rung, False
            self._urgency = DETAIL if is_rung else LIST
            kept_pace, self._keeps_pace = self._keeps_pace, is_rung
            try:
                await self._look()
            except KaizalaError as error:
                self._keeps_pace = True
                if not error.is_transient:
                    log.warning("Kaizala refused the poll of %s: %s", self.name, error)
                    self._deliver_to_all(error)
                elif str(error) != self._outage:
                    self._outage = str(error)
                    log.warning("Cannot read %s now; polling again: %s", self.name, error)
            except Exception as error:
                log.exception("The poll of %s failed", self.name)
                self._keeps_pace = True
                failures += 1
                if failures >= PATIENCE:
                    text = f"Reading {self.name} failed {failures} times in a row: {type(error).__name__}: {error}"
                    self._deliver_to_all(KaizalaError(text))
            else:
                failures = 0
                if self._outage:
                    self._outage = ""
                    log.info("Can read %s again", self.name)
                if self._has_news and not (is_rung or kept_pace or self._is_rung):
                    self.account.distrust(self)
            await self._pause(began)

    async def _look(self) -> None:
        """Read what has changed.

        :raises KaizalaError: if something could not be read, after everything that could be has been delivered
        """
        self._trouble, self._has_news = None, False
        if self._feeds:  # until it is stopped a poll may outlive its last wait by a moment
            self._source.forget_others(self._known)
            subjects = list(self._feeds)
            await self._source.look(self, subjects)
            self._covered = {subject for subject in subjects if subject in self._feeds}
        if self._trouble is not None:
            raise self._trouble

    async def run(self, call: Call[Any]) -> Any:
        """Make a call for a list of what has changed."""
        return await self.account.run(call, self._urgency)

    async def read(self, reading: Reading[T]) -> T:
        """Make the calls of a reading of a list."""
        return await self.account.read(reading, self._urgency)

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
        """Sleep until the next look is due; a wait that joins, or an event, may bring it forward."""
        while True:
            self._changed.clear()
            now = time.monotonic()
            pause = began + self._interval() - now
            if self._is_rung and pause > TICK:
                soon = began + PAUSE - now
                pause = min(pause, soon if soon > TICK else self._until_ring())
            if pause <= TICK:
                await asyncio.sleep(0)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def _interval(self) -> float:
        """Return the seconds from the beginning of a look to the next.

        It is not made longer before a wait that has joined, or that could not be read, is read, nor after an event, since what
        that tells of may not be readable yet.
        """
        own = min((feed.interval for feeds in self._feeds.values() for feed in feeds), default=1.0)
        return own if self._keeps_pace or self._is_rung else max(own, self.account.push_interval(self))

    def _until_ring(self) -> float:
        """Return how many seconds to wait before an event may cause a look, and count that look if it may be made now."""
        return self.account.pacer.ring() if self._source.makes_calls else 0.0

    def _deliver_to_all(self, error: KaizalaError) -> None:
        for subject in self._feeds:
            self.deliver(subject, error)

    def deliver(self, subject: Subject, news: ActionDetails | KaizalaError) -> None:
        """Give a state, or an error that waiting cannot fix, to the waits on one subject."""
        if not isinstance(news, KaizalaError) and subject in self._feeds:
            if subject in self._covered:
                self._has_news |= _answers(self._known.get(subject)) != _answers(news)
            self._known[subject] = news
        for feed in self._feeds.get(subject, ()):
            feed.put(news)


def _answers(details: ActionDetails | None) -> set[tuple[Any, ...]]:
    """Return what of a state an event would have told of."""
    found = details.responses if details else ()
    return {(each.response_id, each.responded_at, each.responder.id) for each in found if each.counts}


def _name(subject: Subject) -> str:
    action_type = getattr(subject, "action_type", None)
    kind = subject.kind.replace("_", " ") + (f" ({action_type})" if action_type else "")
    return f"{kind} in group {subject.group_id}"
