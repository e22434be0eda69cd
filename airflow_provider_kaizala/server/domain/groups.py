"""Groups: listing, one group, creating."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import RowMapping

from airflow_provider_kaizala.server.domain import hierarchy, persons
from airflow_provider_kaizala.server.domain.access import (
    BELOW,
    GroupAccess,
    find_group,
    need_admin,
    public_role,
)
from airflow_provider_kaizala.server.domain.context import ADMIN, GROUP, HUB, MEMBER, TENANT, Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request, denied
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.ids import canonical, new_unit_id
from airflow_provider_kaizala.server.domain.media import read_picture
from airflow_provider_kaizala.server.store import tables as t

GROUP_TYPES = ("Group", HUB)
MAX_MEMBERS = 100

_m, _p = t.membership.c, t.person.c
_OWN_GROUPS = (
    select(t.chat_group, _m.role)
    .join(t.membership, _m.group_id == t.chat_group.c.id)
    .where(_m.person_id == bindparam("person_id"), t.chat_group.c.deleted_ms.is_(None))
)


def list_groups(op: Operation, *, with_details: bool, with_hierarchy: bool) -> dict[str, object]:
    """List the groups a token reaches: its one group, the user's groups, or the tenant's."""
    found = [
        describe(op, access, with_counts=with_details)
        for access in _reached(op, with_hierarchy=with_hierarchy)
    ]
    return {"groups": found}


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
        rows = op.conn.execute(_OWN_GROUPS.order_by(g.name, g.id), {"person_id": caller.person_id}).mappings()
        ids = [row["id"] for row in rows]
    if with_hierarchy:
        for group_id in list(ids):
            ids.extend(below for below in hierarchy.descendants(op.conn, group_id) if below not in ids)
    return [access for group_id in ids if (access := group_if_reached(op, group_id))]


def group_if_reached(op: Operation, group_id: str) -> GroupAccess | None:
    """Return a group, or None if the caller does not reach it."""
    try:
        return find_group(op, group_id)
    except ApiError:
        return None


def get_group(op: Operation, group_id: str) -> dict[str, object]:
    """Return one group, bare and wrapped in ``groups`` at once (C3)."""
    group = describe(op, find_group(op, group_id), with_counts=True)
    return {**group, "groups": [group]}


def describe(op: Operation, access: GroupAccess, *, with_counts: bool) -> dict[str, object]:
    """Return a group as replies show it."""
    group = access.group
    below = hierarchy.children(op.conn, access.id)
    above = t.group_parent.c
    parents = op.conn.execute(select(func.count()).where(above.child_id == access.id)).scalar_one()
    shown: dict[str, object] = {
        "groupId": access.id,
        "groupName": group["name"],
        "groupImageUrl": group["image_url"],
        "hasSubGroups": bool(below),
        "hasParentGroups": parents > 0,
        "callerRole": public_role(access),
        "groupType": group["group_type"],
        "isMappedToTenant": True,
        "isDuplicate": False,
        "isEditable": access.role == ADMIN,
        "isDetailsReadable": access.role != BELOW,
        "welcomeMessage": group["welcome_message"],
    }
    if with_counts:
        shown |= {"currentLevelSubGroupCount": len(below), "currentLevelParentGroupCount": parents}
        shown |= _member_counts(op, group)
    return shown


def _member_counts(op: Operation, group: RowMapping) -> dict[str, object]:
    ids = [group["id"], *hierarchy.descendants(op.conn, group["id"])]
    here = op.conn.execute(
        select(_m.group_id, _p.id, _p.is_provisioned)
        .join(t.person, _p.id == _m.person_id)
        .where(_m.group_id.in_(ids))
    ).all()
    own = [one for one in here if one.group_id == group["id"]]
    counts = {
        "userCount": len(here),
        "uniqueUserCount": len({one.id for one in here}),
        "currentLevelUserCount": len(own),
        "currentLevelUnProvisionedUserCount": sum(not one.is_provisioned for one in own),
        "unProvisionedUserCount": sum(not one.is_provisioned for one in here),
    }
    if group["group_type"] == HUB:
        s = t.subscription.c
        subscribers = op.conn.execute(
            select(_p.is_provisioned)
            .join(t.subscription, s.person_id == _p.id)
            .where(s.group_id == group["id"])
        ).scalars()
        provisioned = list(subscribers)
        counts["SubscribersCount"] = len(provisioned)
        counts["unProvisionedSubscribersCount"] = provisioned.count(False)
    return dict(counts)


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
