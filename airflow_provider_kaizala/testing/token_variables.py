"""Airflow Variables in which the provider keeps tokens: those of one test's server are nothing for the next one's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "kaizala_token_"


@contextmanager
def set_aside(conn_id: str) -> Iterator[None]:
    """Take the stored tokens of a connection away, and put them back in the end; without a metadata database do nothing."""
    try:
        kept = _take(conn_id)
    except Exception:  # noqa: BLE001 - no database, no tables, no access to them: then nothing is stored either
        yield
        return
    try:
        yield
    finally:
        _take(conn_id)
        _put(kept)


def _take(conn_id: str) -> list[dict[str, Any]]:
    from airflow.models import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = (
            session.query(Variable)
            .filter(Variable.key.startswith(f"{PREFIX}{conn_id}_", autoescape=True))
            .all()
        )
        kept = [{"key": row.key, "val": row.get_val(), "description": row.description} for row in rows]
        for row in rows:
            session.delete(row)
    return kept


def _put(kept: list[dict[str, Any]]) -> None:
    from airflow.models import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        for values in kept:
            session.add(Variable(**values))
