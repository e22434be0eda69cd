"""Webhooks: who may listen to what, and the stored objects.

A webhook belongs to its connector, which alone sees it, and hears what the grant it was made under reaches: it needs a
member of the group, and results that only the sender or admins may see stay with them. Creating and updating happen in
two steps around the validation of the callback: :func:`draft_new` or :func:`draft_change`, and then :func:`add` or
:func:`change`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import RowMapping, select, update

from airflow_provider_kaizala.server.delivery import outbox
from airflow_provider_kaizala.server.delivery.calls import HEADER_NAME, HEADER_VALUE, parse_url
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_member
from airflow_provider_kaizala.server.domain.action_records import find_action_by_id
from airflow_provider_kaizala.server.domain.context import GROUP, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied, not_found
from airflow_provider_kaizala.server.domain.events import EVENT_TYPES
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.store.tables import webhook

OBJECT_TYPES = ("Group", "Action", "ActionPackage")
MAX_HEADERS = 50
_VALIDITY_YEARS = 2
_YEAR_MS = 365 * 24 * 3600 * 1000
_SECONDS_BELOW = 10**11
_MAX_TIME_MS = 253_402_300_799_999

_w = webhook.c
Values = dict[str, Any]


@dataclass(frozen=True)
class Draft:
    """What is to be stored.

    :param validate: the callback to validate before that, None if it is validated already
    """

    values: Values = field(default_factory=dict)
    validate: str | None = None


def draft_new(op: Operation, fields: Fields) -> Draft:
    """Check the fields of a new webhook."""
    object_type = fields.choice(OBJECT_TYPES, "objectType")
    if object_type is None:
        raise bad_request("objectType is required")
    values = _object(
        op, object_type, fields.text("objectId", most=128), fields.optional_text("groupId", most=128)
    )
    values["events_json"] = json.dumps(_events(fields))
    values |= _callback(fields)
    if "callback_url" not in values:
        raise bad_request("callBackUrl is required")
    validity_ms = _validity(op, fields)
    values["validity_ms"] = op.now_ms + _VALIDITY_YEARS * _YEAR_MS if validity_ms is None else validity_ms
    return Draft(values, values["callback_url"])


def add(op: Operation, draft: Draft) -> dict[str, object]:
    """Store a new webhook, active, and return its id."""
    _check_object(op, draft.values)
    webhook_id = new_id()
    op.conn.execute(
        webhook.insert(),
        {
            "id": webhook_id,
            "tenant_id": op.caller.tenant_id,
            "connector_id": op.caller.connector_id,
            **_owner(op),
            "changed_ms": op.now_ms,
            "created_ms": op.now_ms,
            "active": True,
            **draft.values,
        },
    )
    return {"webhookId": webhook_id}


def draft_change(op: Operation, webhook_id: str, fields: Fields) -> Draft:
    """Check the fields of an update; what is not given stays as it is."""
    stored = _find(op, webhook_id)
    values: Values = {}
    if fields.has("objectId") or fields.has("objectType"):
        object_type = fields.choice(OBJECT_TYPES, "objectType") or stored["object_type"]
        object_id = fields.optional_text("objectId", most=128) or stored["object_id"]
        values |= _object(op, object_type, object_id, fields.optional_text("groupId", most=128))
    if fields.has("eventTypes", "events"):
        values["events_json"] = json.dumps(_events(fields))
    values |= _callback(fields)
    if (validity_ms := _validity(op, fields)) is not None:
        values["validity_ms"] = validity_ms
    if fields.has("Active"):
        values["active"] = fields.boolean("Active")
    new_url = values.get("callback_url")
    return Draft(values, None if new_url == stored["callback_url"] else new_url)


def change(op: Operation, webhook_id: str, draft: Draft) -> dict[str, object]:
    """Store an update. A webhook that hears again gets first what it missed delivering."""
    stored = _find(op, webhook_id, lock=True)
    now = {**stored, **draft.values}
    _check_object(op, now)
    op.conn.execute(
        update(webhook)
        .where(_w.id == stored["id"])
        .values(**draft.values, **_owner(op), changed_ms=op.now_ms)
    )
    if not now["active"]:
        outbox.fail_pending(op.conn, stored["id"], op.now_ms, "the webhook is inactive")
    elif not _is_live(stored, op.now_ms) or draft.values.get("active"):
        outbox.requeue(op.conn, stored["id"], op.now_ms)
    return {}


def remove(op: Operation, webhook_id: str) -> dict[str, object]:
    """Remove a webhook with what it has not delivered."""
    stored = _find(op, webhook_id)
    if not op.conn.execute(webhook.delete().where(_w.id == stored["id"])).rowcount:
        raise not_found("The webhook")
    outbox.drop(op.conn, stored["id"])
    return {}


def list_webhooks(op: Operation, fields: Fields) -> dict[str, object]:
    """List the connector's webhooks on one object."""
    object_type = fields.choice(OBJECT_TYPES, "objectType")
    if object_type is None:
        raise bad_request("objectType is required")
    wanted = _object(op, object_type, fields.text("objectId", most=128), None)
    rows = op.conn.execute(
        select(webhook)
        .where(
            _w.connector_id == op.caller.connector_id,
            _w.object_type == object_type,
            _w.object_id == wanted["object_id"],
        )
        .order_by(_w.created_ms, _w.id)
    ).mappings()
    scope = wanted["group_id"]
    return {"webhooks": [_shown(op, row) for row in rows if scope in (None, row["group_id"])]}


def _shown(op: Operation, row: RowMapping) -> dict[str, object]:
    return {
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
        "active": _is_live(row, op.now_ms),
    }


def _is_live(row: RowMapping, now_ms: int) -> bool:
    return bool(row["active"] and row["validity_ms"] > now_ms)


def _owner(op: Operation) -> Values:
    return {"person_id": op.caller.person_id, "grant_id": op.caller.grant_id}


def _find(op: Operation, webhook_id: str, *, lock: bool = False) -> RowMapping:
    """Return a webhook of the caller's connector: one of the same grant, or on an object the caller reaches."""
    query = select(webhook).where(
        _w.id == canonical(webhook_id)[:128], _w.connector_id == op.caller.connector_id
    )
    found = op.conn.execute(query.with_for_update() if lock else query).mappings().first()
    if found is None:
        raise not_found("The webhook")
    if found["grant_id"] != op.caller.grant_id:
        _check_object(op, dict(found))
    return found


def _object(op: Operation, object_type: str, object_id: str, group_id: str | None) -> Values:
    """Find the object to listen to, which the caller must reach as a member of its group."""
    if object_type == "Group":
        return {"object_type": object_type, "object_id": _member(op, object_id).id, "group_id": None}
    if object_type == "Action":
        action = find_action_by_id(op, object_id)
        need_member(action.access)
        return {"object_type": object_type, "object_id": action.id, "group_id": None}
    scope = _member(op, group_id).id if group_id else op.caller.scope_group_id
    return {"object_type": object_type, "object_id": canonical(object_id), "group_id": scope}


def _check_object(op: Operation, values: Values) -> None:
    """Check once more that the caller reaches what a webhook listens to."""
    if values["object_type"] != "ActionPackage":
        _object(op, values["object_type"], values["object_id"], None)
    elif values["group_id"]:
        _member(op, values["group_id"])
    elif op.caller.kind == GROUP:
        raise denied("The token does not reach beyond its group")


def _member(op: Operation, group_id: str) -> GroupAccess:
    return need_member(find_group(op, group_id))


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


def _callback(fields: Fields) -> Values:
    """Read what is given of the callback's URL, token, context and headers."""
    values: Values = {}
    if fields.has("callBackUrl"):
        # Kept as it is given: programs look for their own URL in the list.
        values["callback_url"] = fields.text("callBackUrl", most=10_000).strip()
        try:
            parse_url(values["callback_url"])
        except ValueError as error:
            raise bad_request(f"callBackUrl {error}") from None
    token = fields.optional_text("callBackToken")
    if token is not None:
        if not HEADER_VALUE.match(token.encode()):
            raise bad_request("callBackToken must be a text that a header can hold")
        values["callback_token"] = token or None
    given = fields.raw("callBackContext")
    if isinstance(given, dict | list):
        # context is a string: an object comes back as its JSON, as JavaScript and .NET write it.
        fields = fields.over(callBackContext=json.dumps(given, ensure_ascii=False, separators=(",", ":")))
    context = fields.optional_text("callBackContext", most=20_000)
    if context is not None:
        values["callback_context"] = context
    if fields.has("callBackHeaders"):
        values["callback_headers_json"] = json.dumps(_headers(fields), ensure_ascii=False)
    return values


def _headers(fields: Fields) -> dict[str, str]:
    given = fields.raw("callBackHeaders")
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
