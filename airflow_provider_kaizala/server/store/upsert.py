"""INSERT ... ON CONFLICT, which both databases know, and SQLAlchemy by dialect only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection


def insert(conn: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``.

    Whether it has added a row tells ``returning``: the row count of an INSERT is not kept.
    A conflict with a row that another transaction is about to commit waits for that, so that whoever comes second sees it.
    """
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)
