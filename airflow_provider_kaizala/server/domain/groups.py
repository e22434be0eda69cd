"""Groups: which a caller reaches, what they hold, creating one, and the groups below a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Select, Table, bindparam, func, select, union_all

from airflow_provider_kaizala.server.domain import hierarchy, persons
from airflow_provider_kaizala.server.domain.access import (
    GroupAccess,
    find_group,
    need_admin,
    reached_groups,
)
from airflow_provider_kaizala.server.domain.context import ADMIN, GROUP, HUB, MEMBER, TENANT, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied, not_found
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.ids import new_unit_id
from airflow_provider_kaizala.server.domain.media import read_picture
from airflow_provider_kaizala.server.store import tables as t

GROUP_TYPES = ("Group", HUB)
MAX_MEMBERS = 100
MAX_SUB_GROUPS = 100

_g, _m, _p = t.chat_group.c, t.membership.c, t.person.c
_BY_NAME = select(_g.id).where(_g.deleted_ms.is_(None)).order_by(_g.name, _g.id)
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_above = t.group_parent.c
_PARENTS = select(_above.child_id, func.count()).where(_above.child_id.in_(_IDS)).group_by(_above.child_id)
_CHILDREN = (
    select(_above.parent_id, func.count()).where(_above.parent_id.in_(_IDS)).group_by(_above.parent_id)
)
_UNPROVISIONED = func.count().filter(_p.is_provisioned.is_(False))


def _people(table: Table) -> Select[Any]:
    within = table.c.group_id
    counted = select(within, func.count(), _UNPROVISIONED).join(t.person, _p.id == table.c.person_id)
    return counted.where(within.in_(_IDS)).group_by(within)


_MEMBERS, _SUBSCRIBERS = _people(t.membership), _people(t.subscription)
# A group's own members and those of all groups below it; who is in several of them counts once among the unique ones.
_HERE = hierarchy.BELOW.c
_WITH_BELOW = (
    union_all(
        select(_g.id.label("root"), _g.id).where(_g.id.in_(_IDS)),
        select(_HERE.root, _HERE.id),
    )
).subquery()
_ALL_MEMBERS = (
    select(_WITH_BELOW.c.root, func.count(), func.count(_p.id.distinct()), _UNPROVISIONED)
    .join(t.membership, _m.group_id == _WITH_BELOW.c.id)
    .join(t.person, _p.id == _m.person_id)
    .group_by(_WITH_BELOW.c.root)
)


class Counts(NamedTuple):
    """How many people a group has; the subscribers only of a hub group.

    :param users: members of the group and of all groups below it
    :param unique_users: the same people, each counted once
    """

    users: int
    unique_users: int
    unprovisioned: int
    users_here: int
    unprovisioned_here: int
    subscribers: int | None = None
    unprovisioned_subscribers: int | None = None


class GroupInfo(NamedTuple):
    """A group as the caller sees it, with the number of groups directly below and above it."""

    access: GroupAccess
    below: int
    above: int
    counts: Counts | None


@dataclass(frozen=True)
class GroupDraft:
    """A group to be created; people are named by phone number or id, pictures as :func:`read_picture` takes them."""

    name: str
    group_type: str = "Group"
    welcome_message: str = ""
    short_description: str = ""
    long_description: str = ""
    image: str | None = None
    background: str | None = None
    members: Sequence[str] = ()
    member_ids: Sequence[str] = ()
    admins: Sequence[str] = ()


def list_groups(op: Operation, *, with_details: bool, with_hierarchy: bool) -> list[GroupInfo]:
    """List the groups a token reaches: its one group, the user's groups, or the tenant's."""
    caller = op.caller
    if caller.kind == GROUP:
        ids = [caller.scope_group_id or ""]
    elif caller.kind == TENANT:
        ids = [*op.conn.execute(_BY_NAME.where(_g.tenant_id == caller.tenant_id)).scalars()]
    else:
        own = _BY_NAME.join(t.membership, _m.group_id == _g.id).where(_m.person_id == caller.person_id)
        ids = [*op.conn.execute(own).scalars()]
    if with_hierarchy:
        below = hierarchy.descendants_of(op.conn, ids)
        ids += [one for group_id in ids for one in below.get(group_id, ())]
    return describe(op, [*reached_groups(op, ids).values()], with_counts=with_details)


def need_organisation(op: Operation) -> None:
    """Refuse callers who may not search the organisation."""
    if op.caller.kind != TENANT:
        raise denied("Searching the organisation needs a tenant-level user token")


def search(op: Operation, text: str, offset: int, count: int) -> list[GroupInfo]:
    """Return groups of the tenant whose name holds a text, by name."""
    need_organisation(op)
    named = _BY_NAME.where(_g.tenant_id == op.caller.tenant_id, _g.name.icontains(text, autoescape=True))
    ids = op.conn.execute(named.offset(offset).limit(count)).scalars().all()
    return describe(op, [*reached_groups(op, ids).values()])


def find_below(op: Operation, group: GroupAccess, *, all_levels: bool) -> list[GroupAccess]:
    """Return the groups below a group that the caller can see, by name."""
    find = hierarchy.descendants if all_levels else hierarchy.children
    ids = op.conn.execute(_BY_NAME.where(_g.id.in_(find(op.conn, group.id)))).scalars().all()
    return [*reached_groups(op, ids).values()]


def describe(op: Operation, groups: Sequence[GroupAccess], *, with_counts: bool = True) -> list[GroupInfo]:
    """Tell what is above, below and in some groups, in a number of statements that does not depend on how many they are."""
    ids = [one.id for one in groups]
    children, parents = _count(op, _CHILDREN, ids), _count(op, _PARENTS, ids)
    counts = _member_counts(op, groups) if with_counts else {}
    found = []
    for one in groups:
        [below], [above] = children.get(one.id, (0,)), parents.get(one.id, (0,))
        found.append(GroupInfo(one, below, above, counts.get(one.id)))
    return found


def _count(op: Operation, query: Select[Any], ids: Sequence[str]) -> dict[str, Sequence[int]]:
    return {row[0]: row[1:] for row in op.conn.execute(query, {"ids": ids})}


def _member_counts(op: Operation, groups: Sequence[GroupAccess]) -> dict[str, Counts]:
    ids = [one.id for one in groups]
    everybody, own = _count(op, _ALL_MEMBERS, ids), _count(op, _MEMBERS, ids)
    hubs = [one.id for one in groups if one.is_hub]
    subscribers = _count(op, _SUBSCRIBERS, hubs) if hubs else {}
    return {
        one: Counts(
            *everybody.get(one, (0, 0, 0)),
            *own.get(one, (0, 0)),
            *(subscribers.get(one, (0, 0)) if one in hubs else ()),
        )
        for one in ids
    }


def need_parent(access: GroupAccess) -> GroupAccess:
    """Refuse groups that the caller may put none below: of others, and hub groups."""
    need_admin(access)
    if access.is_hub:
        raise bad_request("A hub group (ConnectGroup) has no sub-groups")
    return access


def parent_of_new(op: Operation) -> GroupAccess | None:
    """Return the group that what the caller creates lies below: with a group token the token's."""
    if op.caller.kind != GROUP:
        return None
    return need_parent(find_group(op, op.caller.scope_group_id or ""))


def need_type(op: Operation, group_type: str) -> str:
    """Refuse callers who may not create groups of a type."""
    if group_type == HUB and op.caller.kind != TENANT:
        raise denied("Creating a ConnectGroup needs a tenant-level user token")
    return group_type


def create(op: Operation, draft: GroupDraft, parent: GroupAccess | None, *, with_caller: bool = True) -> str:
    """Create a group with the caller, unless told otherwise, as an admin of it; return its id."""
    if parent is not None:
        need_parent(parent)
    need_type(op, draft.group_type)
    if len(draft.members) + len(draft.member_ids) + len(draft.admins) > MAX_MEMBERS:
        raise bad_request(
            f"members, memberUserIds and admins hold more than {MAX_MEMBERS} entries together; "
            "create the group with some, and add the others"
        )
    known = persons.by_ids(op.conn, draft.member_ids)
    if missing := [one for one in draft.member_ids if one not in known]:
        raise bad_request(f"memberUserIds holds {missing[0][:80]!r}, which is nobody's id")
    group_id = new_unit_id()
    op.conn.execute(
        t.chat_group.insert(),
        {
            "id": group_id,
            "tenant_id": op.caller.tenant_id,
            "name": draft.name,
            "group_type": draft.group_type,
            "welcome_message": draft.welcome_message,
            "short_description": draft.short_description,
            "long_description": draft.long_description,
            "image_url": read_picture(op, draft.image),
            "background_url": read_picture(op, draft.background),
            "creator_id": op.caller.person_id,
            "created_ms": op.now_ms,
        },
    )
    roles = dict.fromkeys((who.id for who in persons.named(op, draft.members).values()), MEMBER)
    roles |= dict.fromkeys(known, MEMBER)
    roles |= dict.fromkeys((who.id for who in persons.named(op, draft.admins).values()), ADMIN)
    if with_caller:
        roles[op.caller.person_id] = ADMIN
    if roles:
        op.conn.execute(
            t.membership.insert(),
            [
                {"group_id": group_id, "person_id": person_id, "role": role, "joined_ms": op.now_ms}
                for person_id, role in roles.items()
            ],
        )
    if parent is not None:
        hierarchy.attach(op.conn, parent.id, group_id, op.now_ms)
        _tell(op, parent, "GroupAdded", group_id, draft.name, draft.group_type)
    return group_id


def attach(op: Operation, parent: GroupAccess, ids: Sequence[str]) -> None:
    """Put existing groups below a group; the caller must be admin of all of them."""
    need_parent(parent)
    if len(ids) > MAX_SUB_GROUPS:
        raise bad_request(f"subGroups holds more than {MAX_SUB_GROUPS} entries; attach them in several calls")
    hierarchy.lock(op.conn, parent.group["tenant_id"])
    present = set(hierarchy.children(op.conn, parent.id))
    for given in ids:
        child = need_admin(find_group(op, given))
        if child.id == parent.id or hierarchy.is_ancestor(op.conn, child.id, parent.id):
            raise bad_request(f"subGroups holds {child.id}, which is the group itself or above it")
        if child.id in present:
            continue
        hierarchy.attach(op.conn, parent.id, child.id, op.now_ms)
        present.add(child.id)
        _tell(op, parent, "GroupAdded", child.id, child.group["name"], child.group["group_type"])


def detach(op: Operation, parent: GroupAccess, child: GroupAccess) -> None:
    """Take a group out from below another; the group itself survives."""
    need_admin(parent)
    if not hierarchy.detach(op.conn, parent.id, child.id):
        raise not_found("The sub-group")
    _tell(op, parent, "GroupRemoved", child.id, child.group["name"], child.group["group_type"])


def _tell(op: Operation, parent: GroupAccess, event_type: str, child_id: str, name: str, kind: str) -> None:
    emit(op, parent.id, event_type, {"groupId": child_id, "groupName": name, "groupType": kind})
