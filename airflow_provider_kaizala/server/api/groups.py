"""Groups over REST: listing, searching, creating, and the groups below a group."""

from __future__ import annotations

from airflow_provider_kaizala.server.api.calls import DONE, Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import groups
from airflow_provider_kaizala.server.domain.access import BELOW, GroupAccess, find_group, need_admin
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.groups import GROUP_TYPES, GroupDraft, GroupInfo
from airflow_provider_kaizala.server.domain.ids import canonical

DEFAULT_PAGE = 10
MAX_PAGE = 100


def list_groups(op: Operation, query: Fields) -> Reply:
    """``GET /groups``."""
    found = groups.list_groups(
        op,
        with_details=query.boolean("showDetails", "showDetail"),
        with_hierarchy=query.boolean("fetchAllGroups"),
    )
    return {"groups": [_shown(one) for one in found]}


def get_group(op: Operation, group_id: str) -> Reply:
    """``GET /groups/{groupId}``: the group bare and wrapped in ``groups`` at once (C3)."""
    [found] = groups.describe(op, [find_group(op, group_id)])
    group = _shown(found)
    return {**group, "groups": [group]}


def find_groups(op: Operation, query: Fields) -> Reply:
    """``GET /tenant/findGroupsByQuery``."""
    groups.need_organisation(op)
    if not query.has("query"):
        raise bad_request("query is required")
    text = query.optional_text("query", most=200) or ""
    offset = query.integer("resultsOffset", least=0) or 0
    size = query.integer("pageSize", least=1)
    found = groups.search(op, text, offset, DEFAULT_PAGE if size is None else min(size, MAX_PAGE))
    return {"groups": [_shown(one) for one in found]}


def create_group(op: Operation, fields: Fields) -> Reply:
    """``POST /groups``: with a group token, a sub-group of the token's group."""
    if not fields.has("welcomeMessage"):
        raise bad_request("welcomeMessage is required")
    return _create(op, fields, groups.parent_of_new(op))


def create_sub_group(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``POST /groups/{groupId}/subGroups``."""
    return _create(op, fields, groups.need_parent(find_group(op, group_id)))


def _create(op: Operation, fields: Fields, parent: GroupAccess | None) -> Reply:
    # addUserToGroup: false keeps the caller out of a sub-group.
    with_caller = parent is None or fields.boolean("addUserToGroup", default=True)
    draft = GroupDraft(
        name=fields.text("name", "groupName", most=200),
        group_type=groups.need_type(op, fields.choice(GROUP_TYPES, "groupType") or "Group"),
        members=fields.phones("members"),
        admins=fields.phones("admins"),
        member_ids=[canonical(one) for one in fields.texts("memberUserIds")],
        welcome_message=_welcome(fields),
        short_description=fields.optional_text("ShortDescriptionString") or "",
        long_description=fields.optional_text("LongDescriptionString") or "",
        image=fields.optional_text("groupImageUrl", "groupPhoto"),
        background=fields.optional_text("backgroundPhoto"),
    )
    return {
        "groupId": groups.create(op, draft, parent, with_caller=with_caller),
        "groupName": draft.name,
        "membersAdded": True,
        "isAddedAsSubGroup": parent is not None,
    }


def _welcome(fields: Fields) -> str:
    """Read the welcome message: a string in every sample, an array in one table of the documentation."""
    if isinstance(fields.raw("welcomeMessage"), list):
        return "\n".join(fields.texts("welcomeMessage"))
    return fields.optional_text("welcomeMessage") or ""


def list_sub_groups(op: Operation, group_id: str, query: Fields) -> Reply:
    """``GET /groups/{groupId}/subGroups``: the group with its sub-groups, bare and wrapped in ``groups`` at once (C4)."""
    all_levels = query.boolean("fetchAllGroups")
    access = find_group(op, group_id)
    own, *below = groups.describe(op, [access, *groups.find_below(op, access, all_levels=all_levels)])
    parent = {**_shown(own), "subGroups": [_shown(one) for one in below]}
    return {**parent, "groups": [parent]}


def attach_sub_groups(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``PUT /groups/{groupId}/subGroups``."""
    parent = groups.need_parent(find_group(op, group_id))
    ids = fields.texts("subGroups")
    if not ids:
        raise bad_request("subGroups must hold at least one group id")
    groups.attach(op, parent, ids)
    return DONE


def detach_sub_group(op: Operation, group_id: str, sub_group_id: str) -> Reply:
    """``DELETE /groups/{groupId}/subGroups/{subGroupId}``."""
    parent = need_admin(find_group(op, group_id))
    groups.detach(op, parent, find_group(op, sub_group_id))
    return DONE


def _shown(info: GroupInfo) -> Reply:
    access, group, counts = info.access, info.access.group, info.counts
    shown: Reply = {
        "groupId": access.id,
        "groupName": group["name"],
        "groupImageUrl": group["image_url"],
        "hasSubGroups": info.below > 0,
        "hasParentGroups": info.above > 0,
        "callerRole": ADMIN if access.role == ADMIN else MEMBER,
        "groupType": group["group_type"],
        "isMappedToTenant": True,
        "isDuplicate": False,
        "isEditable": access.role == ADMIN,
        "isDetailsReadable": access.role != BELOW,
        "welcomeMessage": group["welcome_message"],
    }
    if counts is None:
        return shown
    shown |= {
        "currentLevelSubGroupCount": info.below,
        "currentLevelParentGroupCount": info.above,
        "userCount": counts.users,
        "uniqueUserCount": counts.unique_users,
        "currentLevelUserCount": counts.users_here,
        "currentLevelUnProvisionedUserCount": counts.unprovisioned_here,
        "unProvisionedUserCount": counts.unprovisioned,
    }
    if counts.subscribers is not None:
        shown["SubscribersCount"] = counts.subscribers
        shown["unProvisionedSubscribersCount"] = counts.unprovisioned_subscribers
    return shown
