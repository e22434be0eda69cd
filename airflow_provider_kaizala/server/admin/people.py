"""People: made, listed, given a PIN."""

from __future__ import annotations

from sqlalchemy import RowMapping, func, select, update

from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain.pins import forget_number
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.people.sessions import forget_sessions
from airflow_provider_kaizala.server.store import tables as t

_p = t.person.c
Shown = dict[str, object]


def create(
    admin: Admin, mobile: str, name: str, *, pin_hash: str | None, tenant_admin: bool, tenant: str | None
) -> Shown:
    """Make a person. One that a group named before is not new, but has neither name nor PIN yet: it gets them."""
    known = admin.conn.execute(select(t.person).where(_p.mobile == mobile)).mappings().first()
    if known is not None and not known["is_provisioned"] and known["pin_hash"] is None:
        values = {"name": name, "is_tenant_admin": tenant_admin, "is_provisioned": True}
        admin.conn.execute(update(t.person).where(_p.id == known["id"]).values(**values))
    else:
        entry: dict[str, object] = {
            "mobileNumber": mobile,
            "name": name,
            "tenantAdmin": tenant_admin,
            "tenant": tenant,
        }
        admin.add(people=[entry])
    admin.conn.execute(update(t.person).where(_p.mobile == mobile).values(pin_hash=pin_hash))
    return _shown(find(admin, mobile))


def list_all(admin: Admin) -> list[Shown]:
    """List the people with a phone number."""
    m = t.membership.c
    rows = admin.conn.execute(select(m.person_id, func.count()).group_by(m.person_id))
    groups: dict[str, int] = {row[0]: row[1] for row in rows}
    people = admin.conn.execute(select(t.person).where(_p.mobile.is_not(None)).order_by(_p.name, _p.mobile))
    return [{**_shown(one), "groups": groups.get(one["id"], 0)} for one in people.mappings()]


def set_pin(admin: Admin, mobile: str, pin_hash: str) -> Shown:
    """Give a person a new PIN; whoever is signed in with the old one is signed out."""
    found = find(admin, mobile)
    admin.conn.execute(update(t.person).where(_p.id == found["id"]).values(pin_hash=pin_hash))
    forget_sessions(admin.conn, found["id"])
    forget_number(admin.conn, mobile)
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
