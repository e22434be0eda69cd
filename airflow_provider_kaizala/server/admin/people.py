"""People: made, listed, given a PIN and a name, deactivated, deleted."""

from __future__ import annotations

from sqlalchemy import RowMapping, func, select, union, update

from airflow_provider_kaizala.server.admin import groups
from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain.context import TENANT, USER
from airflow_provider_kaizala.server.domain.pins import forget_number
from airflow_provider_kaizala.server.domain.sessions import forget_sessions
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.domain.tokens import end_grants
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
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    people = admin.conn.execute(select(t.person).where(_p.mobile.is_not(None)).order_by(_p.name, _p.mobile))
    return [{**_shown(one), "groups": counts.get(one["id"], 0)} for one in people.mappings()]


def set_pin(admin: Admin, mobile: str, pin_hash: str, *, keep_grants: bool) -> Shown:
    """Give a person a new PIN. What the old one opened ends: their sessions, and the user tokens that connectors have of them."""
    found = find(admin, mobile)
    _change(admin, found, pin_hash=pin_hash)
    forget_sessions(admin.conn, found["id"])
    forget_number(admin.conn, mobile)
    ended = 0 if keep_grants else end_grants(admin.conn, admin.now_ms, person_id=found["id"], kinds=(USER,))
    return {**_shown(find(admin, mobile)), "grantsEnded": ended}


def deactivate(admin: Admin, mobile: str) -> Shown:
    """End all that acts as a person, at once; they stay in their groups, and :func:`activate` lets them in again."""
    found = find(admin, mobile)
    _change(admin, found, deactivated_ms=admin.now_ms)
    forget_sessions(admin.conn, found["id"])
    ended = end_grants(admin.conn, admin.now_ms, person_id=found["id"])
    return {**_shown(find(admin, mobile)), "grantsEnded": ended}


def activate(admin: Admin, mobile: str) -> Shown:
    """Let a person who was deactivated sign in again; grants that ended stay ended."""
    _change(admin, find(admin, mobile), deactivated_ms=None)
    return _shown(find(admin, mobile))


def rename(admin: Admin, mobile: str, name: str) -> Shown:
    """Give a person another name, on what they have written too."""
    _change(admin, find(admin, mobile), name=name)
    return _shown(find(admin, mobile))


def promote(admin: Admin, mobile: str) -> Shown:
    """Make a person a tenant admin."""
    _change(admin, find_active(admin, mobile), is_tenant_admin=True)
    return _shown(find(admin, mobile))


def demote(admin: Admin, mobile: str) -> Shown:
    """Make a tenant admin a person as others; the tenant-level tokens that connectors have of them end."""
    found = find(admin, mobile)
    if not found["is_tenant_admin"]:
        raise AdminError(f"{mobile} is not a tenant admin")
    _change(admin, found, is_tenant_admin=False)
    ended = end_grants(admin.conn, admin.now_ms, person_id=found["id"], kinds=(TENANT,))
    return {**_shown(find(admin, mobile)), "grantsEnded": ended}


def delete(admin: Admin, mobile: str) -> Shown:
    """Deactivate a person, take them out of all groups, and free the number; what they wrote stays, under their name."""
    gone = deactivate(admin, mobile)
    m, s, g = t.membership.c, t.subscription.c, t.chat_group.c
    where = [
        select(table.c.group_id).where(table.c.person_id == gone["personId"])
        for table in (t.membership, t.subscription)
    ]
    inside = select(g.id).where(g.id.in_(union(*where)), g.deleted_ms.is_(None)).order_by(g.id)
    group_ids = admin.conn.execute(inside).scalars().all()
    for group_id in group_ids:
        groups.remove_people(admin, group_id, [mobile])
    # Of groups that are deleted.
    admin.conn.execute(t.membership.delete().where(m.person_id == gone["personId"]))
    admin.conn.execute(t.subscription.delete().where(s.person_id == gone["personId"]))
    _change(admin, find(admin, mobile), mobile=None, pin_hash=None, is_tenant_admin=False)
    forget_number(admin.conn, mobile)
    return {
        "mobileNumber": mobile,
        "name": gone["name"],
        "personId": gone["personId"],
        "deleted": True,
        "grantsEnded": gone["grantsEnded"],
        "groupsLeft": len(group_ids),
    }


def _change(admin: Admin, found: RowMapping, **values: object) -> None:
    admin.conn.execute(update(t.person).where(_p.id == found["id"]).values(**values))


def find(admin: Admin, mobile: str) -> RowMapping:
    """Return a person by phone number."""
    found = admin.conn.execute(select(t.person).where(_p.mobile == mobile)).mappings().first()
    if found is None:
        raise AdminError(
            f"there is nobody with the number {mobile}; kaizala-server person create makes a person"
        )
    return found


def find_active(admin: Admin, mobile: str) -> RowMapping:
    """Return a person who is not deactivated."""
    found = find(admin, mobile)
    if found["deactivated_ms"] is not None:
        raise AdminError(f"{mobile} is deactivated; kaizala-server person activate lets them in again")
    return found


def _shown(row: RowMapping) -> Shown:
    return {
        "mobileNumber": row["mobile"],
        "name": row["name"],
        "personId": row["id"],
        "tenant": row["tenant_id"],
        "hasPin": row["pin_hash"] is not None,
        "tenantAdmin": bool(row["is_tenant_admin"]),
        "active": row["deactivated_ms"] is None,
        "created": iso(row["created_ms"]),
    }
