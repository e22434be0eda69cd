"""What one poll reads: a list for all waits of a kind in a group, and details only of what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaError
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push.feed import EventFeed, FeedError
from airflow_provider_kaizala.push.settings import receiver_url
from airflow_provider_kaizala.triggers.pacing import SWEEP
from airflow_provider_kaizala.waiting.subjects import MESSAGES, Listed, Messages, Reactions, Responses

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_provider_kaizala.client.models import ListedAction, ReactionCounts, Response
    from airflow_provider_kaizala.client.paging import Page, Paged
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.triggers.poll import Poll
    from airflow_provider_kaizala.waiting.subjects import Subject

T = TypeVar("T")

#: actions on one page of a list: most groups fit into one
PAGE = 1000
#: how far back the first list of changed reactions reaches; each subject is read by itself first
OVERLAP = timedelta(hours=1)
#: response count, and whether it is completed
Mark = tuple[int, bool]
NOTHING_YET: Mark = (0, False)


@dataclass
class Source:
    """Base: remembers what it has seen of each subject, so that only what has changed is read."""

    #: whether Kaizala is asked
    makes_calls: ClassVar[bool] = True
    group_id: str
    seen: dict[Subject, Any] = field(default_factory=dict)

    def note(self, action_id: str) -> None:
        """Take note that an event has told of this action."""

    def forget_others(self, known: Collection[Subject]) -> None:
        """Forget all subjects but these, so that the others are read whether they have changed or not."""
        self.seen = {subject: mark for subject, mark in self.seen.items() if subject in known}

    async def look(self, poll: Poll, subjects: list[Subject]) -> None:
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
    _noted: set[str] = field(default_factory=set)

    def note(self, action_id: str) -> None:
        """Read this action at the next look, though the list may not show a change: an answer was edited, a job is done."""
        self._noted.add(action_id.lower())

    async def look(self, poll: Poll, subjects: list[Subject]) -> None:
        """Read the list, what has changed, and of the rest, in turn, as many as there are calls for."""
        listed = await self._list(poll, subjects)
        marks = {subject: listed.get(subject.id.lower()) for subject in subjects}
        noted, self._noted = self._noted & {subject.id.lower() for subject in subjects}, set()
        changed = {
            subject: mark
            for subject, mark in marks.items()
            if mark is None or mark != self.seen.get(subject, NOTHING_YET) or subject.id.lower() in noted
        }
        read = await poll.details(changed)
        self._noted |= noted - {subject.id.lower() for subject in read}
        self.seen |= {subject: changed[subject] for subject in read if changed[subject] is not None}
        # details may change though the list does not: an answer is edited, a job is done
        is_job = (self.action_type or "").lower() == "job"
        others = [each for each in subjects if each not in changed and (is_job or each in self.seen)]
        for _ in range(poll.sweeps.take(len(others))):
            self._next_sweep += 1
            await poll.detail(others[self._next_sweep % len(others)], SWEEP)

    async def _list(self, poll: Poll, subjects: list[Subject]) -> dict[str, Mark]:
        """Return, by action id, what changes with the responses to an action, as far as the list shows it."""
        times = [each.sent_at for each in subjects if isinstance(each, Responses) and each.sent_at]
        if self.action_type is None or not self.listable or not times:
            return {}
        paged = calls.list_actions(self.group_id, self.action_type, min(times), PAGE)
        try:
            found: list[ListedAction] = await poll.read(_all_pages(paged))
        except KaizalaBadRequestError:
            self.listable = False
            return {}
        return {
            each.action_id.lower(): (each.response_count, bool(each.is_completed))
            for each in found
            if each.action_id and each.response_count is not None
        }


def _all_pages(paged: Paged[T]) -> Reading[list[T]]:
    found: list[T] = yield paged
    return found


@dataclass
class ReactionsSource(Source):
    """Reactions in one group: a list of what has changed since the last look, and details of that."""

    source_group_id: str | None = None
    cursor: int = field(default_factory=lambda: ticks(datetime.now(tz=UTC) - OVERLAP))
    _changed: set[str] = field(default_factory=set)

    async def look(self, poll: Poll, subjects: list[Subject]) -> None:
        """Read what has changed, and subjects that were not read before."""
        await self._note_changes(poll)
        changed = [
            subject for subject in subjects if subject.id.lower() in self._changed or subject not in self.seen
        ]
        read = await poll.details(changed)
        self._changed = {subject.id.lower() for subject in changed if subject not in read}
        self.seen |= dict.fromkeys(changed, True)  # what could not be read is forgotten at the next look

    async def _note_changes(self, poll: Poll) -> None:
        paged = calls.list_reaction_counts(
            self.group_id, source_group_id=self.source_group_id, cursor=self.cursor
        )
        at: int | None = None
        while True:
            page: Page[ReactionCounts] = await poll.run(paged.call(at))
            # noted page by page, since the cursor moves on with each and the next page may fail
            self._changed |= {each.reference_id.lower() for each in page.items}
            if page.next is None or page.next == at:
                return
            at = self.cursor = page.next


@dataclass
class ListSource(Source):
    """New actions or new members: one list for all waits."""

    async def look(self, poll: Poll, subjects: list[Subject]) -> None:
        """Read the list, and give each wait what of it counts for it."""
        waits = [each for each in subjects if isinstance(each, Listed)]
        found = await poll.read(waits[0].read_list(waits))
        for each in waits:
            poll.deliver(each, each.counted(found))


@dataclass
class MessagesSource(Source):
    """Messages in one group, which Airflow's receiver has stored: once for all waits what has come since the last look."""

    makes_calls = False
    conn_id: str = ""
    _hook: KaizalaHook | None = None

    async def look(self, poll: Poll, subjects: list[Subject]) -> None:
        """Read what has come since the last look, and for each new wait what came since its moment."""
        waits = [each for each in subjects if isinstance(each, Messages)]
        known = {each: self.seen[each] for each in waits if each in self.seen}
        feed = await self._feed()
        try:
            if known:
                await self._read(feed, min(cursor for cursor, _ in known.values()), known)
            for each in waits:
                if each not in known:
                    await self._read(feed, each.since, {each: (0, ())})
        except FeedError:
            self._hook = None  # the secret may have changed
            raise
        finally:
            await feed.aclose()
        for each in waits:
            poll.deliver(each, each.details(self.seen[each][1]))

    async def _read(
        self, feed: EventFeed, after: int | datetime, known: dict[Messages, tuple[int, Sequence[Response]]]
    ) -> None:
        """Read to the end, and add what each wait is about to what is known of it."""
        while True:
            page = await feed.listen(after, 0, self.group_id, MESSAGES)
            for each, (cursor, answers) in known.items():
                news = each.answers(event for event in page.events if event.cursor > cursor)
                known[each] = max(cursor, page.cursor), each.newest((*answers, *news))
            if not page.events:
                break
            after = page.cursor
        for each, mark in known.items():
            self.seen[each] = mark

    async def _feed(self) -> EventFeed:
        self._hook = self._hook or KaizalaHook(self.conn_id)
        try:
            connection = await self._hook.async_connection()
        except KaizalaError:
            raise
        except Exception as error:
            raise FeedError(f"connection {self.conn_id!r} cannot be read: {error}") from error
        return EventFeed(self.conn_id, connection.webhook_secret, receiver_url())


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
        case Messages():
            return MessagesSource(subject.group_id, conn_id=subject.conn_id)
    return ListSource(subject.group_id)
