"""Events for webhooks, written to the outbox in the transaction of the change they tell of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

from sqlalchemy import bindparam, select

from airflow_provider_kaizala.server.domain.access import find_group
from airflow_provider_kaizala.server.domain.context import ADMIN, MEMBER, Caller, Operation
from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.domain.ids import new_id, package_base
from airflow_provider_kaizala.server.domain.persons import Person, caller_as_person
from airflow_provider_kaizala.server.store.media_links import dump
from airflow_provider_kaizala.server.store.tables import connector, connector_grant, webhook, webhook_delivery
from airflow_provider_kaizala.server.store.webhook_tables import PENDING

EVENT_TYPES = (
    "ActionCreated",
    "ActionResponse",
    "SurveyCreated",
    "JobCreated",
    "SurveyResponse",
    "JobResponse",
    "TextMessageCreated",
    "AttachmentCreated",
    "Announcement",
    "MemberAdded",
    "MemberRemoved",
    "GroupAdded",
    "GroupRemoved",
    "PollCreated",
    "PollResponse",
    "LetsMeetCreated",
    "LetsMeetResponse",
    "UserJoined",
)

# What an event may be about at once: a group, an action, a package with its version, and without.
_OBJECTS = ("object_1", "object_2", "object_3", "object_4")
_LISTENING = (
    select(
        webhook.c.id,
        webhook.c.object_id,
        webhook.c.object_type,
        webhook.c.group_id,
        webhook.c.tenant_id,
        webhook.c.person_id,
        webhook.c.events_json,
        webhook.c.callback_context,
        connector_grant.c.kind,
        connector_grant.c.group_id.label("scope_group_id"),
    )
    .join(connector_grant, connector_grant.c.id == webhook.c.grant_id)
    .join(connector, connector.c.id == webhook.c.connector_id)
    .where(
        webhook.c.object_id.in_([bindparam(name) for name in _OBJECTS]),
        webhook.c.active.is_(True),
        webhook.c.validity_ms > bindparam("now_ms"),
        connector_grant.c.revoked_ms.is_(None),
        connector.c.deleted_ms.is_(None),
        connector.c.disabled_ms.is_(None),
    )
)
Sees = Callable[[str, str], bool]


def emit(
    op: Operation,
    group_id: str,
    event_type: str,
    data: Mapping[str, object],
    *,
    action_id: str | None = None,
    package_id: str | None = None,
    by: Person | None = None,
    sees: Sees | None = None,
) -> None:
    """Put one event into the outbox of each webhook that listens to the group, the action or its package.

    A webhook hears what the person it acts for could read: as a member of the group, or by its token's reach.

    :param sees: tells by person id and role who may see the event, where that is not every member
    """
    objects = {group_id: "Group"}
    if action_id:
        objects[action_id] = "Action"
    if package_id:
        objects[package_id] = objects[package_base(package_id)] = "ActionPackage"
    about = zip_longest(_OBJECTS, objects, fillvalue=group_id)
    found = op.conn.execute(_LISTENING, {**dict(about), "now_ms": op.now_ms}).all()
    if not found:
        return
    who = by or caller_as_person(op)
    event_id = new_id()
    for hook in found:
        if event_type not in json.loads(hook.events_json) or hook.object_type != objects[hook.object_id]:
            continue
        if hook.group_id and hook.group_id != group_id:
            continue
        role = _role(op, hook, group_id)
        if role not in (ADMIN, MEMBER) or (sees is not None and not sees(hook.person_id, role)):
            continue
        payload = {
            "subscriptionId": hook.id,
            "objectId": hook.object_id,
            "objectType": hook.object_type,
            "eventType": event_type,
            "eventId": event_id,
            "data": data,
            "context": hook.callback_context or "",
            # Empty for a bot, which has no number, and for anonymous answers (C31).
            "fromUser": who.mobile,
            "fromUserId": who.id,
            "fromUserName": who.name,
            "fromUserProfilePic": who.profile_pic,
        }
        op.conn.execute(
            webhook_delivery.insert(),
            {
                "webhook_id": hook.id,
                "event_id": event_id,
                "event_type": event_type,
                "payload_json": dump(payload),
                "state": PENDING,
                "attempts": 0,
                "next_attempt_ms": op.now_ms,
                "created_ms": op.now_ms,
            },
        )


def _role(op: Operation, hook: Any, group_id: str) -> str | None:
    """Return what a webhook's person is in a group, None where its grant does not reach."""
    listener = Caller(
        hook.kind, hook.tenant_id, hook.person_id, "", "", "", scope_group_id=hook.scope_group_id
    )
    try:
        return find_group(Operation(op.conn, op.now_ms, listener), group_id).role
    except ApiError:
        return None
