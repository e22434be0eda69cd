"""Signing in with phone number and PIN.

A PIN is short, so tries are counted: of one number 5 in 15 minutes and 20 in a day, which makes 10,000 PINs a matter of more than a
year; from one address 50 in 15 minutes over all numbers, so that nobody tries ``1234`` on a whole company, while the people of
a store, who share an address, still get in. Tries of one number from many addresses only lock that number: who is signed in
stays so. A proxy must tell the addresses (``X-Forwarded-For``), and uvicorn believe it: it does on loopback, or from the proxies
that the environment's ``FORWARDED_ALLOW_IPS`` names.
"""

from __future__ import annotations

import ipaddress

from sqlalchemy import select, update
from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.clock import DAY, MINUTE
from airflow_provider_kaizala.server.domain.context import SESSION, Caller
from airflow_provider_kaizala.server.domain.errors import ApiError, not_signed_in, throttled
from airflow_provider_kaizala.server.hashing import check_pin, fingerprint, new_token
from airflow_provider_kaizala.server.store.tables import person, person_session, pin_attempt

SESSION_LIFE_MS = 30 * DAY
ATTEMPT_WINDOW_MS = 15 * MINUTE
#: how many wrong PINs there may be within a time
NUMBER_LIMITS = ((5, ATTEMPT_WINDOW_MS), (20, DAY))
CLIENT_LIMITS = ((50, ATTEMPT_WINDOW_MS),)
MAX_PIN = 100

_a, _s = pin_attempt.c, person_session.c


def client_of(request: Request) -> str:
    """Return whose tries are counted together: an address, of IPv6 the network that one subscriber has."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:60]
    return str(address if address.version == 4 else ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def check_person_pin(
    conn: Connection, now_ms: int, mobile: str, pin: str, client: str, *, is_number: bool = False
) -> str | ApiError:
    """Check a PIN and return the person's id.

    A failure is counted and returned instead of raised, so that the count is kept; after too many every try is refused, right
    or wrong. Unknown numbers get the same answers in the same time.

    :param client: from :func:`client_of`
    :param is_number: whether the PIN came as a number, which has lost its zeros in front; PINs have mostly 4 or 6 digits
    """
    mobile = mobile.strip()[:64]
    # What is typed never begins with a blank, so it cannot stand for an address.
    client = f" {client}"
    conn.execute(pin_attempt.delete().where(_a.at_ms <= now_ms - 2 * DAY))
    wait_ms = max(
        _wait_ms(conn, now_ms, mobile, NUMBER_LIMITS), _wait_ms(conn, now_ms, client, CLIENT_LIMITS)
    )
    if wait_ms:
        return throttled("Too many wrong PINs; try again later", -(-wait_ms // 1000))
    found = conn.execute(select(person.c.id, person.c.pin_hash).where(person.c.mobile == mobile)).first()
    widths = [width for width in (4, 6) if is_number and len(pin) < width]
    tried = [
        check_pin(pin[: MAX_PIN + 1].zfill(width), found.pin_hash if found else None)
        for width in (0, *widths)
    ]
    if not any(tried) or found is None:
        conn.execute(pin_attempt.insert(), [{"mobile": who, "at_ms": now_ms} for who in (mobile, client)])
        return not_signed_in("Wrong phone number or PIN", "wrong_pin")
    conn.execute(pin_attempt.delete().where(_a.mobile == mobile))
    conn.execute(update(person).where(person.c.id == found.id).values(is_provisioned=True))
    return str(found.id)


def _wait_ms(conn: Connection, now_ms: int, who: str, limits: tuple[tuple[int, int], ...]) -> int:
    """Return how long it is until one more try is allowed."""
    longest = max(window_ms for _, window_ms in limits)
    failed = select(_a.at_ms).where(_a.mobile == who, _a.at_ms > now_ms - longest).order_by(_a.at_ms.desc())
    times = list(conn.execute(failed.limit(max(most for most, _ in limits))).scalars())
    waits: list[int] = [
        times[most - 1] + window_ms - now_ms for most, window_ms in limits if len(times) >= most
    ]
    return max([0, *waits])


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
