"""Sessions of people who signed in with phone number and PIN."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain import audit
from airflow_provider_kaizala.server.domain.context import SESSION, Caller
from airflow_provider_kaizala.server.domain.errors import not_signed_in
from airflow_provider_kaizala.server.hashing import fingerprint, new_token
from airflow_provider_kaizala.server.store.tables import person, person_session

SESSION_LIFE_MS = 30 * DAY
#: how long a device whose session has ended is known, see :mod:`domain.pins`
DEVICE_LIFE_MS = 365 * DAY
#: of one person, the newest are kept
MAX_SESSIONS = 50

_p, _s = person.c, person_session.c
_PERSON = select(_p.tenant_id, _p.id, _p.name, _p.mobile, _p.profile_pic).where(_p.deactivated_ms.is_(None))


def open_session(conn: Connection, now_ms: int, person_id: str) -> str:
    """Start a session of 30 days and return its token."""
    conn.execute(person_session.delete().where(_s.expires_ms <= now_ms - DEVICE_LIFE_MS))
    newest = select(_s.token_hash).where(_s.person_id == person_id).order_by(_s.created_ms.desc())
    conn.execute(
        person_session.delete().where(
            _s.person_id == person_id, _s.token_hash.not_in(newest.limit(MAX_SESSIONS - 1))
        )
    )
    token = new_token()
    conn.execute(
        person_session.insert(),
        {
            "token_hash": fingerprint(token),
            "person_id": person_id,
            "created_ms": now_ms,
            "expires_ms": now_ms + SESSION_LIFE_MS,
        },
    )
    return token


def find_session(conn: Connection, now_ms: int, token: str | None) -> Caller:
    """Return the person of a session."""
    found = None
    if token:
        live = (_s.token_hash == fingerprint(token), _s.expires_ms > now_ms, _s.ended_ms.is_(None))
        found = _caller(conn, _PERSON.join(person_session, _s.person_id == _p.id).where(*live))
    if found is None:
        raise not_signed_in("Sign in with your phone number and PIN")
    return found


def caller_of_phone(conn: Connection, phone: str) -> Caller | None:
    """Return a person as a caller, without a session; for the control plane."""
    return _caller(conn, _PERSON.where(_p.mobile == phone))


def _caller(conn: Connection, query: Select[Any]) -> Caller | None:
    found = conn.execute(query).first()
    if found is None:
        return None
    return Caller(SESSION, found.tenant_id, found.id, found.name, found.mobile or "", found.profile_pic)


def end_session(conn: Connection, now_ms: int, token: str, client: str) -> None:
    """Sign out; the device stays known."""
    person_id = conn.execute(
        update(person_session)
        .where(_s.token_hash == fingerprint(token), _s.ended_ms.is_(None))
        .values(ended_ms=now_ms)
        .returning(_s.person_id)
    ).scalar()
    if person_id is not None:
        audit.record(conn, now_ms, audit.SIGNED_OUT, person_id=person_id, client=client)


def forget_sessions(conn: Connection, person_id: str) -> None:
    """Sign a person out everywhere, and know none of their devices any more."""
    conn.execute(person_session.delete().where(_s.person_id == person_id))
