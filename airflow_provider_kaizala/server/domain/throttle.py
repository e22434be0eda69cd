"""Calls per minute of a connector and of a tenant, counted in the database."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import MINUTE
from airflow_provider_kaizala.server.domain.errors import throttled
from airflow_provider_kaizala.server.store.tables import throttle_counter

_c = throttle_counter.c
_SAME = (_c.scope == bindparam("its_scope"), _c.window_ms == bindparam("its_window"))
_CALLS = select(_c.calls).where(*_SAME)
_COUNT = update(throttle_counter).where(*_SAME).values(calls=_c.calls + 1)
_OLD = throttle_counter.delete().where(_c.window_ms < bindparam("oldest"))


def count_call(conn: Connection, now_ms: int, scope: str, limit: int) -> None:
    """Count one call of a connector or tenant in this minute; refuse it above the limit."""
    if limit <= 0:
        return
    window = now_ms - now_ms % MINUTE
    keys = {"its_scope": scope, "its_window": window}
    calls = conn.execute(_CALLS, keys).scalar()
    if calls is None:
        conn.execute(_OLD, {"oldest": window - 10 * MINUTE})
        conn.execute(throttle_counter.insert(), {"scope": scope, "window_ms": window, "calls": 1})
        return
    if calls >= limit:
        who = scope.partition(":")[0]
        seconds = -(-(window + MINUTE - now_ms) // 1000)
        raise throttled(f"More than {limit} calls in a minute for this {who}", seconds)
    conn.execute(_COUNT, keys)
