"""Answering one call: who calls, then what was sent, then the operation, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.bodies import json_reply, query_fields, read_fields
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.domain.access import authenticate
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, token_missing
from airflow_provider_kaizala.server.state import ServerState, media_urls, state_of

Reply = dict[str, object]
Handler = Callable[..., Any]
DONE: Reply = {"result": "true"}
#: of somebody who has no token yet
MAX_BODY_OF_STRANGER = 64 * 1024
# A file inside of JSON is in memory three times while it is read: as the body, as text, as itself.
MAX_ATTACHMENT_BODY = 32 * MEBIBYTE


class Runs(Enum):
    """How an operation's handler is run."""

    READ = "in a transaction that reads: handle(operation, *ids, *given)"
    WRITE = "in a transaction that writes: handle(operation, *ids, *given)"
    ADMITTED = "for a caller whose token was checked, in transactions of its own: await handle(request, caller, *ids, *given)"
    OPEN = "for anybody: await handle(request, *given)"


class Takes(Enum):
    """What is read for a handler, once the caller's token was found good."""

    NOTHING = "nothing; a body is ignored"
    QUERY = "the fields of the query"
    BODY = "the fields of the body"
    ATTACHMENT = "the fields of a body that may hold a file"
    UPLOAD = "nothing; the handler reads a multipart body"


@dataclass(frozen=True)
class Endpoint:
    """One operation of the API. It replies with 200 and JSON, unless the handler returns a response of its own.

    :param name: the operationId of the contract
    :param method: where this is GET, HEAD is taken too
    :param path: as in the contract: under ``/v1``, and what begins with ``/api`` also without that
    :param permission: what the connector must be allowed to do; None if every access token will do
    :param handle: None for what the page answers, with HTML
    """

    name: str
    method: str
    path: str
    permission: str | None
    runs: Runs
    takes: Takes
    handle: Handler | None


async def answer(endpoint: Endpoint, handle: Handler, request: Request) -> Response:
    """Answer a call of an operation; what was written is durable before the reply."""
    server, ids = state_of(request), tuple(request.path_params.values())
    if endpoint.runs is Runs.OPEN:
        return _sent(await handle(request, *await _given(request, endpoint, MAX_BODY_OF_STRANGER)))
    token = access_token(request)
    if token is None:
        raise token_missing()

    def admit(conn: Connection) -> Caller:
        return _admit(server, conn, token, endpoint.permission)

    if endpoint.runs is Runs.ADMITTED:
        caller = await server.database.read(admit)
        server.known_tokens.add(token, server.clock.now_ms())
        given = await _given(request, endpoint, server.config.max_body)
        return _sent(await handle(request, caller, *ids, *given))

    if endpoint.takes is Takes.BODY:
        await let_in(server, token, lambda conn: authenticate(conn, server.clock.now_ms(), token, None))
    try:
        given = await _given(request, endpoint, server.config.max_body)
    except ApiError:
        # It counts as a call; and who may not call at all is told that first.
        await server.database.read(admit)
        raise

    def work(conn: Connection) -> Reply:
        caller = admit(conn)
        reply: Reply = handle(Operation(conn, server.clock.now_ms(), caller), *ids, *given)
        return reply

    database = server.database
    reply = await (database.read if endpoint.runs is Runs.READ else database.write)(work)
    server.known_tokens.add(token, server.clock.now_ms())
    return json_reply(reply, urls=media_urls(request))


async def _given(request: Request, endpoint: Endpoint, limit: int) -> tuple[Fields, ...]:
    match endpoint.takes:
        case Takes.QUERY:
            return (query_fields(request),)
        case Takes.BODY:
            return (await read_fields(request, min(limit, state_of(request).config.max_body)),)
        case Takes.ATTACHMENT:
            limit = state_of(request).config.max_media * 4 // 3 + MEBIBYTE
            return (await read_fields(request, min(limit, MAX_ATTACHMENT_BODY)),)
        case _:
            return ()


def _sent(reply: Reply | Response) -> Response:
    return reply if isinstance(reply, Response) else json_reply(reply)


# --- Who calls --------------------------------------------------------------------------------------------------------
def access_token(request: Request) -> str | None:
    """Return the access token of a request."""
    token = request.headers.get("accesstoken", "").strip()
    if not token and state_of(request).config.accept_bearer:
        token = bearer(request)
    return token or None


def bearer(request: Request) -> str:
    """Return the token of ``Authorization: Bearer``, empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def let_in(server: ServerState, token: str | None, check: Callable[[Connection], object]) -> None:
    """Refuse whoever has no good token, before anything of a body is read.

    :param check: raises if the token is not good
    """
    if not server.known_tokens.holds(token, server.clock.now_ms()):
        await server.database.read(check)
        server.known_tokens.add(token or "", server.clock.now_ms())


def _admit(server: ServerState, conn: Connection, token: str | None, permission: str | None) -> Caller:
    now_ms = server.clock.now_ms()
    caller = authenticate(conn, now_ms, token, permission)
    server.throttle.count_call(now_ms, f"connector:{caller.connector_id}", server.config.connector_limit)
    server.throttle.count_call(now_ms, f"tenant:{caller.tenant_id}", server.config.tenant_limit)
    return caller
