"""Doing what a form says once, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.store.tables import form_sent
from airflow_provider_kaizala.server.store.upsert import insert

_s = form_sent.c


def once(op: Operation, key: str, act: Callable[[], str]) -> str:
    """Do something unless this person did it before; return its outcome, an id, then and now.

    :param key: of at most 64 characters
    """
    me = op.caller.person_id
    here = (_s.person_id == me, _s.once == key)
    # First, so that whoever sends it at the same time waits for the outcome.
    row = insert(op.conn, form_sent).values(person_id=me, once=key, outcome="", at_ms=op.now_ms)
    if op.conn.execute(row.on_conflict_do_nothing().returning(_s.once)).first() is None:
        return str(op.conn.execute(select(_s.outcome).where(*here)).scalar_one())
    outcome = act()
    op.conn.execute(update(form_sent).where(*here).values(outcome=outcome))
    op.conn.execute(form_sent.delete().where(_s.at_ms < op.now_ms - DAY))
    return outcome
