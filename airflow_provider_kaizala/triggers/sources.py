"""What one poll reads: a list for all waits of a kind in a group, and details only of what has moved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client import calls, readings
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaError
from airflow_provider_kaizala.client.readings import afollow
from airflow_provider_kaizala.triggers.pacing import DETAIL, LIST, SWEEP
from airflow_provider_kaizala.waiting.subjects import ActionAnswers, Joined, Posts, Reactions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import ActionDetails, ListedAction, ReactionCounts
    from airflow_provider_kaizala.client.paging import Page, Paged
    from airflow_provider_kaizala.waiting.subjects import Subject

#: so many actions with each call: most groups fit into one
PAGE = 1000
AT_ONCE = 4
#: how far back the first list of changed reactions reaches; what is waited on is read by itself first
OVERLAP = timedelta(hours=1)
Mark = tuple[int, bool]
NOTHING_YET: Mark = (0, False)


@dataclass
class Reader:
    """Makes the calls of a poll, and hands on what they bring.

    :param run: makes a call, when its urgency lets it
    :param sweeps: tells how many calls, of so many that would be, may be spent on what is known already
    :param deliver: hands a state, or an error that waiting does not mend, to the waits on one subject
    """

    run: Callable[[Call[Any], int], Awaitable[Any]]
    sweeps: Callable[[int], int]
    deliver: Callable[[Subject, ActionDetails | KaizalaError], None]
    trouble: KaizalaError | None = None

    async def all(self, paged: Paged[Any]) -> list[Any]:
        """Read all pages."""

        def reading() -> Any:
            return (yield paged)

        return await afollow(reading(), lambda call: self.run(call, LIST))

    async def detail(self, subject: Subject, urgency: int = DETAIL) -> bool:
        """Read one subject and hand it on; return whether there was an outcome.

        An error that waiting does not mend is that subject's own; one that may be over is noted as ``trouble``.
        """
        try:
            state = await afollow(subject.reading(), lambda call: self.run(call, urgency))
        except KaizalaError as error:
            if error.is_transient:
                self.trouble = error
                return False
            self.deliver(subject, error)
            return True
        self.deliver(subject, state)
        return True

    async def details(self, subjects: list[Subject]) -> list[bool]:
        """Read several, a few at once."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(subject: Subject) -> bool:
            async with gate:
                return await self.detail(subject)

        return list(await asyncio.gather(*map(one, subjects)))


@dataclass
class Source:
    """Base: knows what it has seen, so that only what has moved is read."""

    group_id: str
    seen: dict[Subject, Any] = field(default_factory=dict)

    def forget(self, subject: Subject) -> None:
        """Nobody waits on this any more."""
        self.seen.pop(subject, None)

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Look once.

        :raises KaizalaError: if it cannot be read, for all
        """
        raise NotImplementedError


def _mark(item: ListedAction | None) -> Mark | None:
    """Return what shows that something has moved; None if the list does not tell."""
    if item is None or item.response_count is None:
        return None
    return item.response_count, bool(item.is_completed)


@dataclass
class ActionsSource(Source):
    """Answers to the actions of one type in one group: one list, and details of those whose count has moved.

    A type that cannot be listed, and an action that is not in the list, is read by itself.
    """

    action_type: str | None = None
    listable: bool = True
    _next_sweep: int = 0

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read the list, then what has moved."""
        listed = await self._list(reader, subjects)
        marks = {subject: _mark(listed.get(subject.id.lower())) for subject in subjects}
        moved = [
            subject
            for subject, mark in marks.items()
            if mark is None or mark != self.seen.get(subject, NOTHING_YET)
        ]
        for subject, done in zip(moved, await reader.details(moved), strict=True):
            if done and marks[subject] is not None:
                self.seen[subject] = marks[subject]
        read = set(moved)
        await self._sweep(reader, [each for each in subjects if each not in read and self._may_change(each)])

    async def _list(self, reader: Reader, subjects: list[Subject]) -> dict[str, ListedAction]:
        times = [each.sent_at for each in subjects if isinstance(each, ActionAnswers) and each.sent_at]
        if self.action_type is None or not self.listable or not times:
            return {}
        try:
            found = await reader.all(calls.list_actions(self.group_id, self.action_type, min(times), PAGE))
        except KaizalaBadRequestError:
            self.listable = False
            return {}
        return {action.action_id.lower(): action for action in found if action.action_id}

    def _may_change(self, subject: Subject) -> bool:
        """Tell what may change though the list looks as it did: an answer is edited, a job in progress is done."""
        return subject in self.seen or (self.action_type or "").lower() == "job"

    async def _sweep(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read some again, in turn, as far as there are calls for that."""
        for _ in range(reader.sweeps(len(subjects))):
            self._next_sweep += 1
            await reader.detail(subjects[self._next_sweep % len(subjects)], SWEEP)


@dataclass
class ReactionsSource(Source):
    """Reactions in one group: what has changed since the last look, and details of that."""

    source_group_id: str | None = None
    cursor: int = field(default_factory=lambda: ticks(datetime.now(tz=UTC) - OVERLAP))
    _changed: set[str] = field(default_factory=set)

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Ask what has changed, then read that; what is new here is read in any case."""
        await self._note_changes(reader)
        moved = [
            subject for subject in subjects if subject.id.lower() in self._changed or subject not in self.seen
        ]
        self._changed = set()
        for subject, done in zip(moved, await reader.details(moved), strict=True):
            if done:
                self.seen[subject] = True
            else:
                self._changed.add(subject.id.lower())

    async def _note_changes(self, reader: Reader) -> None:
        paged = calls.list_reaction_counts(
            self.group_id, source_group_id=self.source_group_id, cursor=self.cursor
        )
        at: int | None = None
        while True:
            page: Page[ReactionCounts] = await reader.run(paged.call(at), LIST)
            # at once, since the cursor moves on with it: the next page may fail
            self._changed |= {each.reference_id.lower() for each in page.items}
            if page.next is None or page.next == at:
                return
            at = self.cursor = page.next


@dataclass
class PostsSource(Source):
    """New actions of one type in one group: one list from the earliest moment that somebody waits from."""

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read the list, and give each wait its part."""
        waits = [each for each in subjects if isinstance(each, Posts)]
        since = min(each.since for each in waits)
        found = await reader.all(calls.list_actions(self.group_id, waits[0].action_type, since, PAGE))
        for each in waits:
            reader.deliver(each, readings.as_posts(found, each.action_type, each.since))


@dataclass
class MembersSource(Source):
    """Members of one group: one list for all waits."""

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read the list, and compare it with who was there before each wait."""
        found = await reader.run(calls.list_members(self.group_id), LIST)
        for each in subjects:
            if isinstance(each, Joined):
                reader.deliver(each, readings.as_joined(found, each.before or ()))


def ticks(moment: datetime) -> int:
    """Return a moment in .NET ticks: 100 nanoseconds since year 1."""
    return (moment - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def source_key(subject: Subject) -> tuple[Any, ...]:
    """Return what waits must have in common to share a poll, within one grant."""
    group = subject.group_id.lower()
    match subject:
        case ActionAnswers():
            return ("actions", group, (subject.action_type or "").lower())
        case Reactions():
            return ("reactions", group, (subject.source_group_id or group).lower())
        case Posts():
            return ("posts", group, subject.action_type.lower())
        case _:
            return (subject.kind, group)


def make_source(subject: Subject) -> Source:
    """Return the source that reads *subject*, and others like it."""
    match subject:
        case ActionAnswers():
            return ActionsSource(subject.group_id, action_type=subject.action_type)
        case Reactions():
            return ReactionsSource(subject.group_id, source_group_id=subject.source_group_id)
        case Posts():
            return PostsSource(subject.group_id)
        case Joined():
            return MembersSource(subject.group_id)
    raise TypeError(f"{subject!r} cannot be watched")
