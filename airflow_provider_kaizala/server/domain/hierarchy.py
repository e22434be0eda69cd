"""Groups above and below each other. A group may have several parents; there are no cycles."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.store.tables import group_parent


def _closure(start: str, step: str) -> Select[Any]:
    above = group_parent.c
    seen = (
        select(above[step].label("id"))
        .where(above[start] == bindparam("group_id"))
        .cte("seen", recursive=True)
    )
    seen = seen.union(select(above[step]).join(seen, above[start] == seen.c.id))
    return select(seen.c.id)


_ANCESTORS = _closure("child_id", "parent_id")
_DESCENDANTS = _closure("parent_id", "child_id")
_CHILDREN = select(group_parent.c.child_id).where(group_parent.c.parent_id == bindparam("group_id"))


def ancestors(conn: Connection, group_id: str) -> list[str]:
    """Return the ids of all groups above a group."""
    return list(conn.execute(_ANCESTORS, {"group_id": group_id}).scalars())


def descendants(conn: Connection, group_id: str) -> list[str]:
    """Return the ids of all groups below a group."""
    return list(conn.execute(_DESCENDANTS, {"group_id": group_id}).scalars())


def children(conn: Connection, group_id: str) -> list[str]:
    """Return the ids of the groups directly below a group."""
    return list(conn.execute(_CHILDREN, {"group_id": group_id}).scalars())


def is_ancestor(conn: Connection, upper: str, lower: str) -> bool:
    """Tell whether one group is above another."""
    return upper in ancestors(conn, lower)


def attach(conn: Connection, parent_id: str, child_id: str, now_ms: int) -> None:
    """Put a group below another."""
    conn.execute(group_parent.insert(), {"parent_id": parent_id, "child_id": child_id, "created_ms": now_ms})


def detach(conn: Connection, parent_id: str, child_id: str) -> bool:
    """Take a group out from below another; tell whether it was there."""
    above = group_parent.c
    done = conn.execute(group_parent.delete().where(above.parent_id == parent_id, above.child_id == child_id))
    return done.rowcount > 0
