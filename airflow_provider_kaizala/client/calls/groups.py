"""Calls about groups and sub-groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.call import Call, done, listed, make
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.groups import CreatedGroup, Group, GroupTree
from airflow_provider_kaizala.client.models.sent import GROUP_TYPES, MEMBERS_PER_CALL
from airflow_provider_kaizala.client.models.wire import Wire
from airflow_provider_kaizala.client.paging import Page, Paged

if TYPE_CHECKING:
    from collections.abc import Sequence

FOUND_PER_PAGE = 50


def list_groups(group_id: str | None = None, *, all_groups: bool = False) -> Call[tuple[Group, ...]]:
    """List the groups that the token is valid for.

    :param group_id: use the grant of this group
    :param all_groups: include groups that are reached only through another group
    """
    query = {"showDetails": True, "fetchAllGroups": all_groups or None}
    return make("listGroups", listed("groups", Group.read), group_id, query=query)


def get_group(group_id: str) -> Call[Group]:
    """Read one group."""
    return make("getGroup", Group.read, group_id)


def create_group(
    name: str,
    welcome_message: str,
    members: Sequence[str] = (),
    group_type: str = "Group",
    parent: str | None = None,
) -> Call[CreatedGroup]:
    """Create a group. With the grant of group *parent*, Kaizala makes it a sub-group of that group.

    :param members: phone numbers, at most 100
    :param group_type: ``Group``, or ``ConnectGroup`` for hub and spoke
    """
    body = _new_group(name, welcome_message, members, group_type)
    return make("createGroup", CreatedGroup.read, parent, body=body)


def _new_group(name: str, welcome_message: str, members: Sequence[str], group_type: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": checks.title("name", name),
        "welcomeMessage": checks.title("welcome_message", welcome_message),
        "groupType": checks.one_of(*GROUP_TYPES)("group_type", group_type),
    }
    if members:
        numbers = body["members"] = list(checks.phones("members", members))
        if len(numbers) > MEMBERS_PER_CALL:
            raise KaizalaInputError(
                f"members: {len(numbers)} given, but Kaizala accepts at most {MEMBERS_PER_CALL} with a new group; add the others later"
            )
    return body


def list_sub_groups(group_id: str, *, all_levels: bool = False) -> Call[GroupTree]:
    """Read a group with its sub-groups; with *all_levels*, also with those below them."""
    return make("listSubGroups", GroupTree.read, group_id, query={"fetchAllGroups": all_levels or None})


def create_sub_group(
    group_id: str,
    name: str,
    welcome_message: str,
    members: Sequence[str] = (),
    group_type: str = "Group",
    *,
    join: bool = True,
) -> Call[CreatedGroup]:
    """Create a sub-group of *group_id*; the other parameters are those of :func:`create_group`.

    :param join: whether the token's user becomes a member
    """
    body = _new_group(name, welcome_message, members, group_type)
    body["groupName"] = body["name"]
    if not join:
        body["addUserToGroup"] = False
    return make("createSubGroup", CreatedGroup.read, group_id, body=body)


def add_sub_groups(group_id: str, sub_groups: Sequence[str]) -> Call[bool]:
    """Attach existing groups below *group_id*. The token must be valid for them too, which only a user's token is."""
    ids = checks.several("sub_groups", sub_groups, "group ids", checks.group_id, "at least one group id")
    return make("addSubGroups", done, group_id, body={"subGroups": list(ids)}, prefers_user=True)


def remove_sub_group(group_id: str, sub_group_id: str) -> Call[bool]:
    """Detach a sub-group from *group_id*; both groups continue to exist."""
    return make("removeSubGroup", done, group_id, at={"subGroupId": sub_group_id})


def find_tenant_groups(query: str) -> Paged[Group]:
    """Find organisation groups whose name contains *query*. Requires a tenant admin's token.

    Neither the largest page size nor a mark of the last page is documented, so reading ends with an empty page.
    """
    text = checks.title("query", query)

    def page(offset: int | None) -> Call[Page[Group]]:
        start = offset or 0

        def read(body: Any) -> Page[Group]:
            found = Wire(body).items("groups", Group.read)
            return Page(found, start + len(found) if found else None)

        asked = {"query": text, "resultsOffset": start, "pageSize": FOUND_PER_PAGE}
        return make("findTenantGroups", read, query=asked)

    return Paged(page, key=lambda group: group.group_id, ends_on_repeat=True)
