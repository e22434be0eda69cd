"""Webhooks: who may listen to what, the stored objects, and what waits to be delivered to them.

A webhook belongs to its connector, which alone sees it, and hears what the grant it was made under reaches: it needs a
member of the group, and results that only the sender or admins may see stay with them. Creating and updating happen in
two transactions around the validation of the callback: :func:`find_subject` in the first, :func:`add` or :func:`change`,
which check it once more, in the second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, select, update
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import DAY
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_member
from airflow_provider_kaizala.server.domain.action_records import find_action_by_id
from airflow_provider_kaizala.server.domain.context import GROUP, Operation
from airflow_provider_kaizala.server.domain.errors import denied, not_found
from airflow_provider_kaizala.server.domain.ids import canonical, new_id
from airflow_provider_kaizala.server.store.tables import webhook, webhook_delivery
from airflow_provider_kaizala.server.store.webhook_tables import DELIVERED, FAILED, PENDING

OBJECT_TYPES = ("Group", "Action", "ActionPackage")
VALIDITY_MS = 2 * 365 * DAY

_w, _d = webhook.c, webhook_delivery.c
Values = dict[str, Any]


class Subject(NamedTuple):
    """What a webhook listens to; a package perhaps in one group only."""

    object_type: str
    object_id: str
    group_id: str | None = None


@dataclass(frozen=True)
class Draft:
    """What is given of a webhook. Where that is None, a new one has the default, and a stored one stays as it is.

    :param callback_token: empty for none
    """

    subject: Subject | None
    events: Sequence[str] | None
    callback_url: str | None
    callback_token: str | None
    callback_context: str | None
    callback_headers: Mapping[str, str] | None
    validity_ms: int | None
    active: bool | None = None


def add(op: Operation, draft: Draft) -> str:
    """Store a new webhook, active, and return its id."""
    values = _columns(draft)
    _check_subject(op, values)
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
            "validity_ms": op.now_ms + VALIDITY_MS,
            "active": True,
            **values,
        },
    )
    return webhook_id


def change(op: Operation, webhook_id: str, draft: Draft) -> None:
    """Store an update. A webhook that hears again gets first what it missed delivering."""
    stored, values = find(op, webhook_id, lock=True), _columns(draft)
    now = {**stored, **values}
    _check_subject(op, now)
    op.conn.execute(
        update(webhook).where(_w.id == stored["id"]).values(**values, **_owner(op), changed_ms=op.now_ms)
    )
    if not now["active"]:
        fail_pending(op.conn, stored["id"], op.now_ms, "the webhook is inactive")
    elif not is_live(stored, op.now_ms) or draft.active:
        requeue(op.conn, stored["id"], op.now_ms)


def _columns(draft: Draft) -> Values:
    headers = draft.callback_headers
    given = {
        "events_json": None if draft.events is None else json.dumps(draft.events),
        "callback_url": draft.callback_url,
        "callback_token": draft.callback_token,
        "callback_context": draft.callback_context,
        "callback_headers_json": None if headers is None else json.dumps(headers, ensure_ascii=False),
        "validity_ms": draft.validity_ms,
        "active": draft.active,
    }
    values = {column: value for column, value in given.items() if value is not None}
    return values | (draft.subject._asdict() if draft.subject else {})


def remove(op: Operation, webhook_id: str) -> None:
    """Remove a webhook with what it has not delivered."""
    its_id = find(op, webhook_id)["id"]
    if not op.conn.execute(webhook.delete().where(_w.id == its_id)).rowcount:
        raise not_found("The webhook")
    op.conn.execute(webhook_delivery.delete().where(_d.webhook_id == its_id, _d.state != DELIVERED))


def list_webhooks(op: Operation, object_type: str, object_id: str) -> list[RowMapping]:
    """List the connector's webhooks on one object."""
    wanted = find_subject(op, object_type, object_id, None)
    rows = op.conn.execute(
        select(webhook)
        .where(
            _w.connector_id == op.caller.connector_id,
            _w.object_type == object_type,
            _w.object_id == wanted.object_id,
        )
        .order_by(_w.created_ms, _w.id)
    ).mappings()
    return [row for row in rows if wanted.group_id in (None, row["group_id"])]


def is_live(row: RowMapping, now_ms: int) -> bool:
    """Tell whether a webhook hears what happens."""
    return bool(row["active"] and row["validity_ms"] > now_ms)


def _owner(op: Operation) -> Values:
    return {"person_id": op.caller.person_id, "grant_id": op.caller.grant_id}


def find(op: Operation, webhook_id: str, *, lock: bool = False) -> RowMapping:
    """Return a webhook of the caller's connector: one of the same grant, or on an object the caller reaches."""
    query = select(webhook).where(
        _w.id == canonical(webhook_id)[:128], _w.connector_id == op.caller.connector_id
    )
    found = op.conn.execute(query.with_for_update() if lock else query).mappings().first()
    if found is None:
        raise not_found("The webhook")
    if found["grant_id"] != op.caller.grant_id:
        _check_subject(op, found)
    return found


def find_subject(op: Operation, object_type: str, object_id: str, group_id: str | None) -> Subject:
    """Find the object to listen to, which the caller must reach as a member of its group."""
    if object_type == "Group":
        return Subject(object_type, _member(op, object_id).id)
    if object_type == "Action":
        action = find_action_by_id(op, object_id)
        need_member(action.access)
        return Subject(object_type, action.id)
    scope = _member(op, group_id).id if group_id else op.caller.scope_group_id
    return Subject(object_type, canonical(object_id), scope)


def _check_subject(op: Operation, values: Mapping[Any, Any]) -> None:
    """Check once more that the caller reaches what a webhook listens to."""
    if values["object_type"] != "ActionPackage":
        find_subject(op, values["object_type"], values["object_id"], None)
    elif values["group_id"]:
        _member(op, values["group_id"])
    elif op.caller.kind == GROUP:
        raise denied("The token does not reach beyond its group")


def _member(op: Operation, group_id: str) -> GroupAccess:
    return need_member(find_group(op, group_id))


# --- What waits to be delivered ---------------------------------------------------------------------------------------
def fail_pending(conn: Connection, webhook_id: str, now_ms: int, reason: str) -> None:
    """Stop trying to deliver what waits for a webhook, until :func:`requeue`."""
    conn.execute(
        update(webhook_delivery)
        .where(_d.webhook_id == webhook_id, _d.state == PENDING)
        .values(state=FAILED, finished_ms=now_ms, last_error=reason)
    )


def requeue(conn: Connection, webhook_id: str, now_ms: int) -> None:
    """Deliver everything that failed again, from the first attempt on."""
    conn.execute(
        update(webhook_delivery)
        .where(_d.webhook_id == webhook_id, _d.state == FAILED)
        .values(state=PENDING, attempts=0, next_attempt_ms=now_ms, finished_ms=None)
    )
