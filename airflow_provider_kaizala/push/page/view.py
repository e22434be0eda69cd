"""Puts together what the page shows a user."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.utils.session import create_session
from anyio import CapacityLimiter, to_thread

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.ensure import ACTIVE, named_groups
from airflow_provider_kaizala.push.page.access import access_of
from airflow_provider_kaizala.push.page.deliveries import SPANS, Stored, count_bars, read_stored
from airflow_provider_kaizala.push.page.plot import Plot, stacked
from airflow_provider_kaizala.push.page.readings import (
    GroupName,
    GroupWebhooks,
    ListedWebhook,
    Progressed,
    Readings,
    WaitProgress,
)
from airflow_provider_kaizala.push.page.shared import Seen, Shared
from airflow_provider_kaizala.push.page.waits import PAGE, OpenWait, Waits, read_waits
from airflow_provider_kaizala.waiting.subjects import Messages, NewActions, NewMembers, Reactions, Responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_kaizala.client.models import Person
    from airflow_provider_kaizala.push.page.access import Access
    from airflow_provider_kaizala.push.page.deliveries import Run, Span
    from airflow_provider_kaizala.push.page.readings import Item
    from airflow_provider_kaizala.push.settings import PushSettings

#: seconds for which what is stored is not counted again
STORED_FRESH = 10.0
#: groups of a connection whose webhooks are shown
GROUPS = 50
#: names of people that are shown of one wait, of each kind
NAMES = 20
#: the page says when it has read what is older
OLD = timedelta(minutes=1)
#: reads of the metadata database at once, in each API server process
DATABASE_READERS = 2


class People(Value):
    """People by name.

    :param more: how many others there are, whose names are not known or not shown
    """

    names: tuple[str, ...] = ()
    more: int = 0

    @classmethod
    def of(cls, people: Sequence[Person]) -> People:
        """Return them by name, or else by number."""
        names = [name for each in people if (name := each.name or each.mobile_number)][:NAMES]
        return cls(tuple(names), len(people) - len(names))


class WaitView(Value):
    """An open wait.

    :param text: how far it has come, in words; None if that was not read
    :param done: of *needed*, how many have answered
    :param owing: who has not answered yet
    :param at: when that was read, if it is long ago
    :param problem: why it cannot be read
    """

    title: str
    group: str | None
    conn_id: str | None
    task: str
    link: str
    run_id: str
    state: str
    since: datetime | None
    until: datetime | None
    text: str | None = None
    done: int = 0
    needed: int = 0
    answered: People = People()
    owing: People = People()
    at: datetime | None = None
    problem: str | None = None


class GroupView(Value):
    """A group of a connection, and its webhooks.

    :param webhooks: those that call this Airflow and others; None before they were read
    :param count: events that are stored
    :param is_healthy: whether exactly one active webhook calls this Airflow; None if that is not known
    """

    name: str
    group_id: str
    webhooks: tuple[ListedWebhook, ...] | None
    problem: str | None
    count: int
    last_at: datetime | None
    is_healthy: bool | None


class ConnectionView(Value):
    """A connection that receives webhooks.

    :param problem: why it cannot be read, or receives nothing
    """

    conn_id: str
    problem: str | None
    groups: tuple[GroupView, ...]


class DeliveryView(Value):
    """A stored event."""

    at: datetime
    conn_id: str
    group: str | None
    event_type: str
    who: str | None
    rang: bool
    runs: tuple[tuple[str, str], ...]


class View(Value):
    """What the page shows.

    :param page: which page of the waits, of so many *pages*
    :param receives: whether any connection receives webhooks
    :param deliveries_problem: why they cannot be read
    """

    waits: tuple[WaitView, ...]
    total: int
    page: int
    pages: int
    receives: bool
    connections: tuple[ConnectionView, ...]
    span: Span
    spans: tuple[Span, ...]
    bars: tuple[datetime, datetime] | None
    plot: Plot | None
    stored: int | None
    last: tuple[DeliveryView, ...]
    deliveries_problem: str | None


class Viewer:
    """Looks for all users of one API server process.

    :param settings: the options of ``[kaizala]``
    """

    def __init__(self, settings: PushSettings) -> None:
        self._settings = settings
        self._shared = Shared()
        self._readings = Readings(self._shared)
        self._threads = CapacityLimiter(DATABASE_READERS)

    async def close(self) -> None:
        """End what is being read."""
        await self._shared.close()

    async def look(self, user: Any, page: int, span: Span, patience: float) -> View:
        """Return what a user may see.

        :param page: which page of the waits, from 1
        :param patience: seconds to wait for what is being read; what comes later is there at the next look
        """
        ends = time.monotonic() + patience

        def left() -> float:
            return max(0.0, ends - time.monotonic())

        access = await to_thread.run_sync(access_of, user, self._settings.connections, limiter=self._threads)
        waits = await self._in_session(read_waits, access.dag_ids, page)
        stored, bars = await self._count(access.conn_ids, span, left())
        connections = await self._readings.connections(access.conn_ids, left())
        groups = {
            conn_id: _groups(conn_id, connections[conn_id], stored) for conn_id in sorted(access.conn_ids)
        }
        await self._readings.read(_items(waits, groups), left())
        self._shared.forget()
        return View(
            waits=tuple(self._wait(each) for each in waits.open),
            total=waits.total,
            page=page,
            pages=max(1, -(-waits.total // PAGE)),
            receives=bool(self._settings.connections),
            connections=tuple(
                ConnectionView(
                    conn_id,
                    _connection_problem(connections[conn_id]),
                    tuple(self._group(conn_id, each, stored.value) for each in found),
                )
                for conn_id, found in groups.items()
            ),
            span=span,
            spans=tuple(SPANS.values()),
            bars=(bars.value[0][0], bars.value[-1][0]) if bars.value else None,
            plot=stacked(bars.value) if bars.value else None,
            stored=sum(each.count for each in stored.value.received) if stored.value else None,
            last=tuple(self._delivery(access, each) for each in stored.value.last) if stored.value else (),
            deliveries_problem=stored.problem or bars.problem,
        )

    async def _count(self, conn_ids: frozenset[str], span: Span, seconds: float) -> tuple[Seen, Seen]:
        """Return what is stored, and the bars of a time span, after at most so many seconds."""
        stored, bars = ("stored", conn_ids), ("bars", conn_ids, span.name)
        if conn_ids:
            self._shared.want(stored, STORED_FRESH, lambda _: self._in_session(read_stored, conn_ids))
            self._shared.want(
                bars,
                span.fresh,
                lambda _: self._in_session(count_bars, conn_ids, span, datetime.now(tz=UTC)),
            )
            await self._shared.wait([stored, bars], seconds)
        return self._shared.get(stored) or Seen(), self._shared.get(bars) or Seen()

    async def _in_session(self, read: Callable[..., Any], *given: Any) -> Any:
        def in_thread() -> Any:
            with create_session(scoped=False) as session:
                return read(session, *given)

        return await to_thread.run_sync(in_thread, limiter=self._threads)

    # --- views -------------------------------------------------------------------------------------------------------------

    def _wait(self, found: OpenWait) -> WaitView:
        item = _progress_item(found)
        seen = self._readings.seen(item) if item else None
        return wait_view(found, seen, self._name, datetime.now(tz=UTC))

    def _group(self, conn_id: str, group_id: str, stored: Stored | None) -> GroupView:
        seen = self._readings.seen(GroupWebhooks(conn_id, group_id)) or Seen()
        received = [
            each
            for each in (stored.received if stored else ())
            if each.conn_id == conn_id and (each.group_id or "").lower() == group_id.lower()
        ]
        webhooks: tuple[ListedWebhook, ...] | None = seen.value
        return GroupView(
            self._name(conn_id, group_id),
            group_id,
            webhooks,
            seen.problem,
            sum(each.count for each in received),
            max((each.last_at for each in received), default=None),
            None if webhooks is None else [each.state for each in webhooks if each.ours] == [ACTIVE],
        )

    def _delivery(self, access: Access, each: Any) -> DeliveryView:
        return DeliveryView(
            each.at,
            each.conn_id,
            self._name(each.conn_id, each.group_id) if each.group_id else None,
            each.event_type,
            each.who,
            each.rang,
            tuple((run.dag_id, run_link(run)) for run in each.runs if run.dag_id in access.dag_ids),
        )

    def _name(self, conn_id: str | None, group_id: str) -> str:
        seen = self._readings.seen(GroupName(conn_id, group_id)) if conn_id else None
        return str(seen.value) if seen and seen.value else group_id


def _groups(conn_id: str, connection: Seen | None, stored: Seen) -> list[str]:
    """Return the groups of a connection: those that it names, and those of which events are stored."""
    named: Iterable[str] = ()
    if connection and connection.value:
        try:
            named = named_groups(connection.value.settings, connection.value.default_group)
        except KaizalaInputError:  # it names none
            named = ()
    with_events = [
        each.group_id
        for each in (stored.value.received if stored.value else ())
        if each.conn_id == conn_id and each.group_id
    ]
    return [*{each.lower(): each for each in (*with_events, *named)}.values()][:GROUPS]


def _connection_problem(connection: Seen | None) -> str | None:
    if connection is None:
        return "The connection is being read."
    if connection.problem:
        return connection.problem
    if not connection.value.webhook_secret:
        return "Its extra webhook_secret is missing, so all webhooks are refused."
    return None


def _progress_item(found: OpenWait) -> WaitProgress | None:
    if found.conn_id is None or found.wire is None or found.wait is None:
        return None
    return WaitProgress.of(found.conn_id, found.wire)


def _items(waits: Waits, groups: Mapping[str, Sequence[str]]) -> list[Item]:
    """Return what to read: of each kind one in turn, so that none has to wait for all of another."""
    of_groups = [(conn_id, each) for conn_id, found in groups.items() for each in found]
    of_waits = [
        (each.conn_id, each.wait.subject.group_id) for each in waits.open if each.conn_id and each.wait
    ]
    kinds: tuple[list[Item], ...] = (
        [item for each in waits.open if (item := _progress_item(each))],
        [GroupWebhooks(*each) for each in of_groups],
        [GroupName(*each) for each in dict.fromkeys([*of_waits, *of_groups])],
    )
    return [item for turn in zip_longest(*kinds) for item in turn if item is not None]


def wait_view(
    found: OpenWait, seen: Seen | None, name_of: Callable[[str | None, str], str], now: datetime
) -> WaitView:
    """Return an open wait as the page shows it.

    :param seen: what was read of it; None if nothing was
    :param name_of: returns the name of a group, or its id
    """
    read: Progressed | None = seen.value if seen else None
    wait = read.wait if read else found.wait
    subject = wait.subject if wait else None
    asked_at = (
        (read.sent_at if read else None)
        or getattr(subject, "sent_at", None)
        or getattr(subject, "since", None)
    )
    mapped = f" [{found.map_index}]" if found.map_index >= 0 else ""
    view = WaitView(
        title=(read.title if read else None) or found.asked or _in_words(subject),
        group=name_of(found.conn_id, subject.group_id) if subject else None,
        conn_id=found.conn_id,
        task=f"{found.dag_id} › {found.task_id}{mapped}",
        link=task_link(found),
        run_id=found.run_id,
        state=found.state,
        since=asked_at or found.since,
        until=wait.ends_at if wait else None,
        problem=_wait_problem(found, seen),
    )
    if read is None:
        return view
    progress = read.progress
    done, missing = len(progress.answered), len(progress.missing)
    # the words of some rules are not about how many have answered
    needed = (done + missing if missing else max(done, progress.needed)) if progress.text else progress.needed
    return replace(
        view,
        text=progress.text or f"{done} of {progress.needed} answered",
        done=min(done, needed),
        needed=needed,
        answered=People.of(progress.answered),
        owing=People.of(progress.missing),
        at=seen.at if seen and seen.at and now - seen.at > OLD else None,
    )


def _wait_problem(found: OpenWait, seen: Seen | None) -> str | None:
    if found.wire is None or found.wait is None:
        return "How far it has come cannot be shown."
    if found.conn_id is None:
        return "Its connection is not known, so who has answered cannot be read."
    return seen.problem if seen else None


def _in_words(subject: Any) -> str:
    """Say what is waited for, if that has no title."""
    match subject:
        case Responses():
            return f"Responses to action {subject.action_id}"
        case Reactions():
            return f"{subject.reaction_type}s of {subject.reference_id}"
        case NewActions():
            return f"New actions of type {subject.action_type}"
        case Messages():
            return f"Messages: {subject.id}"
        case NewMembers():
            return "New members"
    return "Something in a group"


def run_link(run: Run | OpenWait) -> str:
    """Return the address of a DAG run in Airflow's UI, relative to the page."""
    return f"../dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"


def task_link(found: OpenWait) -> str:
    """Return the address of a task instance in Airflow's UI, relative to the page."""
    link = f"{run_link(found)}/tasks/{quote(found.task_id, safe='')}"
    return f"{link}/mapped/{found.map_index}" if found.map_index >= 0 else link
