"""Bots and the organisation over REST."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.operation import query_fields, read_call, write_call
from airflow_provider_kaizala.server.domain import bots, tenant_search
from airflow_provider_kaizala.server.domain.context import GROUP_MEMBER_LIST, TENANT_DATA

router = APIRouter(prefix="/v1")


@router.post("/bot")
async def create_bot(request: Request) -> Response:
    """Create a bot."""
    return await write_call(request, None, bots.create_bot)


@router.get("/bot")
async def list_bots(request: Request) -> Response:
    """List the connector's bots."""
    return await read_call(request, None, bots.list_bots)


@router.get("/bot/accessToken/{bot_user_id}")
async def get_bot_access_token(request: Request, bot_user_id: str) -> Response:
    """Return an access token that acts as a bot."""
    return await write_call(request, None, lambda op, _fields: bots.bot_access_token(op, bot_user_id))


@router.put("/bot/{bot_user_id}")
async def update_bot(request: Request, bot_user_id: str) -> Response:
    """Rename or re-picture a bot."""
    return await write_call(request, None, lambda op, fields: bots.update_bot(op, bot_user_id, fields))


@router.delete("/bot/{bot_user_id}")
async def delete_bot(request: Request, bot_user_id: str) -> Response:
    """Delete a bot."""
    return await write_call(request, None, lambda op, _fields: bots.delete_bot(op, bot_user_id))


@router.post("/groups/{group_id}/bot")
async def add_bot_to_group(request: Request, group_id: str) -> Response:
    """Let a bot post in a group."""
    return await write_call(
        request, GROUP_MEMBER_LIST, lambda op, fields: bots.add_bot_to_group(op, group_id, fields)
    )


@router.get("/tenant/findGroupsByQuery")
async def find_groups_by_query(request: Request) -> Response:
    """Search the organisation's groups."""
    query = query_fields(request)
    return await read_call(request, TENANT_DATA, lambda op: tenant_search.find_groups(op, query))
