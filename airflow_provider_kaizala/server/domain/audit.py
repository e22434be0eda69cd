"""The audit log: who signed in, wrong PINs, grants, and what administrators did. It never holds a secret."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.persons import PHONE
from airflow_provider_kaizala.server.store.tables import audit_entry, person

SIGNED_IN, SIGNED_OUT, WRONG_PIN = "signed-in", "signed-out", "wrong-pin"
GRANTED, GRANT_ENDED, ADMIN_ACT = "granted", "grant-ended", "admin"
KINDS = (SIGNED_IN, SIGNED_OUT, WRONG_PIN, GRANTED, GRANT_ENDED, ADMIN_ACT)
KEPT_MS = 365 * DAY

_a = audit_entry.c


def record(
    conn: Connection,
    now_ms: int,
    kind: str,
    *,
    person_id: str | None = None,
    mobile: str | None = None,
    client: str = "",
    **detail: object,
) -> None:
    """Write one entry, in the transaction of what it tells of. Entries are kept for a year.

    :param mobile: the number that was typed or named, where the person's id is not at hand; anything that is not a number is
        left out, because people type PINs into the wrong field
    :param client: the address of whoever did it
    :param detail: more about it, as plain JSON, without what is None; never a secret
    """
    known = {name: value for name, value in detail.items() if value is not None}
    if person_id is not None:
        mobile = conn.execute(select(person.c.mobile).where(person.c.id == person_id)).scalar()
    conn.execute(audit_entry.delete().where(_a.at_ms < now_ms - KEPT_MS))
    conn.execute(
        audit_entry.insert(),
        {
            "at_ms": now_ms,
            "kind": kind,
            "mobile": mobile if mobile and PHONE.match(mobile) else None,
            "person_id": person_id,
            "client": client,
            "detail_json": json.dumps(known, ensure_ascii=False),
        },
    )
