"""Connectors: made, listed, given a new secret, deleted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import RowMapping, func, select, update

from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain.context import PERMISSIONS
from airflow_provider_kaizala.server.domain.ids import canonical, new_unit_id
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.hashing import fingerprint, new_secret
from airflow_provider_kaizala.server.store import tables as t

_c = t.connector.c
Shown = dict[str, object]


def create(
    admin: Admin,
    name: str,
    *,
    connector_id: str | None,
    permissions: Sequence[str],
    redirect_url: str | None,
    tenant: str | None,
) -> Shown:
    """Make a connector with a new secret; without permissions named it has all."""
    connector_id = canonical(connector_id) if connector_id else new_unit_id()
    secret = new_secret()
    known = {one.lower(): one for one in PERMISSIONS}
    admin.add(
        connectors=[
            {
                "id": connector_id,
                "secret": secret,
                "name": name,
                "tenant": tenant,
                "permissions": [known.get(one.lower(), one) for one in permissions] or "all",
                "redirectUrl": redirect_url,
            }
        ]
    )
    return {"connectorId": connector_id, "name": name, "applicationSecret": secret}


def list_all(admin: Admin) -> list[Shown]:
    """List the connectors, with what they may do."""
    p = t.connector_permission.c
    granted: dict[str, set[str]] = {}
    for connector_id, permission in admin.conn.execute(select(p.connector_id, p.permission)):
        granted.setdefault(connector_id, set()).add(permission)
    g = t.connector_grant.c
    grants = {
        row[0]: row[1]
        for row in admin.conn.execute(
            select(g.connector_id, func.count()).where(g.revoked_ms.is_(None)).group_by(g.connector_id)
        )
    }
    rows = admin.conn.execute(
        select(t.connector).where(_c.deleted_ms.is_(None)).order_by(_c.created_ms, _c.id)
    )
    return [
        {
            "connectorId": row["id"],
            "name": row["name"],
            "tenant": row["tenant_id"],
            "permissions": [one for one in PERMISSIONS if one in granted.get(row["id"], ())],
            "grants": grants.get(row["id"], 0),
            "redirectUrl": row["redirect_url"] or "",
            "created": iso(row["created_ms"]),
        }
        for row in rows.mappings()
    ]


def renew_secret(admin: Admin, connector_id: str) -> Shown:
    """Give a connector a new secret; the one before it ends."""
    found = find(admin, connector_id)
    secret = new_secret()
    admin.conn.execute(
        update(t.connector).where(_c.id == found["id"]).values(secret_hash=fingerprint(secret))
    )
    return {"connectorId": found["id"], "name": found["name"], "applicationSecret": secret}


def delete(admin: Admin, connector_id: str) -> Shown:
    """Delete a connector: all its tokens end, and its webhooks hear nothing any more."""
    found = find(admin, connector_id)
    g, w = t.connector_grant.c, t.webhook.c
    admin.conn.execute(update(t.connector).where(_c.id == found["id"]).values(deleted_ms=admin.now_ms))
    admin.conn.execute(
        update(t.connector_grant)
        .where(g.connector_id == found["id"], g.revoked_ms.is_(None))
        .values(revoked_ms=admin.now_ms)
    )
    admin.conn.execute(update(t.webhook).where(w.connector_id == found["id"]).values(active=False))
    return {"connectorId": found["id"], "deleted": True}


def find(admin: Admin, connector_id: str) -> RowMapping:
    """Return a connector that is not deleted."""
    query = select(t.connector).where(_c.id == canonical(connector_id), _c.deleted_ms.is_(None))
    found = admin.conn.execute(query).mappings().first()
    if found is None:
        raise AdminError(f"there is no connector {connector_id[:80]!r}")
    return found
