"""Rings: makes asset events, so that the scheduler starts the DAGs that are scheduled on a group's assets.

An asset event is only a doorbell, and the DAG then reads all events behind its cursor: Airflow merges asset events, and starts no run
for those that come just before it takes others from the queue. So at most one is made per asset and second, and :func:`ring_again`
makes one more after the last event of a burst.
"""

from __future__ import annotations

import inspect
import logging
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.assets.manager import AssetManager, asset_manager
from airflow.models.asset import AssetActive
from airflow.utils.session import create_session
from sqlalchemy import and_, delete, false, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.tables import bell

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

#: time between two asset events of one asset
PAUSE = timedelta(seconds=1)
#: arguments of ``register_asset_change`` without which no asset event can be made
NEEDED = frozenset({"asset", "extra", "session"})
#: arguments that it has since Airflow 3.3, and what they are given. It accepts and ignores any others, so each is looked up first
NEWER: dict[str, Callable[[list[Callable[[], None]]], Any]] = {
    "callback_sink": lambda notifications: notifications,
    "source_is_api": lambda _: True,
    "api_user_teams": lambda _: set(),
}


@cache
def taken() -> frozenset[str]:
    """Return the arguments that this Airflow's ``register_asset_change`` names.

    Of the class that Airflow ships, since one that ``[core] asset_manager_class`` names may just pass on what it gets.
    """
    return frozenset(inspect.signature(AssetManager.register_asset_change).parameters)


def can_ring() -> bool:
    """Return whether asset events can be made in this Airflow; log an error if not."""
    if missing := NEEDED - taken():
        log.error(
            "Received events are stored, but start no DAGs: AssetManager.register_asset_change of this Airflow does not take %s. "
            "Install a version of airflow-provider-kaizala that supports this Airflow",
            ", ".join(sorted(missing)),
        )
    return not missing


def ring(
    session: Session, conn_id: str, group_id: str, event_types: Collection[str], now: datetime
) -> list[Callable[[], None]]:
    """Make the asset events of events that are being stored, in their transaction, or leave them for :func:`ring_again`.

    :return: what to call after the commit: Airflow's listeners
    """
    notifications: list[Callable[[], None]] = []
    if not taken() >= NEEDED:
        return notifications
    uris = {asset_uri(conn_id, group_id, each): each for each in ("", *event_types)}
    for asset in _active(session, uris):
        mine = _bell(conn_id, group_id, uris[asset.uri])
        later: Any = session.execute(update(bell).where(mine, _has_just_rung(now)).values(pending=true()))
        if later.rowcount:
            continue
        values = {"rung_at": now, "pending": False}
        rung: Any = session.execute(update(bell).where(mine).values(values))
        if not rung.rowcount:
            key = {"conn_id": conn_id, "group_id": group_id, "event_type": uris[asset.uri]}
            session.execute(insert(bell).values(**key, **values))
        _register(session, asset, conn_id, group_id, notifications)
    return notifications


def ring_later(session: Session, conn_id: str, group_id: str, event_type: str) -> None:
    """Let :func:`ring_again` ring for what is left of events of one type, or of all if that is empty."""
    key = {"conn_id": conn_id, "group_id": group_id, "event_type": event_type}
    pend = update(bell).where(_bell(*key.values())).values(pending=true())
    pending: Any = session.execute(pend)
    if pending.rowcount:
        return
    try:  # it has never rung: its events were asked for by hand
        with session.begin_nested():
            long_ago = datetime(2000, 1, 1, tzinfo=UTC)
            session.execute(insert(bell).values(**key, rung_at=long_ago, pending=True))
    except IntegrityError:  # another transaction was first
        session.execute(pend)


def prune(session: Session, before: datetime) -> None:
    """Forget the assets that have not rung since a moment, and need not."""
    session.execute(delete(bell).where(bell.c.pending == false(), bell.c.rung_at < before))


def ring_again() -> int:
    """Make the asset events that :func:`ring` has left; return how many. Several processes may call this at once."""
    if not taken() >= NEEDED:
        return 0
    now = datetime.now(tz=UTC)
    due = and_(bell.c.pending == true(), ~_has_just_rung(now))
    with create_session(scoped=False) as session:
        found = session.execute(select(bell.c.conn_id, bell.c.group_id, bell.c.event_type).where(due)).all()
    count = 0
    for key in found:
        notifications: list[Callable[[], None]] = []
        with create_session(scoped=False) as session:
            mine: Any = session.execute(
                update(bell).where(_bell(*key), due).values(rung_at=now, pending=false())
            )
            if mine.rowcount:  # else another process was first
                for asset in _active(session, [asset_uri(*key)]):
                    _register(session, asset, key.conn_id, key.group_id, notifications)
                    count += 1
        notify(notifications)
    return count


def notify(notifications: Sequence[Callable[[], None]]) -> None:
    """Tell Airflow's listeners of asset events that are committed."""
    for each in notifications:
        try:
            each()
        except Exception:
            log.exception("An asset listener failed")


def _active(session: Session, uris: Any) -> Sequence[Any]:
    """Return name and URI of those assets that a DAG declares."""
    return session.execute(
        select(AssetActive.name, AssetActive.uri).where(AssetActive.uri.in_(list(uris)))
    ).all()


def _register(
    session: Session, asset: Any, conn_id: str, group_id: str, notifications: list[Callable[[], None]]
) -> None:
    about = {"conn_id": conn_id, "group_id": group_id}
    newer = {name: value(notifications) for name, value in NEWER.items() if name in taken()}
    # it reads only name and URI of the asset
    asset_manager.register_asset_change(asset=asset, extra={"kaizala": about}, session=session, **newer)


def _bell(conn_id: str, group_id: str, event_type: str) -> ColumnElement[bool]:
    return and_(bell.c.conn_id == conn_id, bell.c.group_id == group_id, bell.c.event_type == event_type)


def _has_just_rung(now: datetime) -> ColumnElement[bool]:
    """Hold for a bell that rang within the pause. One that rang in the future, by a clock that was wrong, may ring."""
    return bell.c.rung_at.between(now - PAUSE, now + PAUSE)
