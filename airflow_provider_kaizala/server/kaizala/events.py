"""Events for webhooks, written to the outbox in the transaction of the change they tell of."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import bindparam, select

from airflow_provider_kaizala.server.kaizala.context import Operation
from airflow_provider_kaizala.server.kaizala.persons import Person, caller_as_person
from airflow_provider_kaizala.server.store.tables import webhook, webhook_delivery
from airflow_provider_kaizala.server.wire.ids import new_id, package_base

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

_LISTENING = select(
    webhook.c.id,
    webhook.c.object_id,
    webhook.c.object_type,
    webhook.c.group_id,
    webhook.c.tenant_id,
    webhook.c.events_json,
    webhook.c.callback_context,
).where(
    webhook.c.object_id.in_(bindparam("objects", expanding=True)),
    webhook.c.active.is_(True),
    webhook.c.validity_ms > bindparam("now_ms"),
)


def emit(
    op: Operation,
    group_id: str,
    event_type: str,
    data: Mapping[str, object],
    *,
    action_id: str | None = None,
    package_id: str | None = None,
    by: Person | None = None,
) -> None:
    """Put one event into the outbox of each webhook that listens to the group, the action or its package."""
    objects = {group_id: "Group"}
    if action_id:
        objects[action_id] = "Action"
    if package_id:
        objects[package_id] = objects[package_base(package_id)] = "ActionPackage"
    found = op.conn.execute(_LISTENING, {"objects": list(objects), "now_ms": op.now_ms}).all()
    if not found:
        return
    who = by or caller_as_person(op)
    event_id = new_id()
    for hook in found:
        if event_type not in json.loads(hook.events_json) or hook.object_type != objects[hook.object_id]:
            continue
        if hook.tenant_id != op.caller.tenant_id or (hook.group_id and hook.group_id != group_id):
            continue
        payload = {
            "subscriptionId": hook.id,
            "objectId": hook.object_id,
            "objectType": hook.object_type,
            "eventType": event_type,
            "eventId": event_id,
            "data": data,
            "context": hook.callback_context or "",
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
                "payload_json": json.dumps(payload, ensure_ascii=False),
                "state": "pending",
                "attempts": 0,
                "next_attempt_ms": op.now_ms,
                "created_ms": op.now_ms,
            },
        )
