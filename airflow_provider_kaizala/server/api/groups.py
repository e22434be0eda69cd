"""Users and groups over REST."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.operation import query_fields, read_call, write_call
from airflow_provider_kaizala.server.domain import groups, members, sub_groups, subscribers
from airflow_provider_kaizala.server.domain.context import GROUP_INFORMATION, GROUP_MEMBER_LIST, USER_PROFILE
from airflow_provider_kaizala.server.domain.fields import Fields

router = APIRouter(prefix="/v1")


@router.get("/users/me")
async def get_me(request: Request) -> Response:
    """Return the profile of the token's user."""
    return await read_call(
        request,
        USER_PROFILE,
        lambda op: {
            "id": op.caller.person_id,
            # A bot has no number.
            **({"mobileNumber": op.caller.mobile} if op.caller.mobile else {}),
            "name": op.caller.name,
            "profilePic": op.caller.profile_pic,
        },
    )


@router.get("/groups")
async def list_groups(request: Request) -> Response:
    """List the groups the token reaches."""
    query = query_fields(request)
    with_details = query.boolean("showDetails", "showDetail")
    with_hierarchy = query.boolean("fetchAllGroups")
    return await read_call(
        request,
        GROUP_INFORMATION,
        lambda op: groups.list_groups(op, with_details=with_details, with_hierarchy=with_hierarchy),
    )


@router.post("/groups")
async def create_group(request: Request) -> Response:
    """Create a group."""
    return await write_call(request, GROUP_INFORMATION, groups.create_group)


@router.get("/groups/{group_id}")
async def get_group(request: Request, group_id: str) -> Response:
    """Return one group."""
    return await read_call(request, GROUP_INFORMATION, lambda op: groups.get_group(op, group_id))


@router.get("/groups/{group_id}/members")
async def list_members(request: Request, group_id: str) -> Response:
    """List a group's members."""
    return await read_call(request, GROUP_MEMBER_LIST, lambda op: members.list_members(op, group_id))


@router.put("/groups/{group_id}/members")
async def add_members(request: Request, group_id: str) -> Response:
    """Add members by phone number."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, fields: members.add_members(op, group_id, fields)
    )


@router.put("/groups/{group_id}/members/{member_id}")
async def update_member(request: Request, group_id: str, member_id: str) -> Response:
    """Change a member's role."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, fields: members.update_member(op, group_id, member_id, fields)
    )


@router.delete("/groups/{group_id}/members/{member_id}")
async def remove_member(request: Request, group_id: str, member_id: str) -> Response:
    """Remove a member."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, _fields: members.remove_member(op, group_id, member_id)
    )


@router.get("/groups/{group_id}/subGroups")
async def list_sub_groups(request: Request, group_id: str) -> Response:
    """Return a group with its sub-groups."""
    all_levels = query_fields(request).boolean("fetchAllGroups")
    return await read_call(
        request,
        GROUP_INFORMATION,
        lambda op: sub_groups.list_sub_groups(op, group_id, all_levels=all_levels),
    )


@router.post("/groups/{group_id}/subGroups")
async def create_sub_group(request: Request, group_id: str) -> Response:
    """Create a group under a parent."""
    return await write_call(
        request, GROUP_INFORMATION, lambda op, fields: sub_groups.create_sub_group(op, group_id, fields)
    )


@router.put("/groups/{group_id}/subGroups")
async def attach_sub_groups(request: Request, group_id: str) -> Response:
    """Attach existing groups as sub-groups."""
    return await write_call(
        request, GROUP_INFORMATION, lambda op, fields: sub_groups.attach_sub_groups(op, group_id, fields)
    )


@router.delete("/groups/{group_id}/subGroups/{sub_group_id}")
async def detach_sub_group(request: Request, group_id: str, sub_group_id: str) -> Response:
    """Detach a sub-group."""
    return await write_call(
        request,
        GROUP_INFORMATION,
        lambda op, _fields: sub_groups.detach_sub_group(op, group_id, sub_group_id),
    )


@router.post("/groups/{group_id}/subscribers")
async def list_subscribers(request: Request, group_id: str) -> Response:
    """Return a page of subscribers; a read done with POST."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, fields: subscribers.list_subscribers(op, group_id, fields)
    )


@router.get("/groups/{group_id}/subscribers")
async def list_first_subscribers(request: Request, group_id: str) -> Response:
    """Return the first page of subscribers (C21)."""
    return await read_call(
        request, GROUP_MEMBER_LIST, lambda op: subscribers.list_subscribers(op, group_id, Fields({}))
    )


@router.put("/groups/{group_id}/subscribers/add")
async def add_subscribers(request: Request, group_id: str) -> Response:
    """Subscribe phone numbers."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, fields: subscribers.add_subscribers(op, group_id, fields)
    )


@router.put("/groups/{group_id}/subscribers/remove")
async def remove_subscribers(request: Request, group_id: str) -> Response:
    """Unsubscribe phone numbers."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, fields: subscribers.remove_subscribers(op, group_id, fields)
    )
