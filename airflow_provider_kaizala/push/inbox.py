"""The store of received events: one writes, others read on from where they were.

A reader keeps the cursor (the greatest id) that it has handled. That is safe only if no event becomes visible *below* a cursor that
was read already, but databases commit in another order than they number rows. So who stores an event first locks the row of its
connection (:func:`take_turn`): ids are then numbered, and committed, one after another. An overlap window would need no lock, but
every reader would have to remember which events within the window it has handled, and a transaction longer than the window would
still be lost.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.tables import event as event_table
from airflow_provider_kaizala.push.tables import inbox as inbox_table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from airflow_provider_kaizala.push.events import KaizalaEvent
    from airflow_provider_kaizala.push.settings import PushSettings
    from airflow_provider_kaizala.push.subscriptions import Subscription

#: rows that one transaction deletes
BATCH = 1000
#: characters of the bodies on one page, unless the first alone has more
PAGE = 2_000_000
_events = event_table.c
_WEBHOOK = (_events.conn_id, _events.object_type, _events.object_id)


class Arrival(Value):
    """An event that has arrived.

    :param subscription: whose token came with it
    :param body: the JSON as received
    """

    subscription: Subscription
    event: KaizalaEvent
    body: str


def take_turn(session: Session, conn_id: str) -> None:
    """Wait until no other transaction stores events of this connection, and keep others waiting until this one ends."""
    mine = inbox_table.c.conn_id == conn_id
    turn = update(inbox_table).where(mine).values(received=inbox_table.c.received + 1)
    result: Any = session.execute(turn)
    if result.rowcount:
        return
    try:  # the first event of a connection
        with session.begin_nested():
            session.execute(insert(inbox_table).values(conn_id=conn_id, received=1))
    except IntegrityError:  # another transaction was first
        session.execute(turn)


def store(session: Session, conn_id: str, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Store events of a connection, within its turn; return those that were not stored yet."""
    ids = {each.event.event_id for each in arrivals}
    known = select(_events.object_type, _events.object_id, _events.event_id)
    known = known.where(_events.conn_id == conn_id, _events.event_id.in_(ids))
    seen = {tuple(row) for row in session.execute(known)}
    new = []
    for each in arrivals:
        key = (each.subscription.object_type, each.subscription.object_id, each.event.event_id)
        if key not in seen:
            seen.add(key)
            new.append(each)
    if new:
        session.execute(insert(event_table), [_row(each) for each in new])
    return new


def _row(arrival: Arrival) -> dict[str, Any]:
    subscription, event = arrival.subscription, arrival.event
    return {
        "conn_id": subscription.conn_id,
        "object_type": subscription.object_type,
        "object_id": subscription.object_id,
        "group_id": subscription.group_id,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "received_at": event.received_at,
        "body": arrival.body,
    }


def page(
    session: Session,
    conn_id: str,
    group_id: str | None = None,
    event_types: Collection[str] = (),
    after: int | datetime | None = 0,
    limit: int = 500,
    upto: int | None = None,
) -> tuple[list[tuple[int, datetime, str]], int]:
    """Return cursor, time and body of events behind a cursor, oldest first, and the cursor of the next page.

    That cursor moves on past events of other groups and types too.

    :param conn_id: the connection that received them
    :param group_id: only events that a webhook of this group has brought. Without it, an event that several webhooks have brought
        is returned once for each
    :param event_types: only events of these types; empty for all
    :param after: the cursor of the last event that was handled; 0 for the oldest that is kept; a time from which on events are
        returned, perhaps with some before it; None for the present end
    :param limit: the number of events to return at most; fewer are returned if their bodies are too large together
    :param upto: the cursor up to which events are returned; by default the present end
    """
    last = (
        end(session, conn_id) if upto is None else upto
    )  # first: an event that is committed later has a greater id
    if isinstance(after, datetime):
        after = before(session, conn_id, after)
    if after is None or after >= last:
        return [], last if after is None else after
    behind = [_events.id > after, _events.id <= last, *_of(conn_id, group_id, event_types)]
    sizes = select(_events.id, func.length(_events.body)).where(*behind).order_by(_events.id).limit(limit)
    ids: list[int] = []
    room = PAGE
    found = session.execute(sizes).all()
    for id_, size in found:
        room -= size
        if room < 0 and ids:
            break
        ids.append(id_)
    if not ids:
        return [], last
    query = select(_events.id, _events.received_at, _events.body).where(*behind, _events.id <= ids[-1])
    rows = [(row.id, _utc(row.received_at), row.body) for row in session.execute(query.order_by(_events.id))]
    is_cut = len(ids) < len(found) or len(found) == limit
    return rows, ids[-1] if is_cut else last


def before(session: Session, conn_id: str, moment: datetime) -> int:
    """Return a cursor behind which all events are that were received from a moment on, perhaps with some before it."""
    then = (_events.conn_id == conn_id, _events.received_at >= moment)
    first = session.scalar(select(func.min(_events.id)).where(*then))
    return end(session, conn_id) if first is None else int(first) - 1


def ends(session: Session, conn_ids: Collection[str]) -> dict[str, int]:
    """Return the cursor of the newest event of each of these connections that has any."""
    mine = _events.conn_id.in_(list(conn_ids))
    query = select(_events.conn_id, func.max(_events.id)).where(mine).group_by(_events.conn_id)
    return {conn_id: int(last) for conn_id, last in session.execute(query)}


def end(session: Session, conn_id: str) -> int:
    """Return the cursor of the newest event, behind which only later ones follow; 0 if none is kept."""
    return int(session.scalar(select(func.max(_events.id)).where(_events.conn_id == conn_id)) or 0)


def prune(session: Session, settings: PushSettings, now: datetime) -> int:
    """Delete up to :data:`BATCH` events that need not be kept; return how many.

    The oldest go first; of too many, the oldest of the webhook that has most, so that one cannot displace the events of others.
    """
    old = (
        select(_events.id)
        .where(_events.received_at < now - timedelta(days=settings.keep_days))
        .order_by(_events.received_at)
        .limit(BATCH)
    )
    ids = list(session.scalars(old))
    if not ids:
        count = func.count()
        kept = session.execute(select(count, *_WEBHOOK).group_by(*_WEBHOOK).order_by(count.desc())).all()
        surplus = sum(row[0] for row in kept) - settings.keep_events
        if surplus > 0:
            _, *most = kept[0]
            theirs = select(_events.id).where(
                *(name == value for name, value in zip(_WEBHOOK, most, strict=True))
            )
            ids = list(session.scalars(theirs.order_by(_events.id).limit(min(surplus, BATCH))))
    if ids:
        session.execute(delete(event_table).where(_events.id.in_(ids)))
    return len(ids)


def _of(conn_id: str, group_id: str | None, event_types: Collection[str]) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [_events.conn_id == conn_id]
    if group_id is not None:
        wanted.append(_events.group_id == group_id)
    if event_types:
        wanted.append(_events.event_type.in_(list(event_types)))
    return wanted


def _utc(moment: datetime) -> datetime:
    """Return a time of the database, which SQLite and MySQL return without a zone."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
