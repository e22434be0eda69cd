"""Groups: listing, one group, creating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, select, union_all

from airflow_provider_kaizala.server.domain import hierarchy, persons
from airflow_provider_kaizala.server.domain.access import (
    BELOW,
    GroupAccess,
    find_group,
    need_admin,
    public_role,
    reached_groups,
)
from airflow_provider_kaizala.server.domain.context import ADMIN, GROUP, HUB, MEMBER, TENANT, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.ids import canonical, new_unit_id
from airflow_provider_kaizala.server.domain.media import read_picture
from airflow_provider_kaizala.server.store import tables as t

GROUP_TYPES = ("Group", HUB)
MAX_MEMBERS = 100

_m, _p = t.membership.c, t.person.c
_OWN_GROUPS = (
    select(t.chat_group.c.id)
    .join(t.membership, _m.group_id == t.chat_group.c.id)
    .where(_m.person_id == bindparam("person_id"), t.chat_group.c.deleted_ms.is_(None))
    .order_by(t.chat_group.c.name, t.chat_group.c.id)
)
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_above = t.group_parent.c
_PARENTS = select(_above.child_id, func.count()).where(_above.child_id.in_(_IDS)).group_by(_above.child_id)
_CHILDREN = (
    select(_above.parent_id, func.count()).where(_above.parent_id.in_(_IDS)).group_by(_above.parent_id)
)
_UNPROVISIONED = func.count().filter(_p.is_provisioned.is_(False))
_MEMBERS = (
    select(_m.group_id, func.count(), _UNPROVISIONED)
    .join(t.person, _p.id == _m.person_id)
    .where(_m.group_id.in_(_IDS))
    .group_by(_m.group_id)
)
# A group's own members and those of all groups below it; who is in several of them counts once among the unique ones.
_HERE = hierarchy.BELOW.c
_WITH_BELOW = (
    union_all(
        select(t.chat_group.c.id.label("root"), t.chat_group.c.id).where(t.chat_group.c.id.in_(_IDS)),
        select(_HERE.root, _HERE.id),
    )
).subquery()
_ALL_MEMBERS = (
    select(_WITH_BELOW.c.root, func.count(), func.count(_p.id.distinct()), _UNPROVISIONED)
    .join(t.membership, _m.group_id == _WITH_BELOW.c.id)
    .join(t.person, _p.id == _m.person_id)
    .group_by(_WITH_BELOW.c.root)
)
_s = t.subscription.c
_SUBSCRIBERS = (
    select(_s.group_id, func.count(), _UNPROVISIONED)
    .join(t.person, _p.id == _s.person_id)
    .where(_s.group_id.in_(_IDS))
    .group_by(_s.group_id)
)


def list_groups(op: Operation, *, with_details: bool, with_hierarchy: bool) -> dict[str, object]:
    """List the groups a token reaches: its one group, the user's groups, or the tenant's."""
    return {"groups": describe(op, _reached(op, with_hierarchy=with_hierarchy), with_counts=with_details)}


def _reached(op: Operation, *, with_hierarchy: bool) -> list[GroupAccess]:
    caller = op.caller
    g = t.chat_group.c
    if caller.kind == GROUP:
        ids = [caller.scope_group_id or ""]
    elif caller.kind == TENANT:
        ids = list(
            op.conn.execute(
                select(g.id)
                .where(g.tenant_id == caller.tenant_id, g.deleted_ms.is_(None))
                .order_by(g.name, g.id)
            ).scalars()
        )
    else:
        ids = list(op.conn.execute(_OWN_GROUPS, {"person_id": caller.person_id}).scalars())
    if with_hierarchy:
        below = hierarchy.descendants_of(op.conn, ids)
        ids += [one for group_id in ids for one in below.get(group_id, ())]
    return [*reached_groups(op, ids).values()]


def get_group(op: Operation, group_id: str) -> dict[str, object]:
    """Return one group, bare and wrapped in ``groups`` at once (C3)."""
    [group] = describe(op, [find_group(op, group_id)], with_counts=True)
    return {**group, "groups": [group]}


def describe(op: Operation, groups: Sequence[GroupAccess], *, with_counts: bool) -> list[dict[str, object]]:
    """Return groups as replies show them."""
    ids = [one.id for one in groups]
    children, parents = _count(op, _CHILDREN, ids), _count(op, _PARENTS, ids)
    counts = _member_counts(op, groups) if with_counts else {}
    shown = []
    for access in groups:
        group = access.group
        [below], [above] = children.get(access.id, (0,)), parents.get(access.id, (0,))
        one: dict[str, object] = {
            "groupId": access.id,
            "groupName": group["name"],
            "groupImageUrl": group["image_url"],
            "hasSubGroups": below > 0,
            "hasParentGroups": above > 0,
            "callerRole": public_role(access),
            "groupType": group["group_type"],
            "isMappedToTenant": True,
            "isDuplicate": False,
            "isEditable": access.role == ADMIN,
            "isDetailsReadable": access.role != BELOW,
            "welcomeMessage": group["welcome_message"],
        }
        if with_counts:
            one |= {"currentLevelSubGroupCount": below, "currentLevelParentGroupCount": above}
            one |= counts[access.id]
        shown.append(one)
    return shown


def _count(op: Operation, query: Select[Any], ids: Sequence[str]) -> dict[str, Sequence[int]]:
    return {row[0]: row[1:] for row in op.conn.execute(query, {"ids": ids})}


def _member_counts(op: Operation, groups: Sequence[GroupAccess]) -> dict[str, dict[str, int]]:
    ids = [one.id for one in groups]
    everybody, own = _count(op, _ALL_MEMBERS, ids), _count(op, _MEMBERS, ids)
    hubs = [one.id for one in groups if one.is_hub]
    subscribers = _count(op, _SUBSCRIBERS, hubs) if hubs else {}
    counts = {}
    for group_id in ids:
        members, unique, unprovisioned = everybody.get(group_id, (0, 0, 0))
        here, unprovisioned_here = own.get(group_id, (0, 0))
        counts[group_id] = {
            "userCount": members,
            "uniqueUserCount": unique,
            "currentLevelUserCount": here,
            "currentLevelUnProvisionedUserCount": unprovisioned_here,
            "unProvisionedUserCount": unprovisioned,
        }
        if group_id in hubs:
            number, unprovisioned = subscribers.get(group_id, (0, 0))
            counts[group_id] |= {
                "SubscribersCount": number,
                "unProvisionedSubscribersCount": unprovisioned,
            }
    return counts


def create_group(op: Operation, fields: Fields) -> dict[str, object]:
    """Create a group with the caller as its admin; with a group token, as a sub-group of the token's group."""
    if not fields.has("welcomeMessage"):
        raise bad_request("welcomeMessage is required")
    if op.caller.kind == GROUP:
        return create_below(op, need_admin(find_group(op, op.caller.scope_group_id or "")), fields)
    return _create(op, fields, None, with_caller=True)


def create_below(op: Operation, parent: GroupAccess, fields: Fields) -> dict[str, object]:
    """Create a group under a parent."""
    if parent.is_hub:
        raise bad_request("A hub group (ConnectGroup) has no sub-groups")
    return _create(op, fields, parent, with_caller=fields.boolean("addUserToGroup", default=True))


def _create(
    op: Operation, fields: Fields, parent: GroupAccess | None, *, with_caller: bool
) -> dict[str, object]:
    name = fields.text("name", "groupName", most=200)
    group_type = fields.choice(GROUP_TYPES, "groupType") or "Group"
    if group_type == HUB and op.caller.kind != TENANT:
        raise denied("Creating a ConnectGroup needs a tenant-level user token")
    phones = fields.phones("members")
    admins = fields.phones("admins")
    user_ids = [canonical(one) for one in fields.texts("memberUserIds")]
    if len(phones) + len(user_ids) + len(admins) > MAX_MEMBERS:
        raise bad_request(
            f"members, memberUserIds and admins hold more than {MAX_MEMBERS} entries together; "
            "create the group with some, and add the others"
        )
    known = persons.by_ids(op.conn, user_ids)
    if missing := [one for one in user_ids if one not in known]:
        raise bad_request(f"memberUserIds holds {missing[0][:80]!r}, which is nobody's id")
    group_id = new_unit_id()
    op.conn.execute(
        t.chat_group.insert(),
        {
            "id": group_id,
            "tenant_id": op.caller.tenant_id,
            "name": name,
            "group_type": group_type,
            "welcome_message": _welcome(fields),
            "short_description": fields.optional_text("ShortDescriptionString") or "",
            "long_description": fields.optional_text("LongDescriptionString") or "",
            "image_url": read_picture(op, fields.optional_text("groupImageUrl", "groupPhoto")),
            "background_url": read_picture(op, fields.optional_text("backgroundPhoto")),
            "creator_id": op.caller.person_id,
            "created_ms": op.now_ms,
        },
    )
    roles = dict.fromkeys((who.id for who in persons.named(op, phones).values()), MEMBER)
    roles |= dict.fromkeys(known, MEMBER)
    roles |= dict.fromkeys((who.id for who in persons.named(op, admins).values()), ADMIN)
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
        emit(op, parent.id, "GroupAdded", {"groupId": group_id, "groupName": name, "groupType": group_type})
    return {
        "groupId": group_id,
        "groupName": name,
        "membersAdded": True,
        "isAddedAsSubGroup": parent is not None,
    }


def _welcome(fields: Fields) -> str:
    """Read the welcome message: a string in every sample, an array in one table of the documentation."""
    if isinstance(fields.raw("welcomeMessage"), list):
        return "\n".join(fields.texts("welcomeMessage"))
    return fields.optional_text("welcomeMessage") or ""
