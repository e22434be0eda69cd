"""Groups below a group: listing, creating, attaching, detaching."""

from __future__ import annotations

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import hierarchy
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_admin
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, not_found
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.groups import create_below, describe, group_if_reached
from airflow_provider_kaizala.server.domain.members import DONE
from airflow_provider_kaizala.server.store.tables import chat_group

MAX_SUB_GROUPS = 100


def list_sub_groups(op: Operation, group_id: str, *, all_levels: bool) -> dict[str, object]:
    """Return a group with its sub-groups, bare and wrapped in ``groups`` at once (C4)."""
    access = find_group(op, group_id)
    find = hierarchy.descendants if all_levels else hierarchy.children
    g = chat_group.c
    ids = op.conn.execute(
        select(g.id).where(g.id.in_(find(op.conn, access.id))).order_by(g.name, g.id)
    ).scalars()
    below = [
        describe(op, one, with_counts=True) for one in (group_if_reached(op, i) for i in ids.all()) if one
    ]
    parent = {**describe(op, access, with_counts=True), "subGroups": below}
    return {**parent, "groups": [parent]}


def create_sub_group(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Create a group under a parent; ``addUserToGroup: false`` keeps the caller out of it."""
    return create_below(op, need_admin(find_group(op, group_id)), fields)


def attach_sub_groups(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Put existing groups below a group; the caller must be admin of all of them."""
    parent = need_admin(find_group(op, group_id))
    if parent.is_hub:
        raise bad_request("A hub group (ConnectGroup) has no sub-groups")
    ids = fields.texts("subGroups")
    if not ids:
        raise bad_request("subGroups must hold at least one group id")
    if len(ids) > MAX_SUB_GROUPS:
        raise bad_request(f"subGroups holds more than {MAX_SUB_GROUPS} entries; attach them in several calls")
    present = set(hierarchy.children(op.conn, parent.id))
    for given in ids:
        child = need_admin(find_group(op, given))
        if child.id == parent.id or hierarchy.is_ancestor(op.conn, child.id, parent.id):
            raise bad_request(f"subGroups holds {child.id}, which is the group itself or above it")
        if child.id in present:
            continue
        hierarchy.attach(op.conn, parent.id, child.id, op.now_ms)
        present.add(child.id)
        emit(op, parent.id, "GroupAdded", _data(child))
    return DONE


def detach_sub_group(op: Operation, group_id: str, sub_group_id: str) -> dict[str, object]:
    """Take a group out from below another; the group itself survives."""
    parent = need_admin(find_group(op, group_id))
    child = find_group(op, sub_group_id)
    if not hierarchy.detach(op.conn, parent.id, child.id):
        raise not_found("The sub-group")
    emit(op, parent.id, "GroupRemoved", _data(child))
    return DONE


def _data(child: GroupAccess) -> dict[str, object]:
    return {"groupId": child.id, "groupName": child.group["name"], "groupType": child.group["group_type"]}
