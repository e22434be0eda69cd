"""Reading the audit log."""

from __future__ import annotations

import json

from sqlalchemy import select

from airflow_provider_kaizala.server.admin.session import Admin
from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.store.tables import audit_entry

_a = audit_entry.c
Shown = dict[str, object]


def list_entries(admin: Admin, *, kind: str | None, mobile: str | None, days: int, most: int) -> list[Shown]:
    """List the newest entries, oldest of them first."""
    wanted = [_a.at_ms >= admin.now_ms - days * DAY]
    if kind is not None:
        wanted.append(_a.kind == kind)
    if mobile is not None:
        wanted.append(_a.mobile == mobile)
    rows = admin.conn.execute(
        select(audit_entry).where(*wanted).order_by(_a.id.desc()).limit(most)
    ).mappings()
    return [
        {
            "at": iso(row["at_ms"]),
            "kind": row["kind"],
            "person": row["mobile"] or "",
            "from": row["client"],
            "detail": json.loads(row["detail_json"] or "{}"),
        }
        for row in reversed(rows.all())
    ]
