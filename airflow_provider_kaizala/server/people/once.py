"""Doing what a form says once, however often it is sent."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.store.tables import form_sent

_s = form_sent.c


def once(op: Operation, key: str, act: Callable[[], str]) -> str:
    """Do something unless this person did it before; return its outcome, an id, then and now.

    :param key: of at most 64 characters
    """
    me = op.caller.person_id
    done = op.conn.execute(select(_s.outcome).where(_s.person_id == me, _s.once == key)).scalar()
    if done is not None:
        return str(done)
    outcome = act()
    op.conn.execute(form_sent.delete().where(_s.at_ms < op.now_ms - DAY))
    op.conn.execute(
        form_sent.insert(), {"person_id": me, "once": key, "outcome": outcome, "at_ms": op.now_ms}
    )
    return outcome
