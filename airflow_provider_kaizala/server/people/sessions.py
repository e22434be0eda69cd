"""Signing in with phone number and PIN."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY, MINUTE
from airflow_provider_kaizala.server.hashing import check_pin, fingerprint, new_token
from airflow_provider_kaizala.server.kaizala.context import SESSION, Caller
from airflow_provider_kaizala.server.store.tables import person, person_session, pin_attempt
from airflow_provider_kaizala.server.wire.errors import ApiError, not_signed_in, throttled

SESSION_LIFE_MS = 30 * DAY
MAX_ATTEMPTS = 5
ATTEMPT_WINDOW_MS = 15 * MINUTE

_a, _s = pin_attempt.c, person_session.c


def check_person_pin(conn: Connection, now_ms: int, mobile: str, pin: str) -> str | ApiError:
    """Check a PIN and return the person's id.

    A failure is counted and returned instead of raised, so that the count is kept; after five in 15 minutes every
    try is refused, right or wrong. Unknown numbers get the same answers in the same time.
    """
    mobile = mobile[:64]
    since = now_ms - ATTEMPT_WINDOW_MS
    conn.execute(pin_attempt.delete().where(_a.at_ms <= since - DAY))
    failures, oldest = conn.execute(
        select(func.count(), func.min(_a.at_ms)).where(_a.mobile == mobile, _a.at_ms > since)
    ).one()
    if failures >= MAX_ATTEMPTS:
        wait_ms = max(0, oldest + ATTEMPT_WINDOW_MS - now_ms)
        return throttled("Too many wrong PINs; try again later", -(-wait_ms // 1000))
    found = conn.execute(select(person.c.id, person.c.pin_hash).where(person.c.mobile == mobile)).first()
    if not check_pin(pin, found.pin_hash if found else None) or found is None:
        conn.execute(pin_attempt.insert(), {"mobile": mobile, "at_ms": now_ms})
        return not_signed_in("Wrong phone number or PIN", "wrong_pin")
    conn.execute(pin_attempt.delete().where(_a.mobile == mobile))
    conn.execute(update(person).where(person.c.id == found.id).values(is_provisioned=True))
    return str(found.id)


def open_session(conn: Connection, now_ms: int, person_id: str) -> str:
    """Start a session of 30 days and return its token."""
    conn.execute(person_session.delete().where(_s.expires_ms <= now_ms))
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
        found = conn.execute(
            select(person.c.id, person.c.tenant_id, person.c.name, person.c.mobile, person.c.profile_pic)
            .join(person_session, _s.person_id == person.c.id)
            .where(_s.token_hash == fingerprint(token), _s.expires_ms > now_ms, _s.ended_ms.is_(None))
        ).first()
    if found is None:
        raise not_signed_in("Sign in with your phone number and PIN")
    return Caller(SESSION, found.tenant_id, found.id, found.name, found.mobile or "", found.profile_pic)


def caller_of_phone(conn: Connection, phone: str) -> Caller | None:
    """Return a person as a caller, without a session; for the control plane."""
    found = conn.execute(
        select(person.c.id, person.c.tenant_id, person.c.name, person.c.profile_pic).where(
            person.c.mobile == phone
        )
    ).first()
    return (
        None
        if found is None
        else Caller(SESSION, found.tenant_id, found.id, found.name, phone, found.profile_pic)
    )


def end_session(conn: Connection, now_ms: int, token: str) -> None:
    """Sign out."""
    conn.execute(update(person_session).where(_s.token_hash == fingerprint(token)).values(ended_ms=now_ms))
