"""Webhooks over REST, and the registration of Power Automate's triggers."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.api.bodies import query_fields
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.delivery.calls import CallFailed
from airflow_provider_kaizala.server.delivery.posting import validate_callback
from airflow_provider_kaizala.server.domain import webhooks
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.webhooks import Draft
from airflow_provider_kaizala.server.state import state_of

# Power Automate names a package in the query and gives this as the object.
_NO_OBJECT = "00000000-0000-0000-0000-000000000000"


async def create_webhook(request: Request, caller: Caller, fields: Fields) -> Reply:
    """Subscribe a callback to the events of a group, an action or a package."""
    query = query_fields(request)

    def draft(op: Operation) -> Draft:
        return webhooks.draft_new(op, _with_package(fields, query, "ActionResponse"))

    return await _validated(request, caller, draft, webhooks.add)


async def update_webhook(request: Request, caller: Caller, webhook_id: str, fields: Fields) -> Reply:
    """Change a webhook, or make it active again."""
    return await _validated(
        request,
        caller,
        lambda op: webhooks.draft_change(op, webhook_id, fields),
        lambda op, draft: webhooks.change(op, webhook_id, draft),
    )


async def flow_subscribe(
    request: Request, caller: Caller, object_type: str, event_type: str, fields: Fields
) -> Reply:
    """Subscribe as Power Automate's triggers do: everything but the callback is in the path and the query."""
    query = query_fields(request)

    def draft(op: Operation) -> Draft:
        given = {
            "objectType": object_type,
            "objectId": query.optional_text("objectId", most=128),
            "eventTypes": [event_type],
            "callBackUrl": fields.raw("callBackUrl"),
        }
        if given["objectId"] is None:
            raise bad_request("objectId is required")
        return webhooks.draft_new(op, _with_package(Fields(given), query, event_type))

    return await _validated(request, caller, draft, webhooks.add)


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
    caller: Caller,
    make_draft: Callable[[Operation], Draft],
    store: Callable[[Operation, Draft], Reply],
) -> Reply:
    """Check a webhook, let its callback echo a token, and store it; no transaction is open meanwhile."""
    server = state_of(request)

    def operation(conn: Connection) -> Operation:
        return Operation(conn, server.clock.now_ms(), caller)

    draft = await server.database.read(lambda conn: make_draft(operation(conn)))
    if draft.validate is not None:
        try:
            await validate_callback(server, draft.validate)
        except CallFailed as error:
            raise bad_request(f"callBackUrl did not pass the validation: {error}") from None
    return await server.database.write(lambda conn: store(operation(conn), draft))
