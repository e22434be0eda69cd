"""What stands beside a feed where there is room: the first people of the group, and how many there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from airflow_provider_kaizala.server.domain.access import find_group
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, Operation
from airflow_provider_kaizala.server.store import tables as t

MAX_PEOPLE = 8
_m, _p = t.membership.c, t.person.c


def first_people(op: Operation, group_id: str) -> dict[str, Any] | None:
    """Return ``{"count", "first": [{"id", "name", "role"}]}``, admins first; None if the caller may not see them."""
    access = find_group(op, group_id)
    if access.role not in (ADMIN, MEMBER):
        return None
    rows = op.conn.execute(
        select(_p.id, _p.name, _m.role)
        .join(t.person, _p.id == _m.person_id)
        .where(_m.group_id == access.id)
        .order_by(_m.role, _p.name, _p.id)
        .limit(MAX_PEOPLE)
    )
    first = [{"id": row.id, "name": row.name, "role": row.role} for row in rows]
    its_own = select(func.count()).select_from(t.membership).where(_m.group_id == access.id)
    return {"count": op.conn.execute(its_own).scalar_one(), "first": first}
