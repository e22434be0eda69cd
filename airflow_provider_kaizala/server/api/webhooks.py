"""Webhooks over REST, and the registration of Power Automate's triggers."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.bodies import json_reply
from airflow_provider_kaizala.server.api.operation import (
    Reply,
    admit,
    query_fields,
    read_call,
    read_fields,
    write_call,
)
from airflow_provider_kaizala.server.delivery.calls import CallFailed
from airflow_provider_kaizala.server.delivery.posting import validate_callback
from airflow_provider_kaizala.server.domain import webhooks
from airflow_provider_kaizala.server.domain.context import OUTGOING_WEBHOOKS, Operation
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.webhooks import Draft
from airflow_provider_kaizala.server.state import state_of

router = APIRouter(prefix="/v1/webhook")
# Power Automate names a package in the query and gives this as the object.
_NO_OBJECT = "00000000-0000-0000-0000-000000000000"


@router.post("")
async def create_webhook(request: Request) -> Response:
    """Subscribe a callback to the events of a group, an action or a package."""
    query = query_fields(request)

    def draft(op: Operation, fields: Fields) -> Draft:
        return webhooks.draft_new(op, _with_package(fields, query, "ActionResponse"))

    return await _validated(request, draft, webhooks.add)


@router.get("")
async def list_webhooks(request: Request) -> Response:
    """List the webhooks on one object."""
    query = query_fields(request)
    return await read_call(request, OUTGOING_WEBHOOKS, lambda op: webhooks.list_webhooks(op, query))


@router.put("/{webhook_id}")
async def update_webhook(request: Request, webhook_id: str) -> Response:
    """Change a webhook, or make it active again."""
    return await _validated(
        request,
        lambda op, fields: webhooks.draft_change(op, webhook_id, fields),
        lambda op, draft: webhooks.change(op, webhook_id, draft),
    )


@router.delete("/{webhook_id}")
async def delete_webhook(request: Request, webhook_id: str) -> Response:
    """Remove a webhook."""
    return await write_call(request, OUTGOING_WEBHOOKS, lambda op, _fields: webhooks.remove(op, webhook_id))


@router.post("/{object_type}/{event_type}")
async def flow_subscribe(request: Request, object_type: str, event_type: str) -> Response:
    """Subscribe as Power Automate's triggers do: everything but the callback is in the path and the query."""
    query = query_fields(request)

    def draft(op: Operation, fields: Fields) -> Draft:
        given = {
            "objectType": object_type,
            "objectId": query.optional_text("objectId", most=128),
            "eventTypes": [event_type],
            "callBackUrl": fields.raw("callBackUrl"),
        }
        if given["objectId"] is None:
            raise bad_request("objectId is required")
        return webhooks.draft_new(op, _with_package(Fields(given), query, event_type))

    return await _validated(request, draft, webhooks.add)


def _with_package(fields: Fields, query: Fields, event_type: str) -> Fields:
    """Let ``actionPackageId`` and ``groupId`` of the query name the object."""
    package_id = query.optional_text("actionPackageId", most=128)
    if not package_id or package_id == _NO_OBJECT:
        return fields
    object_id = fields.optional_text("objectId") or query.optional_text("objectId") or _NO_OBJECT
    kind = (fields.optional_text("objectType") or "").lower()
    if kind == "action" and object_id != _NO_OBJECT:
        return fields
    group_id = query.optional_text("groupId", most=128)
    if kind == "group" and object_id != _NO_OBJECT:
        group_id = object_id
    return fields.over(
        objectType="ActionPackage",
        objectId=package_id,
        groupId=None if group_id == _NO_OBJECT else group_id,
        eventTypes=fields.raw("eventTypes", "events") or [event_type],
    )


async def _validated(
    request: Request,
    make_draft: Callable[[Operation, Fields], Draft],
    store: Callable[[Operation, Draft], Reply],
) -> Response:
    """Check a webhook, let its callback echo a token, and store it; no transaction is open meanwhile."""
    server = state_of(request)
    caller = await admit(request, OUTGOING_WEBHOOKS)
    fields = await read_fields(request)
    if isinstance(fields, ApiError):
        raise fields

    def operation(conn: Connection) -> Operation:
        return Operation(conn, server.clock.now_ms(), caller)

    draft = await server.database.read(lambda conn: make_draft(operation(conn), fields))
    if draft.validate is not None:
        try:
            await validate_callback(server, draft.validate)
        except CallFailed as error:
            raise bad_request(f"callBackUrl did not pass the validation: {error}") from None
    return json_reply(await server.database.write(lambda conn: store(operation(conn), draft)))
