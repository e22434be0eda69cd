"""Webhooks: which there are, what was delivered, and bringing one back that gave up."""

from __future__ import annotations

import json

from sqlalchemy import RowMapping, func, select, update

from airflow_provider_kaizala.server.admin import connectors
from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.delivery.calls import without_query
from airflow_provider_kaizala.server.domain import webhooks
from airflow_provider_kaizala.server.domain.ids import canonical
from airflow_provider_kaizala.server.domain.times import iso, iso_or_none
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.webhook_tables import DELIVERED, FAILED, PENDING

_w, _d = t.webhook.c, t.webhook_delivery.c
Shown = dict[str, object]


def list_all(admin: Admin, connector_id: str | None) -> list[Shown]:
    """List the webhooks, with how many of their events stand where."""
    wanted = [] if connector_id is None else [_w.connector_id == connectors.find(admin, connector_id)["id"]]
    states = {
        (row[0], row[1]): row[2]
        for row in admin.conn.execute(
            select(_d.webhook_id, _d.state, func.count()).group_by(_d.webhook_id, _d.state)
        )
    }
    rows = admin.conn.execute(select(t.webhook).where(*wanted).order_by(_w.created_ms, _w.id)).mappings()
    return [
        {
            **_shown(row, admin.now_ms),
            **{state: states.get((row["id"], state), 0) for state in (PENDING, DELIVERED, FAILED)},
        }
        for row in rows
    ]


def enable(admin: Admin, webhook_id: str) -> Shown:
    """Make a webhook active again; what it missed is delivered first."""
    found = find(admin, webhook_id)
    if found["validity_ms"] <= admin.now_ms:
        raise AdminError(
            f"the webhook's validity ended on {iso(found['validity_ms'])}; its connector can extend it"
        )
    admin.conn.execute(
        update(t.webhook).where(_w.id == found["id"]).values(active=True, changed_ms=admin.now_ms)
    )
    webhooks.requeue(admin.conn, found["id"], admin.now_ms)
    return _shown(find(admin, webhook_id), admin.now_ms)


def deliveries(admin: Admin, webhook_id: str, state: str | None, most: int) -> list[Shown]:
    """List the newest events of a webhook; their texts are not shown."""
    found = find(admin, webhook_id)
    wanted = [] if state is None else [_d.state == state]
    rows = admin.conn.execute(
        select(t.webhook_delivery)
        .where(_d.webhook_id == found["id"], *wanted)
        .order_by(_d.id.desc())
        .limit(most)
    ).mappings()
    return [
        {
            "eventId": row["event_id"],
            "eventType": row["event_type"],
            "state": row["state"],
            "attempts": row["attempts"],
            "lastStatus": row["last_status"],
            "lastError": row["last_error"],
            "created": iso(row["created_ms"]),
            "nextAttempt": iso(row["next_attempt_ms"]) if row["state"] == PENDING else None,
            "finished": iso_or_none(row["finished_ms"]),
        }
        for row in rows
    ]


def find(admin: Admin, webhook_id: str) -> RowMapping:
    """Return a webhook."""
    query = select(t.webhook).where(_w.id == canonical(webhook_id))
    found = admin.conn.execute(query).mappings().first()
    if found is None:
        raise AdminError(f"there is no webhook {webhook_id[:80]!r}")
    return found


def _shown(row: RowMapping, now_ms: int) -> Shown:
    return {
        "webhookId": row["id"],
        "connectorId": row["connector_id"],
        "objectType": row["object_type"],
        "objectId": row["object_id"],
        "events": json.loads(row["events_json"]),
        "callbackUrl": without_query(row["callback_url"]),
        "active": webhooks.is_live(row, now_ms),
        "validity": iso(row["validity_ms"]),
    }
