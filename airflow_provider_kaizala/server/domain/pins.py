"""Trying a PIN: who may try, how often, and what follows.

A PIN is short, so each try is counted *before* it is checked, in one statement: a thousand tries at once are a thousand counts. After
a few free tries each next one has to wait twice as long, up to some minutes; the count is forgotten after a day without a try.

====================== ========== ================== =========================================================================
tries are counted for  free tries then every         which holds
====================== ========== ================== =========================================================================
a known device         5          15 s to 15 minutes for a device that signed in with this number before, and only it
a number               5          15 s to 15 minutes for all other devices together
an address             30         2 s to 1 minute    for the same tries, over all numbers
====================== ========== ================== =========================================================================

Whoever attacks a number from outside cannot lock its owner out: the owner's devices are counted by themselves, and show that
they are known by the token of an earlier session. From everywhere together 96 PINs of a number can be tried in a day, so that
10,000 PINs take a hundred days, and the audit log shows it on the first. An address that many people share is slowed down to one
try a minute at most, which their known devices do not notice.

Counters are named by a short hash, so that there is a bounded number of them, whatever is typed, and no numbers of strangers are
stored. Unknown numbers are counted and answered as known ones are, in the same time.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, case, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY, MINUTE, SECOND
from airflow_provider_kaizala.server.domain import audit
from airflow_provider_kaizala.server.domain.errors import ApiError, not_signed_in, throttled
from airflow_provider_kaizala.server.hashing import fingerprint
from airflow_provider_kaizala.server.store.tables import person, person_session, pin_backoff

MIN_PIN, MAX_PIN = 4, 100
FORGOTTEN_MS = DAY

_b, _p, _s = pin_backoff.c, person.c, person_session.c
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class Backoff(NamedTuple):
    """How many tries are free, and the first and longest wait after them."""

    free: int
    first_ms: int
    longest_ms: int

    def waits(self) -> list[tuple[int, int]]:
        """Return from which try on which wait follows, longest first."""
        steps = [(self.free, self.first_ms)]
        while steps[0][1] < self.longest_ms:
            steps.insert(0, (steps[0][0] + 1, min(2 * steps[0][1], self.longest_ms)))
        return steps


NUMBER = Backoff(5, 15 * SECOND, 15 * MINUTE)
ADDRESS = Backoff(30, 2 * SECOND, MINUTE)


class Try(NamedTuple):
    """A try that was counted, and the hash to check the PIN against.

    :param person_id: None for a number that nobody has, or that cannot sign in here
    :param client: where the try comes from; for the audit log
    """

    mobile: str
    person_id: str | None
    pin_hash: str | None
    client: str
    device: str | None


def begin(
    conn: Connection,
    now_ms: int,
    mobile: str,
    client: str,
    *,
    device: str | None = None,
    tenant_id: str | None = None,
) -> Try:
    """Count a try and return what to check; raises 429 where it is too early, which counts nothing.

    :param client: the address it comes from, as :func:`client_of` returns it
    :param device: the token of a session, which may have ended, that this device had before
    :param tenant_id: of the connector that is signed in to; people of other tenants are unknown to it
    """
    mobile = mobile.strip()[:64]
    found = conn.execute(
        select(_p.id, _p.pin_hash, _p.tenant_id).where(_p.mobile == mobile, _p.deactivated_ms.is_(None))
    ).first()
    if found is not None and tenant_id is not None and found.tenant_id != tenant_id:
        found = None
    known = (
        device
        and found is not None
        and conn.execute(
            select(_s.person_id).where(_s.token_hash == fingerprint(device), _s.person_id == found.id)
        ).scalar()
    )
    if known:
        _count(conn, now_ms, _device_counter(device or ""), NUMBER)
    else:
        _count(conn, now_ms, _number_counter(mobile), NUMBER)
        _count(conn, now_ms, _counter("address", client), ADDRESS)
    conn.execute(pin_backoff.delete().where(_b.changed_ms <= now_ms - FORGOTTEN_MS))
    return Try(mobile, found and found.id, found and found.pin_hash, client, device if known else None)


def succeed(conn: Connection, now_ms: int, tried: Try, new_hash: str | None = None) -> str:
    """Note that a PIN was right, and return the person's id; raises 401 if it was changed in the meantime.

    :param new_hash: the PIN hashed with today's parameters, where it was stored with others
    """
    changed = conn.execute(
        update(person)
        .where(_p.id == tried.person_id, _p.pin_hash == tried.pin_hash, _p.deactivated_ms.is_(None))
        .values(is_provisioned=True, pin_hash=new_hash or tried.pin_hash)
    ).rowcount
    if not changed or tried.person_id is None:
        raise wrong_pin()
    if tried.device is not None:
        forget(conn, _device_counter(tried.device))
    else:
        forget(conn, _number_counter(tried.mobile))
        # Only the one try is taken back: somebody with a PIN of their own must not free the address for more guesses.
        conn.execute(
            update(pin_backoff)
            .where(_b.counter == _counter("address", tried.client), _b.tries > 0)
            .values(tries=_b.tries - 1, until_ms=now_ms)
        )
    return tried.person_id


def fail(conn: Connection, now_ms: int, tried: Try, via: str, connector_id: str | None = None) -> None:
    """Write a wrong PIN into the audit log; it is counted already."""
    audit.record(
        conn,
        now_ms,
        audit.WRONG_PIN,
        person_id=tried.person_id,
        mobile=tried.mobile,
        connector=connector_id,
        client=tried.client,
        via=via,
    )


def wrong_pin() -> ApiError:
    """The refusal of a wrong PIN, an unknown number, and somebody who may not sign in: they are answered alike."""
    return not_signed_in("Wrong phone number or PIN", "wrong_pin")


def forget_number(conn: Connection, mobile: str) -> None:
    """Let a number be tried again at once; for an administrator who sets a new PIN."""
    forget(conn, _number_counter(mobile))


def forget(conn: Connection, counter: str) -> None:
    """Remove a counter."""
    conn.execute(pin_backoff.delete().where(_b.counter == counter))


def _count(conn: Connection, now_ms: int, counter: str, backoff: Backoff) -> None:
    """Count a try, unless the wait after the last one is not over."""
    tries = case((_b.changed_ms <= now_ms - FORGOTTEN_MS, 1), else_=_b.tries + 1)
    wait_ms = case(*((tries >= count, wait_ms) for count, wait_ms in backoff.waits()), else_=0)
    fresh = {"counter": counter, "tries": 1, "until_ms": now_ms, "changed_ms": now_ms}
    counted = conn.execute(
        _INSERT[conn.dialect.name](pin_backoff)
        .values(fresh)
        .on_conflict_do_update(
            index_elements=[_b.counter],
            set_={"tries": tries, "until_ms": literal(now_ms, BigInteger) + wait_ms, "changed_ms": now_ms},
            where=_b.until_ms <= now_ms,
        )
        .returning(_b.tries)
    ).first()
    if counted is None:
        until_ms = conn.execute(select(_b.until_ms).where(_b.counter == counter)).scalar() or now_ms
        raise throttled("Too many wrong PINs; try again later", -(-(until_ms - now_ms) // SECOND))


def _number_counter(mobile: str) -> str:
    return _counter("number", mobile)


def _device_counter(device: str) -> str:
    # There are as many as there are sessions.
    return f"device:{fingerprint(device)}"


def _counter(kind: str, of: str) -> str:
    return f"{kind}:{hashlib.sha256(of.encode('utf-8', 'surrogatepass')).hexdigest()[:5]}"
