"""What the receiver has stored: how many events, when, and what the last ones were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dagrun import DagRun
from sqlalchemy import Numeric, case, cast, extract, func, literal_column, null, select

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.bodies import BodyError, read_object
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.push.tables import event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session

#: events of which the page shows what they were
LAST = 50
#: characters of a body up to which the page looks for the person in it
READ_BODY = 65_536
#: rings that the page looks at to find what the last events have started
RINGS = 1000
_c = event.c


class Span(Value):
    """A time span to show, in bars.

    :param name: as the address of the page names it
    :param text: in words
    :param bar: length of a bar
    :param count: number of bars
    """

    name: str
    text: str
    bar: timedelta
    count: int

    def bars(self, now: datetime) -> list[datetime]:
        """Return the start of each bar, oldest first; the last one holds *now*."""
        last = int(now.timestamp() // self.bar.total_seconds() * self.bar.total_seconds())
        return [
            datetime.fromtimestamp(last, tz=UTC) - self.bar * back for back in reversed(range(self.count))
        ]


SPANS = {
    each.name: each
    for each in (
        Span("hour", "last hour", timedelta(minutes=1), 60),
        Span("day", "last day", timedelta(hours=1), 24),
        Span("month", "last 30 days", timedelta(days=1), 30),
    )
}


class Run(Value):
    """A DAG run that an event has started, alone or with others."""

    dag_id: str
    run_id: str


class Delivery(Value):
    """A stored event.

    :param who: name or number of the person; None if it does not tell, or is too large to look
    :param rang: whether it, or a later event, has made an asset event
    :param runs: the runs that this has started
    """

    at: datetime
    conn_id: str
    group_id: str | None
    event_type: str
    who: str | None
    rang: bool = False
    runs: tuple[Run, ...] = ()


class Received(Value):
    """What a group's webhook has brought.

    :param last_at: when the last event came
    """

    conn_id: str
    group_id: str | None
    count: int
    last_at: datetime


class Deliveries(Value):
    """What the receiver has stored of some connections.

    :param bars: for each bar its start, and the number of events of each type
    :param last: the newest events, newest first
    :param received: of each group
    """

    bars: tuple[tuple[datetime, Mapping[str, int]], ...]
    last: tuple[Delivery, ...]
    received: tuple[Received, ...]


def read_deliveries(session: Session, conn_ids: Collection[str], span: Span, now: datetime) -> Deliveries:
    """Read what is stored of these connections."""
    return Deliveries(
        _bars(session, conn_ids, span, now), _last(session, conn_ids), _received(session, conn_ids)
    )


def _bars(
    session: Session, conn_ids: Collection[str], span: Span, now: datetime
) -> tuple[tuple[datetime, Mapping[str, int]], ...]:
    starts = span.bars(now)
    seconds: Any = literal_column(
        str(int(span.bar.total_seconds()))
    )  # PostgreSQL takes two parameters for different
    mysql = session.get_bind().dialect.name == "mysql"
    epoch = func.unix_timestamp(_c.received_at) if mysql else cast(extract("epoch", _c.received_at), Numeric)
    bar = (epoch - epoch % seconds).label("bar")
    counted = (
        select(bar, _c.event_type, func.count())
        .where(_c.conn_id.in_(conn_ids), _c.received_at >= starts[0])
        .group_by(bar, _c.event_type)
    )
    found: dict[int, dict[str, int]] = {}
    for start, event_type, count in session.execute(counted):
        found.setdefault(int(start), {})[event_type] = count
    return tuple((start, found.get(int(start.timestamp()), {})) for start in starts)


def _received(session: Session, conn_ids: Collection[str]) -> tuple[Received, ...]:
    groups = (
        select(_c.conn_id, _c.group_id, func.count().label("stored"), func.max(_c.id).label("last"))
        .where(_c.conn_id.in_(conn_ids))
        .group_by(_c.conn_id, _c.group_id)
        .subquery()
    )
    found = select(groups, _c.received_at).join(event, _c.id == groups.c.last)
    return tuple(
        Received(row.conn_id, row.group_id, row.stored, _utc(row.received_at))
        for row in session.execute(found)
    )


def _last(session: Session, conn_ids: Collection[str]) -> tuple[Delivery, ...]:
    body = case((func.length(_c.body) <= READ_BODY, _c.body), else_=null()).label("body")
    newest = (
        select(_c.conn_id, _c.group_id, _c.event_type, _c.received_at, body)
        .where(_c.conn_id.in_(conn_ids))
        .order_by(_c.id.desc())
        .limit(LAST)
    )
    rows = session.execute(newest).all()
    rings = _rings(session, rows)
    found = []
    for row in rows:
        at = _utc(row.received_at)
        uris = _uris(row)
        later = [ring for ring in rings if ring[0] in uris and ring[1] >= at]
        runs: dict[str, Run] = {}  # of each DAG the first
        for _, _, run in later:
            if run is not None:
                runs.setdefault(run.dag_id, run)
        found.append(
            Delivery(
                at, row.conn_id, row.group_id, row.event_type, _who(row.body), bool(later), (*runs.values(),)
            )
        )
    return tuple(found)


def _rings(session: Session, rows: Sequence[Any]) -> list[tuple[str, datetime, Run | None]]:
    """Return URI and time of the asset events since the oldest of these events, in order, with the runs that they have started."""
    uris = {uri for row in rows for uri in _uris(row)}
    if not uris:
        return []
    oldest = min(_utc(row.received_at) for row in rows)
    rings = (
        select(AssetModel.uri, AssetEvent.timestamp, DagRun.dag_id, DagRun.run_id)
        .join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        .outerjoin(AssetEvent.created_dagruns)
        .where(AssetModel.uri.in_(uris), AssetEvent.timestamp >= oldest)
        .order_by(AssetEvent.timestamp, AssetEvent.id)
        .limit(RINGS)
    )
    return [
        (uri, _utc(at), Run(dag_id, run_id) if dag_id else None)
        for uri, at, dag_id, run_id in session.execute(rings)
    ]


def _uris(row: Any) -> tuple[str, ...]:
    if row.group_id is None:
        return ()
    return asset_uri(row.conn_id, row.group_id), asset_uri(row.conn_id, row.group_id, row.event_type)


def _who(body: str | None) -> str | None:
    try:
        person = KaizalaEvent.read(read_object(body or "")).person
    except (BodyError, UnreadableReplyError):
        return None
    return person.name or person.mobile_number


def _utc(moment: datetime) -> datetime:
    """Return a time of the database, which SQLite and MySQL return without a zone."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
