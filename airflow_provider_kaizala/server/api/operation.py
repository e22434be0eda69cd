"""One Kaizala call: token, permission and limits first, then the operation, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.bodies import json_reply, read_bounded
from airflow_provider_kaizala.server.api.lenient_json import check_text, parse_object
from airflow_provider_kaizala.server.domain.access import authenticate
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.throttle import count_call
from airflow_provider_kaizala.server.state import ServerState, media_urls, state_of

Reply = dict[str, object]


def access_token(request: Request) -> str | None:
    """Return the access token of a request."""
    token = request.headers.get("accesstoken", "").strip()
    if not token and state_of(request).config.accept_bearer:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = bearer.strip()
    return token or None


async def read_call(
    request: Request, permission: str | None, operate: Callable[[Operation], Reply]
) -> Response:
    """Answer a call that changes nothing."""
    server = state_of(request)
    token = access_token(request)

    def work(conn: Connection) -> Reply:
        now_ms = server.clock.now_ms()
        caller = authenticate(conn, now_ms, token, permission)
        return operate(Operation(conn, now_ms, caller))

    if _limited(server):
        await server.database.write(lambda conn: _admit(server, conn, token, permission))
    return json_reply(await server.database.read(work), urls=media_urls(request))


async def write_call(
    request: Request, permission: str | None, operate: Callable[[Operation, Fields], Reply]
) -> Response:
    """Answer a call that changes something, with the fields of its body; it is durable before the reply."""
    server = state_of(request)
    token = access_token(request)
    fields = await read_fields(request)

    def work(conn: Connection) -> Reply | ApiError:
        caller = _admit(server, conn, token, permission)
        if isinstance(fields, ApiError):
            return fields
        if not _limited(server):
            return operate(Operation(conn, server.clock.now_ms(), caller), fields)
        # The call counts against the limits even when it is refused.
        savepoint = conn.begin_nested()
        try:
            reply = operate(Operation(conn, server.clock.now_ms(), caller), fields)
        except ApiError as error:
            savepoint.rollback()
            return error
        savepoint.commit()
        return reply

    reply = await server.database.write(work)
    if isinstance(reply, ApiError):
        raise reply
    return json_reply(reply, urls=media_urls(request))


async def read_fields(request: Request) -> Fields | ApiError:
    """Parse a body; a fault is returned, so that a missing token is told first. GET and DELETE have none."""
    config = state_of(request).config
    if request.method in ("GET", "DELETE"):
        return Fields({})
    try:
        raw = await read_bounded(request, config.max_body)
        return Fields(parse_object(raw, config.max_lenient_body))
    except ApiError as error:
        return error


async def admit(request: Request, permission: str | None) -> Caller:
    """Check token, permission and limits of a call whose body is read afterwards, such as an upload."""
    server = state_of(request)
    token = access_token(request)
    return await server.database.write(lambda conn: _admit(server, conn, token, permission))


def _limited(server: ServerState) -> bool:
    return server.config.connector_limit > 0 or server.config.tenant_limit > 0


def _admit(server: ServerState, conn: Connection, token: str | None, permission: str | None) -> Caller:
    now_ms = server.clock.now_ms()
    caller = authenticate(conn, now_ms, token, permission)
    count_call(conn, now_ms, f"connector:{caller.connector_id}", server.config.connector_limit)
    count_call(conn, now_ms, f"tenant:{caller.tenant_id}", server.config.tenant_limit)
    return caller


def query_fields(request: Request) -> Fields:
    """Return the query's parameters, names in any casing."""
    values: dict[str, object] = {}
    for name, value in request.query_params.multi_items():
        check_text(value)
        values[name] = value
    return Fields(values)
