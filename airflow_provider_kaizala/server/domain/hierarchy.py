"""Groups above and below each other. A group may have several parents; there are no cycles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CTE, bindparam, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.store.tables import group_parent, tenant


def _closure(start: str, step: str) -> CTE:
    """Return pairs of a group named by ``ids`` and one that is reached from it, over any number of steps."""
    above = group_parent.c
    seen = (
        select(above[start].label("root"), above[step].label("id"))
        .where(above[start].in_(bindparam("ids", expanding=True)))
        .cte("seen", recursive=True)
    )
    return seen.union(select(seen.c.root, above[step]).join(seen, above[start] == seen.c.id))


#: pairs (root, id); the statement it is part of needs ``ids``
BELOW = _closure("parent_id", "child_id")
_ABOVE = _closure("child_id", "parent_id")
_ANCESTORS, _DESCENDANTS = select(_ABOVE), select(BELOW)
_CHILDREN = select(group_parent.c.child_id).where(group_parent.c.parent_id == bindparam("group_id"))
Pairs = dict[str, list[str]]


def ancestors_of(conn: Connection, group_ids: Sequence[str]) -> Pairs:
    """Return the ids of all groups above each of several groups; without those that have none."""
    return _by_root(conn.execute(_ANCESTORS, {"ids": group_ids}))


def descendants_of(conn: Connection, group_ids: Sequence[str]) -> Pairs:
    """Return the ids of all groups below each of several groups; without those that have none."""
    return _by_root(conn.execute(_DESCENDANTS, {"ids": group_ids}))


def _by_root(rows: Iterable[Any]) -> Pairs:
    found: Pairs = {}
    for root, group_id in rows:
        found.setdefault(root, []).append(group_id)
    return found


def descendants(conn: Connection, group_id: str) -> list[str]:
    """Return the ids of all groups below a group."""
    return descendants_of(conn, [group_id]).get(group_id, [])


def children(conn: Connection, group_id: str) -> list[str]:
    """Return the ids of the groups directly below a group."""
    return list(conn.execute(_CHILDREN, {"group_id": group_id}).scalars())


def is_ancestor(conn: Connection, upper: str, lower: str) -> bool:
    """Tell whether one group is above another."""
    return upper in ancestors_of(conn, [lower]).get(lower, ())


def lock(conn: Connection, tenant_id: str) -> None:
    """Let nobody else change the hierarchy of a tenant before this transaction ends: two changes could make a cycle together."""
    conn.execute(select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update(key_share=True))


def attach(conn: Connection, parent_id: str, child_id: str, now_ms: int) -> None:
    """Put a group below another."""
    conn.execute(group_parent.insert(), {"parent_id": parent_id, "child_id": child_id, "created_ms": now_ms})


def detach(conn: Connection, parent_id: str, child_id: str) -> bool:
    """Take a group out from below another; tell whether it was there."""
    above = group_parent.c
    done = conn.execute(group_parent.delete().where(above.parent_id == parent_id, above.child_id == child_id))
    return done.rowcount > 0
