"""People: made, listed, given a PIN."""

from __future__ import annotations

from sqlalchemy import RowMapping, func, select, update

from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.hashing import hash_pin
from airflow_provider_kaizala.server.store import tables as t

_p = t.person.c
Shown = dict[str, object]


def create(
    admin: Admin, mobile: str, name: str, *, pin: str | None, tenant_admin: bool, tenant: str | None
) -> Shown:
    """Make a person. One that a group named before is not new, but has neither name nor PIN yet: it gets them."""
    known = admin.conn.execute(select(t.person).where(_p.mobile == mobile)).mappings().first()
    if known is not None and not known["is_provisioned"] and known["pin_hash"] is None:
        values = {"name": name, "is_tenant_admin": tenant_admin, "is_provisioned": True}
        hashed = None if pin is None else hash_pin(pin)
        admin.conn.execute(update(t.person).where(_p.id == known["id"]).values(pin_hash=hashed, **values))
    else:
        entry: dict[str, object] = {
            "mobileNumber": mobile,
            "name": name,
            "pin": pin,
            "tenantAdmin": tenant_admin,
            "tenant": tenant,
        }
        admin.add(people=[entry])
    return _shown(find(admin, mobile))


def list_all(admin: Admin) -> list[Shown]:
    """List the people with a phone number."""
    m = t.membership.c
    rows = admin.conn.execute(select(m.person_id, func.count()).group_by(m.person_id))
    groups: dict[str, int] = {row[0]: row[1] for row in rows}
    people = admin.conn.execute(select(t.person).where(_p.mobile.is_not(None)).order_by(_p.name, _p.mobile))
    return [{**_shown(one), "groups": groups.get(one["id"], 0)} for one in people.mappings()]


def set_pin(admin: Admin, mobile: str, pin: str) -> Shown:
    """Give a person a new PIN; whoever is signed in with the old one is signed out."""
    found = find(admin, mobile)
    s, a = t.person_session.c, t.pin_attempt.c
    admin.conn.execute(update(t.person).where(_p.id == found["id"]).values(pin_hash=hash_pin(pin)))
    admin.conn.execute(
        update(t.person_session)
        .where(s.person_id == found["id"], s.ended_ms.is_(None))
        .values(ended_ms=admin.now_ms)
    )
    admin.conn.execute(t.pin_attempt.delete().where(a.mobile == mobile))
    return _shown(find(admin, mobile))


def find(admin: Admin, mobile: str) -> RowMapping:
    """Return a person by phone number."""
    found = admin.conn.execute(select(t.person).where(_p.mobile == mobile)).mappings().first()
    if found is None:
        raise AdminError(
            f"there is nobody with the number {mobile}; kaizala-server person create makes a person"
        )
    return found


def _shown(row: RowMapping) -> Shown:
    return {
        "mobileNumber": row["mobile"],
        "name": row["name"],
        "personId": row["id"],
        "tenant": row["tenant_id"],
        "hasPin": row["pin_hash"] is not None,
        "tenantAdmin": bool(row["is_tenant_admin"]),
        "created": iso(row["created_ms"]),
    }
