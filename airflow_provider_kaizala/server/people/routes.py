"""The JSON API for people, under ``/people/``; ``Authorization: Bearer`` holds the session's token."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server import pin_sign_in
from airflow_provider_kaizala.server.api.bodies import json_reply, query_fields, read_fields
from airflow_provider_kaizala.server.api.calls import MAX_BODY_OF_STRANGER, Reply, bearer, let_in
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain import sessions
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import not_found
from airflow_provider_kaizala.server.people import feed, operations
from airflow_provider_kaizala.server.state import media_urls, state_of

router = APIRouter(prefix="/people")
# A key of the ASGI scope, which no client can set: the phone number of the person the control plane lets act without a PIN.
ACTS_AS = "kaizala.acts_as"


def _caller(request: Request, conn: Connection, now_ms: int) -> Caller:
    phone: str | None = request.scope.get(ACTS_AS)
    if phone is None:
        return sessions.find_session(conn, now_ms, bearer(request))
    caller = sessions.caller_of_phone(conn, phone)
    if caller is None:
        raise not_found("The person")
    return caller


async def _read(request: Request, operate: Callable[[Operation], Reply]) -> Response:
    server = state_of(request)

    def work(conn: Connection) -> Reply:
        now_ms = server.clock.now_ms()
        return operate(Operation(conn, now_ms, _caller(request, conn, now_ms)))

    reply = await server.database.read(work)
    server.known_tokens.add(bearer(request), server.clock.now_ms())
    return json_reply(reply, urls=media_urls(request))


async def _write(request: Request, operate: Callable[[Operation, Fields], Reply]) -> Response:
    server = state_of(request)
    if ACTS_AS not in request.scope:
        await let_in(server, bearer(request), lambda conn: _caller(request, conn, server.clock.now_ms()))
    fields = await read_fields(request, server.config.max_body)

    def work(conn: Connection) -> Reply:
        now_ms = server.clock.now_ms()
        return operate(Operation(conn, now_ms, _caller(request, conn, now_ms)), fields)

    return json_reply(await server.database.write(work), urls=media_urls(request))


@router.post("/session")
async def sign_in(request: Request) -> Response:
    """Trade phone number and PIN for a session's token; the token of an earlier one may be sent along."""
    server = state_of(request)
    fields = await read_fields(request, MAX_BODY_OF_STRANGER)
    mobile, pin = fields.text("mobileNumber", most=100), fields.text("pin", most=100)
    device = bearer(request) or None
    token = await pin_sign_in.sign_in(
        server, request, mobile, pin, sessions.open_session, via="people", device=device
    )
    return json_reply({"token": token})


@router.delete("/session")
async def sign_out(request: Request) -> Response:
    """End the session."""

    def work(op: Operation, _fields: Fields) -> Reply:
        sessions.end_session(op.conn, op.now_ms, bearer(request), pin_sign_in.client_of(request))
        return {}

    return await _write(request, work)


@router.get("/groups")
async def list_groups(request: Request) -> Response:
    """List the caller's groups."""
    return await _read(request, operations.list_groups)


@router.get("/groups/{group_id}/feed")
async def read_feed(request: Request, group_id: str) -> Response:
    """Return what came in a group after a cursor."""
    query = query_fields(request)
    return await _read(request, lambda op: operations.read_feed(op, group_id, query))


@router.post("/groups/{group_id}/messages")
async def write_text(request: Request, group_id: str) -> Response:
    """Write a text."""
    return await _write(request, lambda op, fields: operations.write_text(op, group_id, fields))


@router.get("/actions/{action_id}")
async def read_action(request: Request, action_id: str) -> Response:
    """Return the feed item of one action as it is now."""
    return await _read(request, lambda op: feed.read_item(op, action_id))


@router.post("/actions/{action_id}/votes")
async def vote(request: Request, action_id: str) -> Response:
    """Vote in a poll or answer a meeting."""
    return await _write(request, lambda op, fields: operations.vote(op, action_id, fields))


@router.post("/actions/{action_id}/responses")
async def answer(request: Request, action_id: str) -> Response:
    """Answer a survey or package."""
    return await _write(request, lambda op, fields: operations.answer(op, action_id, fields))


@router.post("/actions/{action_id}/completion")
async def complete(request: Request, action_id: str) -> Response:
    """Complete a job."""
    return await _write(request, lambda op, fields: operations.complete(op, action_id, fields))


@router.post("/references/{reference_id}/likes")
async def like(request: Request, reference_id: str) -> Response:
    """Like something posted."""
    return await _write(request, lambda op, fields: operations.like(op, reference_id, fields))


@router.post("/references/{reference_id}/comments")
async def comment(request: Request, reference_id: str) -> Response:
    """Comment on something posted."""
    return await _write(request, lambda op, fields: operations.comment(op, reference_id, fields))
