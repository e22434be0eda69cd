"""Posting an action (``POST /groups/{groupId}/actions``)."""

from __future__ import annotations

import json
from dataclasses import replace

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_member
from airflow_provider_kaizala.server.domain.action_bodies import (
    ACTION_TYPES,
    MEDIA_TYPES,
    PACKAGE,
    ActionDraft,
    QuestionDraft,
    read_body,
)
from airflow_provider_kaizala.server.domain.context import MEDIA, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request, denied
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.hierarchy import descendants
from airflow_provider_kaizala.server.domain.ids import new_id, package_base
from airflow_provider_kaizala.server.domain.media import (
    MediaRef,
    as_announced,
    as_attachment,
    find_resource,
    read_picture,
)
from airflow_provider_kaizala.server.domain.posts import Audience, add_post, read_audience, read_reply_to
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.media_links import dump

_FEED_KINDS = {"LetsMeet": "letsMeet", PACKAGE: "package"}


def post_action(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Post an action of a built-in type or of a custom package."""
    access = need_member(find_group(op, group_id))
    action_type = fields.choice(ACTION_TYPES, "actionType")
    package_id = None if action_type else fields.optional_text("id", most=128)
    if action_type is None and not package_id:
        raise bad_request("actionType or id is required")
    body = fields.object("actionBody")
    if body is None:
        raise bad_request("actionBody is required")
    kind = action_type or PACKAGE
    if kind in MEDIA_TYPES:
        _need_media_permission(op)
    draft = read_body(kind, body, op.now_ms)
    media = _find_media(op, kind, draft)
    audience = read_audience(op, access, fields, needed=False)
    reply_to = read_reply_to(op, access, fields)
    assignees, strangers = _find_assignees(op, access, draft)
    draft = replace(draft, assignees=tuple(who.mobile for who in assignees))
    reference_id, action_id = _store(op, access, kind, package_id, draft, media, audience, reply_to)
    if assignees:
        op.conn.execute(
            t.job_assignment.insert(),
            [
                {"action_id": action_id, "person_id": who.id, "position": position, "is_completed": False}
                for position, who in enumerate(assignees)
            ],
        )
    _tell(op, access, kind, package_id, action_id, draft, media)
    reply: dict[str, object] = {"referenceId": reference_id}
    if kind not in MEDIA_TYPES:
        reply["actionId"] = action_id
    if failed := [*audience.failed, *strangers]:
        reply["failedResult"] = failed
    return reply


def _need_media_permission(op: Operation) -> None:
    p = t.connector_permission.c
    if (
        op.caller.connector_id
        and op.conn.execute(
            select(p.permission).where(p.connector_id == op.caller.connector_id, p.permission == MEDIA)
        ).first()
        is None
    ):
        raise denied(f"The connector does not have the permission {MEDIA!r}")


def _find_media(op: Operation, kind: str, draft: ActionDraft) -> list[MediaRef]:
    if kind == "Announcement":
        return [
            ref
            for resource in draft.media
            for ref in find_resource(op, resource, "actionBody.MediaResources")
        ]
    if kind in MEDIA_TYPES:
        kinds = ("Album", "Image") if kind == "Album" else (kind,)
        return find_resource(op, draft.media[0], "actionBody.mediaResource", kinds)
    return []


def _find_assignees(
    op: Operation, access: GroupAccess, draft: ActionDraft
) -> tuple[list[persons.Person], list[dict[str, str]]]:
    """Return the assignees who can see the job, and those who cannot as entries of ``failedResult``."""
    if not draft.assignees:
        return [], []
    known = persons.by_phones(op.conn, draft.assignees)
    groups = [access.id, *descendants(op.conn, access.id)]
    m, s = t.membership.c, t.subscription.c
    ids = [who.id for who in known.values()]
    inside = set(
        op.conn.execute(select(m.person_id).where(m.group_id.in_(groups), m.person_id.in_(ids))).scalars()
    )
    if access.is_hub:
        inside |= set(
            op.conn.execute(
                select(s.person_id).where(s.group_id == access.id, s.person_id.in_(ids))
            ).scalars()
        )
    assigned = [known[phone] for phone in draft.assignees if phone in known and known[phone].id in inside]
    if not assigned:
        raise bad_request("actionBody.assignedTo names nobody who is a member of the group")
    names = {who.mobile for who in assigned}
    return assigned, [
        {
            "subscriber": phone,
            "subscriberId": known[phone].id if phone in known else "",
            "errorReason": "Not a member of the group",
            "errorCode": "UserNotMember",
        }
        for phone in draft.assignees
        if phone not in names
    ]


def _store(
    op: Operation,
    access: GroupAccess,
    kind: str,
    package_id: str | None,
    draft: ActionDraft,
    media: list[MediaRef],
    audience: Audience,
    reply_to: str | None,
) -> tuple[str, str]:
    action_id = new_id()
    detail = dict(draft.detail)
    if media:
        detail["media"] = media
    reference_id, seq = add_post(
        op,
        access.id,
        "media" if kind in MEDIA_TYPES else _FEED_KINDS.get(kind, kind.lower()),
        text=draft.text,
        audience=audience,
        reply_to=reply_to,
        action_id=action_id,
    )
    op.conn.execute(
        t.action.insert(),
        {
            "id": action_id,
            "reference_id": reference_id,
            "group_id": access.id,
            "seq": seq,
            "action_type": kind,
            "package_id": package_id,
            "package_base": package_base(package_id) if package_id else None,
            "creator_id": op.caller.person_id,
            "title": draft.title,
            "created_ms": op.now_ms,
            "expires_ms": draft.expires_ms,
            "is_anonymous": draft.is_anonymous,
            "is_sender_only": draft.is_sender_only,
            "accept_multiple": draft.accept_multiple,
            "visibility": draft.visibility,
            "detail_json": json.dumps(detail, ensure_ascii=False) if detail else None,
        },
    )
    if draft.questions:
        op.conn.execute(
            t.question.insert(),
            [
                {
                    "action_id": action_id,
                    "position": position,
                    "title": question.title,
                    "question_type": question.type,
                    "is_invisible": question.is_invisible,
                    "options_json": dump([_with_image(op, option) for option in question.options]),
                }
                for position, question in enumerate(draft.questions)
            ],
        )
    if draft.properties:
        op.conn.execute(
            t.action_property.insert(),
            [
                {
                    "action_id": action_id,
                    "position": position,
                    "name": one.name,
                    "property_type": one.type,
                    "value": one.value,
                }
                for position, one in enumerate(draft.properties)
            ],
        )
    return reference_id, action_id


def shown_question(question: QuestionDraft) -> dict[str, object]:
    """Return a question as events show it."""
    return {
        "title": question.title,
        "type": question.type,
        "options": [{"title": o["title"]} for o in question.options],
    }


def _tell(
    op: Operation,
    access: GroupAccess,
    kind: str,
    package_id: str | None,
    action_id: str,
    draft: ActionDraft,
    media: list[MediaRef],
) -> None:
    """Put the event of a new action into the outbox."""
    if kind in MEDIA_TYPES:
        files = [as_attachment(ref) for ref in media]
        data: dict[str, object] = {"media": files, "actionType": kind, "caption": draft.text}
        emit(op, access.id, "AttachmentCreated", data)
        return
    if kind == "Announcement":
        announced = [as_announced(ref) for ref in media]
        emit(op, access.id, "Announcement", {"title": draft.title, "text": draft.text, "media": announced})
        return
    data = {"actionId": action_id, "groupId": access.id, "title": draft.title}
    if kind == "Job":
        data |= {"assignedTo": list(draft.assignees), "dueDate": iso(draft.expires_ms or op.now_ms)}
    else:
        if package_id:
            data |= {"actionPackageId": package_base(package_id), "packageId": package_id}
        data["questions"] = [shown_question(question) for question in draft.questions]
        data["properties"] = [{"name": p.name, "type": p.type, "value": p.value} for p in draft.properties]
    event = "ActionCreated" if kind == PACKAGE else f"{kind}Created"
    emit(op, access.id, event, data, package_id=package_id)


def _with_image(op: Operation, option: dict[str, str]) -> dict[str, object]:
    """Return an option as it is read: where its image is."""
    return {**option, "image": read_picture(op, option["image"])} if "image" in option else {**option}
