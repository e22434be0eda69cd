"""Webhooks over REST, and the registration of Power Automate's triggers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.api.bodies import query_fields
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.delivery.calls import HEADER_NAME, HEADER_VALUE, CallFailed, parse_url
from airflow_provider_kaizala.server.delivery.posting import validate_callback
from airflow_provider_kaizala.server.domain import webhooks
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.events import EVENT_TYPES
from airflow_provider_kaizala.server.domain.webhooks import OBJECT_TYPES, Draft, Subject
from airflow_provider_kaizala.server.state import state_of

MAX_HEADERS = 50
_SECONDS_BELOW = 10**11
_MAX_TIME_MS = 253_402_300_799_999
# Power Automate names a package in the query and gives this as the object.
_NO_OBJECT = "00000000-0000-0000-0000-000000000000"


async def create_webhook(request: Request, caller: Caller, fields: Fields) -> Reply:
    """``POST /webhook``."""
    return await _create(request, caller, _with_package(fields, query_fields(request), "ActionResponse"))


async def flow_subscribe(
    request: Request, caller: Caller, object_type: str, event_type: str, fields: Fields
) -> Reply:
    """``POST /webhook/{objectType}/{eventType}``: all but the callback is in the path and the query."""
    query = query_fields(request)
    given = {
        "objectType": object_type,
        "objectId": query.optional_text("objectId", most=128),
        "eventTypes": [event_type],
        "callBackUrl": fields.raw("callBackUrl"),
    }
    if given["objectId"] is None:
        raise bad_request("objectId is required")
    return await _create(request, caller, _with_package(Fields(given), query, event_type))


async def _create(request: Request, caller: Caller, fields: Fields) -> Reply:
    def read(op: Operation) -> tuple[Draft, None]:
        subject = webhooks.find_subject(
            op,
            _object_type(fields),
            fields.text("objectId", most=128),
            fields.optional_text("groupId", most=128),
        )
        draft = _draft(op, fields, subject, _events(fields))
        if draft.callback_url is None:
            raise bad_request("callBackUrl is required")
        return draft, None

    return await _validated(request, caller, read, lambda op, draft: {"webhookId": webhooks.add(op, draft)})


async def update_webhook(request: Request, caller: Caller, webhook_id: str, fields: Fields) -> Reply:
    """``PUT /webhook/{webhookId}``: what is not given stays as it is."""

    def read(op: Operation) -> tuple[Draft, str]:
        stored, subject = webhooks.find(op, webhook_id), None
        if fields.has("objectId") or fields.has("objectType"):
            object_type = fields.choice(OBJECT_TYPES, "objectType") or stored["object_type"]
            object_id = fields.optional_text("objectId", most=128) or stored["object_id"]
            group_id = fields.optional_text("groupId", most=128)
            subject = webhooks.find_subject(op, object_type, object_id, group_id)
        events = _events(fields) if fields.has("eventTypes", "events") else None
        draft = _draft(op, fields, subject, events)
        active = fields.boolean("Active") if fields.has("Active") else None
        return replace(draft, active=active), stored["callback_url"]

    def store(op: Operation, draft: Draft) -> Reply:
        webhooks.change(op, webhook_id, draft)
        return {}

    return await _validated(request, caller, read, store)


def list_webhooks(op: Operation, query: Fields) -> Reply:
    """``GET /webhook``."""
    found = webhooks.list_webhooks(op, _object_type(query), query.text("objectId", most=128))
    return {
        "webhooks": [
            {
                "id": row["id"],
                "objectId": row["object_id"],
                "objectType": row["object_type"],
                "events": json.loads(row["events_json"]),
                "filters": [],
                "callbackUrl": row["callback_url"],
                "callbackToken": row["callback_token"] or "",
                "callbackContext": row["callback_context"] or "",
                "ts": row["changed_ms"],
                "validity": row["validity_ms"],
                "active": webhooks.is_live(row, op.now_ms),
            }
            for row in found
        ]
    }


def delete_webhook(op: Operation, webhook_id: str) -> Reply:
    """``DELETE /webhook/{webhookId}``."""
    webhooks.remove(op, webhook_id)
    return {}


async def _validated(
    request: Request,
    caller: Caller,
    read: Callable[[Operation], tuple[Draft, str | None]],
    store: Callable[[Operation, Draft], Reply],
) -> Reply:
    """Read a webhook, let its callback echo a token, and store it; no transaction is open meanwhile.

    :param read: returns it with the URL of a callback that is validated already
    """
    server = state_of(request)

    def operation(conn: Connection) -> Operation:
        return Operation(conn, server.clock.now_ms(), caller)

    draft, known = await server.database.read(lambda conn: read(operation(conn)))
    if draft.callback_url not in (None, known):
        try:
            await validate_callback(server, draft.callback_url)
        except CallFailed as error:
            raise bad_request(f"callBackUrl did not pass the validation: {error}") from None
    return await server.database.write(lambda conn: store(operation(conn), draft))


# --- The fields -------------------------------------------------------------------------------------------------------
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


def _object_type(fields: Fields) -> str:
    object_type = fields.choice(OBJECT_TYPES, "objectType")
    if object_type is None:
        raise bad_request("objectType is required")
    return object_type


def _events(fields: Fields) -> list[str]:
    known = {name.lower(): name for name in EVENT_TYPES}
    events = []
    for given in fields.texts("eventTypes", "events"):
        name = known.get(given.strip().lower())
        if name is None:
            raise bad_request(f"{fields.path('eventTypes')} holds {given[:40]!r}, which is not an event type")
        events.append(name)
    if not events:
        raise bad_request(f"{fields.path('eventTypes')} must hold at least one event type")
    return list(dict.fromkeys(events))


def _draft(op: Operation, fields: Fields, subject: Subject | None, events: list[str] | None) -> Draft:
    url, token, context = None, fields.optional_text("callBackToken"), fields.raw("callBackContext")
    if fields.has("callBackUrl"):
        # Kept as it is given: programs look for their own URL in the list.
        url = fields.text("callBackUrl", most=10_000).strip()
        try:
            parse_url(url)
        except ValueError as error:
            raise bad_request(f"callBackUrl {error}") from None
    if token is not None and not HEADER_VALUE.match(token.encode()):
        raise bad_request("callBackToken must be a text that a header can hold")
    if isinstance(context, dict | list):
        # context is a string: an object comes back as its JSON, as JavaScript and .NET write it.
        fields = fields.over(callBackContext=json.dumps(context, ensure_ascii=False, separators=(",", ":")))
    return Draft(
        subject=subject,
        events=events,
        callback_url=url,
        callback_token=token,
        callback_context=fields.optional_text("callBackContext", most=20_000),
        callback_headers=_headers(fields),
        validity_ms=_validity(op, fields),
    )


def _headers(fields: Fields) -> dict[str, str] | None:
    given = fields.raw("callBackHeaders")
    if given is None:
        return None
    # Its shape is not known; what is empty in any shape asks for nothing.
    if given in ("", []):
        return {}
    if not isinstance(given, dict) or len(given) > MAX_HEADERS:
        raise bad_request(f"callBackHeaders must be an object of at most {MAX_HEADERS} strings")
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(value, str) or len(value) > 4000 or not HEADER_NAME.match(str(name)):
            raise bad_request("callBackHeaders must be an object of strings, by the names of headers")
        if not HEADER_VALUE.match(value.encode()):
            raise bad_request(f"callBackHeaders.{name} must be a text that a header can hold")
        headers[str(name)] = value
    return headers


def _validity(op: Operation, fields: Fields) -> int | None:
    """Read until when a webhook hears: epoch milliseconds; values below 10^11 are seconds."""
    given = fields.integer("validity", least=0, most=_MAX_TIME_MS)
    if given is None:
        return None
    validity_ms = given * 1000 if given < _SECONDS_BELOW else given
    if validity_ms <= op.now_ms:
        raise bad_request("validity must be a time to come, in epoch milliseconds")
    return validity_ms
