"""Groups: made, listed, filled, deleted. Who comes and goes is told to the group and its webhooks, as by the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping, Table, func, literal, select, update

from airflow_provider_kaizala.server.admin.session import Admin, AdminError
from airflow_provider_kaizala.server.domain import members, subscribers
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group
from airflow_provider_kaizala.server.domain.context import (
    ADMIN,
    MEMBER,
    SUBSCRIBER,
    TENANT,
    Caller,
    Operation,
)
from airflow_provider_kaizala.server.domain.groups import MAX_MEMBERS
from airflow_provider_kaizala.server.domain.ids import canonical, new_unit_id
from airflow_provider_kaizala.server.domain.persons import by_phones, named
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.store import tables as t

_g, _m, _p, _s = t.chat_group.c, t.membership.c, t.person.c, t.subscription.c
Shown = dict[str, object]


def create(admin: Admin, name: str, *, group_id: str | None, hub: bool, **more: object) -> Shown:
    """Make a group.

    :param more: parent, tenant, welcomeMessage, admins, members, subscribers, as in a seed
    """
    group_id = canonical(group_id) if group_id else new_unit_id()
    admin.add(groups=[{"id": group_id, "name": name, "type": "ConnectGroup" if hub else "Group", **more}])
    return _shown(admin, find(admin, group_id))


def list_all(admin: Admin) -> list[Shown]:
    """List the groups."""
    rows = admin.conn.execute(select(t.chat_group).where(_g.deleted_ms.is_(None)).order_by(_g.name, _g.id))
    return [_shown(admin, row) for row in rows.mappings().all()]


def list_people(admin: Admin, group_id: str) -> list[Shown]:
    """List who is in a group, and as what."""
    group = find(admin, group_id)
    rows: list[Any] = []
    for table, role, since in (
        (t.membership, _m.role, _m.joined_ms),
        (t.subscription, literal(SUBSCRIBER), _s.created_ms),
    ):
        query = select(_p.mobile, _p.name, role.label("role"), since.label("since"))
        inside = query.join(table, table.c.person_id == _p.id).where(table.c.group_id == group["id"])
        rows += admin.conn.execute(inside.order_by("role", _p.name, _p.mobile)).all()
    return [
        {"mobileNumber": row.mobile or "", "name": row.name, "role": row.role, "since": iso(row.since)}
        for row in rows
    ]


def add_people(
    admin: Admin,
    group_id: str,
    *,
    admins: Sequence[str] = (),
    plain: Sequence[str] = (),
    subscribing: Sequence[str] = (),
) -> Shown:
    """Add people by phone number; numbers not known yet become people without name and PIN."""
    group = find(admin, group_id)
    if not (admins or plain or subscribing):
        raise AdminError("nobody is named; use --admin, --member or --subscriber")
    op, access = _acting(admin, group, [*admins, *plain, *subscribing][0])
    joining = list(dict.fromkeys([*admins, *plain]))
    for start in range(0, len(joining), MAX_MEMBERS):
        members.add(op, access, joining[start : start + MAX_MEMBERS])
    for phone in admins:
        members.set_role(op, access, phone, ADMIN)
    following = list(dict.fromkeys(subscribing))
    for start in range(0, len(following), MAX_MEMBERS):
        subscribers.add(op, access, following[start : start + MAX_MEMBERS])
    return _shown(admin, group)


def remove_people(admin: Admin, group_id: str, phones: Sequence[str]) -> Shown:
    """Take people out of a group, members and subscribers alike."""
    group = find(admin, group_id)
    people = by_phones(admin.conn, phones)
    for phone in phones:
        who = people.get(phone)
        inside, around = (
            who is not None and _is_in(admin, table, group["id"], who.id)
            for table in (t.membership, t.subscription)
        )
        if not inside and not around:
            raise AdminError(f"{phone} is not in the group")
        op, access = _acting(admin, group, phone)
        if inside:
            members.remove(op, access, phone)
        if around:
            subscribers.remove(op, access, [phone])
    return _shown(admin, group)


def _is_in(admin: Admin, table: Table, group_id: str, person_id: str) -> bool:
    here = (table.c.group_id == group_id, table.c.person_id == person_id)
    return admin.conn.execute(select(table.c.group_id).where(*here)).first() is not None


def demote(admin: Admin, group_id: str, mobile: str) -> Shown:
    """Make an admin of a group a member; what they granted of it ends."""
    group = find(admin, group_id)
    members.set_role(*_acting(admin, group, mobile), mobile, MEMBER)
    return _shown(admin, group)


def delete(admin: Admin, group_id: str) -> Shown:
    """Delete a group; nobody sees or reaches it any more."""
    group = find(admin, group_id)
    above = t.group_parent.c
    admin.conn.execute(
        t.group_parent.delete().where((above.parent_id == group["id"]) | (above.child_id == group["id"]))
    )
    admin.conn.execute(update(t.chat_group).where(_g.id == group["id"]).values(deleted_ms=admin.now_ms))
    return {"groupId": group["id"], "deleted": True}


def find(admin: Admin, group_id: str) -> RowMapping:
    """Return a group that is not deleted."""
    query = select(t.chat_group).where(_g.id == canonical(group_id), _g.deleted_ms.is_(None))
    found = admin.conn.execute(query).mappings().first()
    if found is None:
        raise AdminError(f"there is no group {group_id[:80]!r}")
    return found


def first_admin(admin: Admin, group_id: str) -> RowMapping | None:
    """Return who has been admin of a group for longest, of those who are active."""
    return (
        admin.conn.execute(
            select(t.person)
            .join(t.membership, _m.person_id == _p.id)
            .where(
                _m.group_id == group_id,
                _m.role == ADMIN,
                _p.mobile.is_not(None),
                _p.deactivated_ms.is_(None),
            )
            .order_by(_m.joined_ms, _p.mobile)
        )
        .mappings()
        .first()
    )


def _acting(admin: Admin, group: RowMapping, otherwise: str) -> tuple[Operation, GroupAccess]:
    """Act as an admin of the group, as on the portal; where there is none, as the person it is about."""
    nobody = Operation(admin.conn, admin.now_ms, Caller(TENANT, group["tenant_id"], "", "", "", ""))
    first = first_admin(admin, group["id"])
    mobile = otherwise if first is None else first["mobile"]
    who = named(nobody, [mobile])[mobile]
    caller = Caller(TENANT, group["tenant_id"], who.id, who.name, who.mobile, who.profile_pic)
    op = replace(nobody, caller=caller)
    return op, find_group(op, group["id"])


def _shown(admin: Admin, row: RowMapping) -> Shown:
    def count(column: object, *more: object) -> int:
        query = select(func.count()).where(column == row["id"], *more)  # type: ignore[arg-type]
        return int(admin.conn.execute(query).scalar_one())

    above = t.group_parent.c
    parents = admin.conn.execute(select(above.parent_id).where(above.child_id == row["id"])).scalars()
    return {
        "groupId": row["id"],
        "name": row["name"],
        "type": row["group_type"],
        "tenant": row["tenant_id"],
        "parents": list(parents),
        "admins": count(_m.group_id, _m.role == ADMIN),
        "members": count(_m.group_id, _m.role != ADMIN),
        "subscribers": count(_s.group_id),
        "created": iso(row["created_ms"]),
    }
