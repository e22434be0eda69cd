"""Messages, actions and responses over REST."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.kaizala import action_posting, action_reading, messages, responses
from airflow_provider_kaizala.server.kaizala.context import ACTION_AND_RESPONSES, TEXT_MESSAGE
from airflow_provider_kaizala.server.routes.operation import query_fields, read_call, write_call

router = APIRouter(prefix="/v1/groups/{group_id}")


@router.post("/messages")
async def send_message(request: Request, group_id: str) -> Response:
    """Post a text."""
    return await write_call(
        request, TEXT_MESSAGE, lambda op, fields: messages.send_message(op, group_id, fields)
    )


@router.post("/actions")
async def post_action(request: Request, group_id: str) -> Response:
    """Post an action."""
    return await write_call(
        request, ACTION_AND_RESPONSES, lambda op, fields: action_posting.post_action(op, group_id, fields)
    )


@router.get("/actions")
async def list_actions(request: Request, group_id: str) -> Response:
    """List actions of one type."""
    query = query_fields(request)
    return await read_call(
        request, ACTION_AND_RESPONSES, lambda op: action_reading.list_actions(op, group_id, query)
    )


@router.get("/actions/{action_id}")
async def get_action(request: Request, group_id: str, action_id: str) -> Response:
    """Return one action."""
    with_details = query_fields(request).boolean("getDetails")
    return await read_call(
        request,
        ACTION_AND_RESPONSES,
        lambda op: action_reading.get_action(op, group_id, action_id, with_details=with_details),
    )


@router.post("/actions/{action_id}/responses")
async def post_response(request: Request, group_id: str, action_id: str) -> Response:
    """Answer a survey or package, or complete a job."""
    return await write_call(
        request,
        ACTION_AND_RESPONSES,
        lambda op, fields: responses.post_response(op, group_id, action_id, fields),
    )
