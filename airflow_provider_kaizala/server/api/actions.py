"""Messages, actions, responses and reactions over REST."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.operation import query_fields, read_call, write_call
from airflow_provider_kaizala.server.domain import (
    action_posting,
    action_reading,
    action_updates,
    messages,
    reactions,
    responses,
)
from airflow_provider_kaizala.server.domain.context import ACTION_AND_RESPONSES, REACTIONS, TEXT_MESSAGE

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


@router.put("/actions/{action_id}")
async def update_action(request: Request, group_id: str, action_id: str) -> Response:
    """Update properties of a sent card."""
    return await write_call(
        request,
        ACTION_AND_RESPONSES,
        lambda op, fields: action_updates.update_action(op, group_id, action_id, fields),
    )


@router.put("/actions/{action_id}/properties")
async def update_action_properties(request: Request, group_id: str, action_id: str) -> Response:
    """Update properties of a sent card, earlier form."""
    return await write_call(
        request,
        ACTION_AND_RESPONSES,
        lambda op, fields: action_updates.update_properties(op, group_id, action_id, fields),
    )


@router.post("/actions/{action_id}/reminder")
async def send_reminder(request: Request, group_id: str, action_id: str) -> Response:
    """Send an action again as a reminder."""
    return await write_call(
        request,
        ACTION_AND_RESPONSES,
        lambda op, fields: action_updates.send_reminder(op, group_id, action_id, fields),
    )


@router.post("/reaction")
async def post_reaction(request: Request, group_id: str) -> Response:
    """Like or comment on something posted."""
    return await write_call(
        request, REACTIONS, lambda op, fields: reactions.post_reaction(op, group_id, fields)
    )


@router.get("/reaction/summary")
async def get_group_reaction_summary(request: Request, group_id: str) -> Response:
    """Count reactions in a group since a cursor."""
    query = query_fields(request)
    return await read_call(request, REACTIONS, lambda op: reactions.group_summary(op, group_id, query))


@router.get("/reaction/{reference_id}/summary")
async def get_reaction_summary(request: Request, group_id: str, reference_id: str) -> Response:
    """Count reactions on one post."""
    query = query_fields(request)
    return await read_call(
        request, REACTIONS, lambda op: reactions.reference_summary(op, group_id, reference_id, query)
    )


@router.get("/reaction/{reference_id}")
async def get_reactions(request: Request, group_id: str, reference_id: str) -> Response:
    """List reactions of one type on one post."""
    query = query_fields(request)
    return await read_call(
        request, REACTIONS, lambda op: reactions.list_reactions(op, group_id, reference_id, query)
    )
