"""What one poll reads: a list for all waits of a kind in a group, and details only of what has changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaError
from airflow_provider_kaizala.client.readings import afollow
from airflow_provider_kaizala.triggers.pacing import DETAIL, LIST, SWEEP
from airflow_provider_kaizala.waiting.subjects import Listed, Reactions, Responses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import ActionDetails, ListedAction, ReactionCounts
    from airflow_provider_kaizala.client.paging import Page, Paged
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.waiting.subjects import Subject

T = TypeVar("T")

#: actions on one page of a list: most groups fit into one
PAGE = 1000
#: details that are read at the same time
AT_ONCE = 4
#: how far back the first list of changed reactions reaches; each subject is read by itself first
OVERLAP = timedelta(hours=1)
Mark = tuple[int, bool]
NOTHING_YET: Mark = (0, False)


@dataclass
class Reader:
    """Makes the calls of one look, and delivers what they return.

    :param run: makes a call, when its turn has come
    :param sweeps: returns how many of so many calls may be spent on subjects that show no change
    :param deliver: gives a state, or an error that waiting cannot fix, to the waits on one subject
    :ivar trouble: the last error that waiting may fix, None if there was none
    """

    run: Callable[[Call[Any], int], Awaitable[Any]]
    sweeps: Callable[[int], int]
    deliver: Callable[[Subject, ActionDetails | KaizalaError], None]
    trouble: KaizalaError | None = None

    async def read(self, reading: Reading[T], urgency: int = LIST) -> T:
        """Make the calls of a reading."""
        return await afollow(reading, lambda call: self.run(call, urgency))

    async def detail(self, subject: Subject, urgency: int = DETAIL) -> bool:
        """Read one subject and deliver its state, or the error that ends its waits; return False if neither came.

        An error that waiting may fix is kept as :attr:`trouble`.
        """
        try:
            self.deliver(subject, await self.read(subject.reading(), urgency))
        except KaizalaError as error:
            if error.is_transient:
                self.trouble = error
                return False
            self.deliver(subject, error)
        return True

    async def details(self, subjects: list[Subject]) -> list[bool]:
        """Read several subjects, a few at once; return what :meth:`detail` returns for each."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(subject: Subject) -> bool:
            async with gate:
                return await self.detail(subject)

        return list(await asyncio.gather(*map(one, subjects)))


@dataclass
class Source:
    """Base: remembers what it has seen of each subject, so that only what has changed is read."""

    group_id: str
    seen: dict[Subject, Any] = field(default_factory=dict)

    def forget_others(self, known: Collection[Subject]) -> None:
        """Forget all subjects but these, so that the others are read whether they have changed or not."""
        self.seen = {subject: mark for subject, mark in self.seen.items() if subject in known}

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read what has changed.

        :raises KaizalaError: if none of the subjects can be read
        """
        raise NotImplementedError


@dataclass
class ActionsSource(Source):
    """Responses to the actions of one type in one group: one list, and details of those whose count has changed.

    Actions of a type that cannot be listed, and an action that is not in the list, are read one by one.
    """

    action_type: str | None = None
    listable: bool = True
    _next_sweep: int = 0

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read the list, then what has changed."""
        listed = await self._list(reader, subjects)
        marks = {subject: _mark(listed.get(subject.id.lower())) for subject in subjects}
        changed = [
            subject
            for subject, mark in marks.items()
            if mark is None or mark != self.seen.get(subject, NOTHING_YET)
        ]
        for subject, done in zip(changed, await reader.details(changed), strict=True):
            if done and marks[subject] is not None:
                self.seen[subject] = marks[subject]
        read = set(changed)
        await self._sweep(reader, [each for each in subjects if each not in read and self._may_change(each)])

    async def _list(self, reader: Reader, subjects: list[Subject]) -> dict[str, ListedAction]:
        times = [each.sent_at for each in subjects if isinstance(each, Responses) and each.sent_at]
        if self.action_type is None or not self.listable or not times:
            return {}
        paged = calls.list_actions(self.group_id, self.action_type, min(times), PAGE)
        try:
            found: list[ListedAction] = await reader.read(_all_pages(paged))
        except KaizalaBadRequestError:
            self.listable = False
            return {}
        return {action.action_id.lower(): action for action in found if action.action_id}

    def _may_change(self, subject: Subject) -> bool:
        """Return whether details may change though the list does not: an answer is edited, a job is done."""
        return subject in self.seen or (self.action_type or "").lower() == "job"

    async def _sweep(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read some subjects again, in turn, as many as there are calls for."""
        for _ in range(reader.sweeps(len(subjects))):
            self._next_sweep += 1
            await reader.detail(subjects[self._next_sweep % len(subjects)], SWEEP)


def _mark(item: ListedAction | None) -> Mark | None:
    """Return what of a listed action changes with its responses; None if the list does not tell."""
    if item is None or item.response_count is None:
        return None
    return item.response_count, bool(item.is_completed)


def _all_pages(paged: Paged[T]) -> Reading[list[T]]:
    found: list[T] = yield paged
    return found


@dataclass
class ReactionsSource(Source):
    """Reactions in one group: a list of what has changed since the last look, and details of that."""

    source_group_id: str | None = None
    cursor: int = field(default_factory=lambda: ticks(datetime.now(tz=UTC) - OVERLAP))
    _changed: set[str] = field(default_factory=set)

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read what has changed, and subjects that were not read before."""
        await self._note_changes(reader)
        changed = [
            subject for subject in subjects if subject.id.lower() in self._changed or subject not in self.seen
        ]
        outcomes = zip(changed, await reader.details(changed), strict=True)
        self._changed = {subject.id.lower() for subject, done in outcomes if not done}
        self.seen |= dict.fromkeys(changed, True)  # what could not be read is forgotten at the next look

    async def _note_changes(self, reader: Reader) -> None:
        paged = calls.list_reaction_counts(
            self.group_id, source_group_id=self.source_group_id, cursor=self.cursor
        )
        at: int | None = None
        while True:
            page: Page[ReactionCounts] = await reader.run(paged.call(at), LIST)
            # noted page by page, since the cursor moves on with each and the next page may fail
            self._changed |= {each.reference_id.lower() for each in page.items}
            if page.next is None or page.next == at:
                return
            at = self.cursor = page.next


@dataclass
class ListSource(Source):
    """New actions or new members: one list for all waits."""

    async def look(self, reader: Reader, subjects: list[Subject]) -> None:
        """Read the list, and give each wait what of it counts for it."""
        waits = [each for each in subjects if isinstance(each, Listed)]
        found = await reader.read(waits[0].read_list(waits))
        for each in waits:
            reader.deliver(each, each.counted(found))


def ticks(moment: datetime) -> int:
    """Return a moment in .NET ticks: 100 nanoseconds since year 1."""
    return (moment - datetime(1, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def source_for(subject: Subject) -> Source:
    """Return the source that reads *subject*, and others with the same ``poll_key``."""
    match subject:
        case Responses():
            return ActionsSource(subject.group_id, action_type=subject.action_type)
        case Reactions():
            return ReactionsSource(subject.group_id, source_group_id=subject.source_group_id)
    return ListSource(subject.group_id)
