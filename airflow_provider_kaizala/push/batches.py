"""Which events a task gets: those that no task before it has processed.

A *reader* is a task that reads the events of an asset, in all runs of its DAG. Its cursor moves on when the try that was given events
has succeeded, which Airflow's own record of that try says: whoever fails or is killed has processed nothing, and nobody has to report
anything. One try at a time is given events of a reader; others are told to come back, and another run starts for what is left.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.models.asset import AssetModel, DagScheduleAssetReference
from airflow.utils.session import create_session
from sqlalchemy import and_, delete, false, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push import announce, inbox
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.pages import MOST_EVENTS
from airflow_provider_kaizala.push.tables import batch, reader

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from airflow_provider_kaizala.push.asks import Ask

#: states of a try that has processed what it was given; a task may read events and find that there is nothing to do
PROCESSED = ("success", "skipped")
#: states of a try that has not, and never will
GIVEN_UP = (None, "failed", "up_for_retry", "upstream_failed", "removed")
#: how much longer a task is remembered than the events, whose times are of another clock
MARGIN = timedelta(days=1)


class Taken(Value):
    """What a try gets.

    :param events: cursor, time and body of each event; if there are none, there are no more
    :param cursor: up to where it has been given all events
    """

    events: tuple[tuple[int, datetime, str], ...]
    cursor: int


def take(conn_id: str, ask: Ask) -> Taken | None:
    """Return the next events for a try; None if another try of the same task has not ended yet that was given events."""
    now = datetime.now(tz=UTC)
    with create_session(scoped=False) as session:
        row = _lock(session, conn_id, ask, now)
        if row.try_id not in (None, ask.try_id):
            row = _settle(session, row, now)
        mine = (batch.c.reader_id == row.reader_id, batch.c.run_id == ask.run_id)
        done = session.execute(select(batch).where(*mine, batch.c.map_index == ask.map_index)).one_or_none()
        if done is not None and row.try_id != ask.try_id:  # it was cleared
            return _page(session, conn_id, ask, max(done.after, ask.reached), done.upto)
        if row.try_id not in (None, ask.try_id):
            session.execute(update(reader).where(_is(row)).values(wanted=true()))
            return None
        begun = row.reached if row.try_id == ask.try_id else row.cursor
        reached = max(begun, ask.reached)
        claim = {
            "try_id": ask.try_id,
            "run_id": ask.run_id,
            "map_index": ask.map_index,
            "reached": reached,
        }
        session.execute(update(reader).where(_is(row)).values(**claim))
        return _page(session, conn_id, ask, reached, None)


def settle_all() -> int:
    """Note which tries have ended that were given events, and let the bell ring for what they have left; return how many."""
    count = 0
    now = datetime.now(tz=UTC)
    with create_session(scoped=False) as session:
        found = session.execute(select(reader).where(reader.c.try_id.is_not(None))).all()
        ended = [row for row in found if _state(session, row.try_id) in (*PROCESSED, *GIVEN_UP)]
    for row in ended:
        with create_session(scoped=False) as session:
            same = (_is(row), reader.c.try_id == row.try_id)
            mine: Any = session.execute(update(reader).where(*same).values(try_id=reader.c.try_id))
            if mine.rowcount:  # else another process was first
                _settle(session, session.execute(select(reader).where(*same)).one(), now)
                count += 1
    return count


def prune(session: Session, before: datetime) -> None:
    """Forget what runs have processed before a moment, as the events are forgotten, and the tasks of DAGs that have not read since.

    Such a task begins anew with the oldest event that is kept, which is where its cursor is. But it would begin where the others of
    its DAG are, so it is kept as long as one of them reads.
    """
    session.execute(delete(batch).where(batch.c.processed_at < before))
    idle = and_(reader.c.try_id.is_(None), reader.c.asked_at < before - MARGIN)
    reading = select(reader.c.dag_id).where(~idle)
    # MySQL deletes nothing from a table that the condition reads
    found = session.scalars(select(reader.c.reader_id).where(idle, reader.c.dag_id.not_in(reading))).all()
    session.execute(delete(reader).where(idle, reader.c.reader_id.in_(found)))


# --- in a transaction ----------------------------------------------------------------------------------------------------------


def _lock(session: Session, conn_id: str, ask: Ask, now: datetime) -> Row[Any]:
    """Return a reader's row, and keep others waiting for it until the transaction ends."""
    reader_id = ask.reader_id(conn_id)
    mine = reader.c.reader_id == reader_id
    lock = update(reader).where(mine).values(asked_at=now)
    result: Any = session.execute(lock)
    if not result.rowcount:
        start = _start(session, conn_id, ask)
        try:
            with session.begin_nested():
                session.execute(
                    insert(reader).values(
                        reader_id=reader_id,
                        conn_id=conn_id,
                        group_id=ask.group_id,
                        event_type=ask.event_type,
                        dag_id=ask.dag_id,
                        task_id=ask.task_id,
                        cursor=start,
                        reached=start,
                        wanted=False,
                        asked_at=now,
                    )
                )
        except IntegrityError:  # another transaction was first
            session.execute(lock)
    return session.execute(select(reader).where(mine)).one()


def _start(session: Session, conn_id: str, ask: Ask) -> int:
    """Return the cursor behind which a task begins that has never read.

    That is where other tasks of its DAG began in this run, else when the DAG was scheduled on the asset; 0 if it is not.
    """
    same_run = and_(batch.c.reader_id == reader.c.reader_id, batch.c.run_id == ask.run_id)
    others = (
        select(func.coalesce(func.min(batch.c.after), reader.c.cursor))
        .outerjoin(batch, same_run)
        .where(
            reader.c.conn_id == conn_id,
            reader.c.group_id == ask.group_id,
            reader.c.event_type == ask.event_type,
            reader.c.dag_id == ask.dag_id,
        )
        .group_by(reader.c.reader_id, reader.c.cursor)
    )
    if begun := session.scalars(others).all():
        return int(max(begun))
    scheduled = select(func.min(DagScheduleAssetReference.created_at)).where(
        DagScheduleAssetReference.asset_id == AssetModel.id,
        DagScheduleAssetReference.dag_id == ask.dag_id,
        AssetModel.uri == asset_uri(conn_id, ask.group_id, ask.event_type),
    )
    since = session.scalar(scheduled)
    return 0 if since is None else inbox.before(session, conn_id, since)


def _settle(session: Session, row: Row[Any], now: datetime) -> Row[Any]:
    """Move the cursor if the try that was given events has processed them; return the row as it is then."""
    state = _state(session, row.try_id)
    if state not in (*PROCESSED, *GIVEN_UP):
        return row
    has_moved = state in PROCESSED and row.reached > row.cursor
    cursor = row.reached if has_moved else row.cursor
    free = {"try_id": None, "run_id": None, "map_index": None, "wanted": false(), "cursor": cursor}
    session.execute(update(reader).where(_is(row)).values(**free, reached=cursor))
    if has_moved:
        key = {"reader_id": row.reader_id, "run_id": row.run_id, "map_index": row.map_index}
        values = {"after": row.cursor, "upto": row.reached, "processed_at": now}
        session.execute(insert(batch).values(**key, **values))
    # not after a failure alone, or a run that always fails would start the next one
    if (row.wanted or has_moved) and _has_more(session, row, cursor):
        announce.ring_later(session, row.conn_id, row.group_id, row.event_type)
    return session.execute(select(reader).where(_is(row))).one()


def _state(session: Session, try_id: str) -> str | None:
    """Return the state of a try, None if there is no such try. Airflow gives each try an id of its own, and keeps earlier ones."""
    for column, state in compat.recorded_tries():
        # a text before Airflow 3.2
        given = UUID(try_id) if getattr(column.type, "as_uuid", False) else try_id
        query = select(state).where(column == given).execution_options(**compat.EARLIER_TRIES_TOO)
        found = session.execute(query).one_or_none()
        if found is not None:
            return None if found[0] is None else str(found[0])
    return None


def _page(session: Session, conn_id: str, ask: Ask, after: int, upto: int | None) -> Taken:
    if not ask.limit:
        return Taken((), after)
    types = [ask.event_type] if ask.event_type else []
    events, cursor = inbox.page(
        session, conn_id, ask.group_id, types, after, min(ask.limit, MOST_EVENTS), upto
    )
    return Taken(tuple(events), cursor)


def _has_more(session: Session, row: Row[Any], cursor: int) -> bool:
    types = [row.event_type] if row.event_type else []
    events, _ = inbox.page(session, row.conn_id, row.group_id, types, cursor, 1)
    return bool(events)


def _is(row: Row[Any]) -> Any:
    return reader.c.reader_id == row.reader_id
