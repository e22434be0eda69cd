"""The outbox in the database: which webhooks are due, whose turn it is, what came of an attempt.

A row of ``webhook_delivery`` is ``pending`` until a 2xx made it ``delivered``. Otherwise it is tried again 6 times with
doubling gaps; when the last of them fails the row is ``failed``, its webhook becomes inactive, and so is every other
row of the webhook that still waited. Nothing of it is forgotten: when the webhook is active again, all its failed rows
are pending again, in their order and with all their retries. Finished rows are kept for 30 days.

One server process at a time delivers for a webhook: it holds the webhook's lease, which ends by itself when the process
does. So the events of a webhook go out one after the other, in order; only those that wait for a retry are overtaken.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.webhooks import fail_pending
from airflow_provider_kaizala.server.store.tables import connector, connector_grant, webhook, webhook_delivery
from airflow_provider_kaizala.server.store.webhook_tables import DELIVERED, FAILED, PENDING

RETRIES = 6
LEASE_MS = 20_000
KEPT_MS = 30 * DAY

_w, _d = webhook.c, webhook_delivery.c

_DUE_ROW = (
    select(_d.id)
    .where(_d.webhook_id == _w.id, _d.state == PENDING, _d.next_attempt_ms <= bindparam("now_ms"))
    .correlate(webhook)
)
_DUE_WEBHOOKS = select(_w.id, _w.callback_url).where(
    or_(_w.lease_until_ms.is_(None), _w.lease_until_ms <= bindparam("wall_ms")), _DUE_ROW.exists()
)
_TURN = (
    select(
        _w.callback_url,
        _w.callback_token,
        _w.callback_headers_json,
        _w.active,
        _w.validity_ms,
        connector_grant.c.revoked_ms,
        connector.c.deleted_ms,
        connector.c.disabled_ms,
    )
    .join(connector_grant, connector_grant.c.id == _w.grant_id)
    .join(connector, connector.c.id == _w.connector_id)
    .where(_w.id == bindparam("its_id"))
)
_NEXT_ROW = (
    select(_d.id, _d.event_id, _d.event_type, _d.attempts, _d.payload_json)
    .where(
        _d.webhook_id == bindparam("its_id"),
        _d.state == PENDING,
        _d.next_attempt_ms <= bindparam("now_ms"),
    )
    .order_by(_d.id)
    .limit(1)
)


@dataclass(frozen=True)
class Delivery:
    """One event to post now.

    :param at_ms: the attempt's begin, which the gap to the next one is counted from
    """

    id: int
    at_ms: int
    webhook_id: str
    event_id: str
    event_type: str
    attempt: int
    callback_url: str
    callback_token: str | None
    callback_headers_json: str | None
    payload: str


@dataclass(frozen=True)
class Outcome:
    """What came of posting it: the reply's status, or why there was none."""

    delivery: Delivery
    status: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took the event."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Retries:
    """When a failed attempt is repeated: the first gap, doubled each time."""

    first_gap_ms: int

    def gap_ms(self, attempts: int) -> int | None:
        """Return the gap after so many attempts, None after the last."""
        return None if attempts > RETRIES else self.first_gap_ms * 2 ** (attempts - 1)


def wall_ms() -> int:
    """Return real time, which leases are counted in: the server's clock may stand still in tests."""
    return time.time_ns() // 1_000_000


def process_name(unique: str) -> str:
    """Return the name a server process holds leases under."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{unique}"


def due_webhooks(conn: Connection, now_ms: int) -> list[tuple[str, str]]:
    """Return id and URL of the webhooks that have something due and that no process is busy with."""
    found = conn.execute(_DUE_WEBHOOKS, {"now_ms": now_ms, "wall_ms": wall_ms()})
    return [(row.id, row.callback_url) for row in found]


def take_turn(
    conn: Connection,
    owner: str,
    webhook_id: str,
    now_ms: int,
    retries: Retries,
    done: Outcome | None,
    more: bool,
) -> Delivery | None:
    """Record what came of the last delivery of a turn and return the next; None when the turn is over.

    :param done: None at the begin of a turn
    :param more: False to end the turn here
    """
    if done is not None:
        # The webhook before its events, in the order in which everybody locks them.
        conn.execute(select(_w.id).where(_w.id == webhook_id).with_for_update())
        _record(conn, done, now_ms, retries)
    free = _w.lease_until_ms.is_(None) | (_w.lease_until_ms <= wall_ms())
    mine = _w.lease_owner == owner
    held = conn.execute(
        update(webhook)
        .where(_w.id == webhook_id, or_(mine, free) if done is None else mine)
        .values(lease_owner=owner, lease_until_ms=wall_ms() + LEASE_MS)
    ).rowcount
    if not held:
        return None
    found = _next(conn, webhook_id, now_ms) if more else None
    if found is None:
        release(conn, owner, webhook_id)
    return found


def _next(conn: Connection, webhook_id: str, now_ms: int) -> Delivery | None:
    hook = conn.execute(_TURN, {"its_id": webhook_id}).first()
    reason = None
    if hook is None or hook.revoked_ms is not None or hook.deleted_ms is not None:
        reason = "the webhook's connector or grant has ended"
    elif hook.disabled_ms is not None:
        reason = "the webhook's connector is disabled"
    elif not hook.active:
        reason = "the webhook is inactive"
    elif hook.validity_ms <= now_ms:
        reason = "the webhook has expired"
    if hook is None or reason is not None:
        fail_pending(conn, webhook_id, now_ms, reason or "")
        return None
    row = conn.execute(_NEXT_ROW, {"its_id": webhook_id, "now_ms": now_ms}).first()
    if row is None:
        return None
    return Delivery(
        id=row.id,
        at_ms=now_ms,
        webhook_id=webhook_id,
        event_id=row.event_id,
        event_type=row.event_type,
        attempt=row.attempts + 1,
        callback_url=hook.callback_url,
        callback_token=hook.callback_token,
        callback_headers_json=hook.callback_headers_json,
        payload=row.payload_json,
    )


def _record(conn: Connection, done: Outcome, now_ms: int, retries: Retries) -> None:
    one = done.delivery
    values: dict[str, object] = {
        "attempts": one.attempt,
        "last_status": done.status,
        "last_error": done.error,
    }
    gap_ms = retries.gap_ms(one.attempt)
    if done.delivered:
        values |= {"state": DELIVERED, "finished_ms": now_ms}
    elif gap_ms is not None:
        values |= {"next_attempt_ms": one.at_ms + gap_ms}
    else:
        values |= {"state": FAILED, "finished_ms": now_ms}
    # SQLite gives the numbers of removed rows again: the webhook may be gone by now, and the row be another's.
    same = (_d.id == one.id, _d.webhook_id == one.webhook_id, _d.event_id == one.event_id)
    changed = conn.execute(
        update(webhook_delivery).where(*same, _d.state == PENDING).values(**values)
    ).rowcount
    if changed and values.get("state") == FAILED:
        conn.execute(update(webhook).where(_w.id == one.webhook_id).values(active=False, changed_ms=now_ms))
        fail_pending(conn, one.webhook_id, now_ms, "the webhook became inactive")


def release(conn: Connection, owner: str, webhook_id: str | None = None) -> None:
    """Give up the lease of a webhook, or of all that a process holds."""
    which = () if webhook_id is None else (_w.id == webhook_id,)
    conn.execute(
        update(webhook).where(_w.lease_owner == owner, *which).values(lease_owner=None, lease_until_ms=None)
    )


def release_dead(conn: Connection, owner: str) -> None:
    """Free what processes of this machine held that are no more; others are waited for."""
    host, pid, _ = owner.rsplit(":", 2)
    for name in (
        conn.execute(select(_w.lease_owner).where(_w.lease_owner.is_not(None)).distinct()).scalars().all()
    ):
        its_host, its_pid, _ = str(name).rsplit(":", 2)
        if its_host == host and its_pid != pid and not _is_running(int(its_pid)):
            release(conn, str(name))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def sweep(conn: Connection, now_ms: int) -> None:
    """Remove what was finished long ago."""
    old = now_ms - KEPT_MS
    conn.execute(
        webhook_delivery.delete().where(
            and_(_d.state.in_((DELIVERED, FAILED)), _d.next_attempt_ms < old, _d.finished_ms < old)
        )
    )


def replay(conn: Connection, webhook_id: str, event_id: str, now_ms: int) -> bool:
    """Deliver an event again, whatever came of it; False if there is no such delivery."""
    again = update(webhook_delivery).where(_d.webhook_id == webhook_id[:128], _d.event_id == event_id[:128])
    values = {"state": PENDING, "attempts": 0, "next_attempt_ms": now_ms, "finished_ms": None}
    return conn.execute(again.values(values)).rowcount > 0
