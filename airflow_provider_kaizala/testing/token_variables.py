"""Airflow Variables in which the provider stores tokens: those of one test's server do not work on the next one."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: as in the provider's VariableTokenStore.key: the prefix, the grant, and the fingerprint of the configured refresh token
PREFIX = "kaizala_token_"


@contextmanager
def set_aside(extra: Mapping[str, Any]) -> Iterator[None]:
    """Remove the stored tokens of a connection with this extra, and restore them at the end; does nothing without a database."""
    configured = [extra.get("refresh_token") or "", *(extra.get("group_refresh_tokens") or {}).values()]
    ends = tuple("_" + hashlib.sha256(token.encode()).hexdigest()[:16] for token in configured)
    try:
        kept = _take(ends)
    except Exception:  # noqa: BLE001 - no database, no tables, no access to them: then nothing is stored either
        yield
        return
    try:
        yield
    finally:
        _take(ends)
        _put(kept)


def _take(ends: tuple[str, ...]) -> list[dict[str, Any]]:
    from airflow.models import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(Variable).filter(Variable.key.startswith(PREFIX, autoescape=True)).all()
        rows = [row for row in rows if row.key.endswith(ends)]
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
