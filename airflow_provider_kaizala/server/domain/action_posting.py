"""Posting an action."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

from sqlalchemy import select

from airflow_provider_kaizala.server.domain import persons
from airflow_provider_kaizala.server.domain.access import GroupAccess
from airflow_provider_kaizala.server.domain.action_bodies import (
    MEDIA_TYPES,
    PACKAGE,
    ActionDraft,
    QuestionDraft,
    check_draft,
)
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.hierarchy import descendants
from airflow_provider_kaizala.server.domain.ids import new_id, package_base
from airflow_provider_kaizala.server.domain.media import (
    MediaRef,
    as_announced,
    as_attachment,
    find_resource,
    read_picture,
)
from airflow_provider_kaizala.server.domain.posts import (
    MEMBERS,
    Audience,
    NotReached,
    add_post,
    find_replied_to,
    subscribed_of,
)
from airflow_provider_kaizala.server.domain.times import iso
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.media_links import dump

_FEED_KINDS = {"LetsMeet": "letsMeet", PACKAGE: "package"}


class Posted(NamedTuple):
    """An action that was posted, and who was named for it but is not reached."""

    reference_id: str
    action_id: str
    failed: Sequence[NotReached]


def post_action(
    op: Operation,
    access: GroupAccess,
    draft: ActionDraft,
    audience: Audience = MEMBERS,
    reply_to: str | None = None,
) -> Posted:
    """Post an action in a group and tell its webhooks.

    :param reply_to: reference id of a post that the group has seen
    """
    check_draft(draft)
    media = _find_media(op, draft)
    reply_to = find_replied_to(op, access, reply_to)
    assignees, strangers = _find_assignees(op, access, draft)
    draft = replace(draft, assignees=tuple(who.mobile for who in assignees))
    reference_id, action_id = _store(op, access, draft, media, audience, reply_to)
    if assignees:
        op.conn.execute(
            t.job_assignment.insert(),
            [
                {"action_id": action_id, "person_id": who.id, "position": position, "is_completed": False}
                for position, who in enumerate(assignees)
            ],
        )
    _tell(op, access, action_id, draft, media)
    return Posted(reference_id, action_id, [*audience.failed, *strangers])


def _find_media(op: Operation, draft: ActionDraft) -> list[MediaRef]:
    if draft.type == "Announcement":
        return [
            ref
            for resource in draft.media
            for ref in find_resource(op, resource, "actionBody.MediaResources")
        ]
    if draft.type in MEDIA_TYPES:
        kinds = ("Album", "Image") if draft.type == "Album" else (draft.type,)
        return find_resource(op, draft.media[0], "actionBody.mediaResource", kinds)
    return []


def _find_assignees(
    op: Operation, access: GroupAccess, draft: ActionDraft
) -> tuple[list[persons.Person], list[NotReached]]:
    """Return the assignees who can see the job, and those who cannot."""
    if not draft.assignees:
        return [], []
    known = persons.by_phones(op.conn, draft.assignees)
    groups = [access.id, *descendants(op.conn, access.id)]
    m = t.membership.c
    ids = [who.id for who in known.values()]
    inside = set(
        op.conn.execute(select(m.person_id).where(m.group_id.in_(groups), m.person_id.in_(ids))).scalars()
    )
    if access.is_hub:
        inside |= subscribed_of(op, access, known)
    assigned = [known[phone] for phone in draft.assignees if phone in known and known[phone].id in inside]
    if not assigned:
        raise bad_request("actionBody.assignedTo names nobody who is a member of the group")
    names = {who.mobile for who in assigned}
    return assigned, [
        NotReached(phone, known.get(phone), "Not a member of the group", "UserNotMember")
        for phone in draft.assignees
        if phone not in names
    ]


def _store(
    op: Operation,
    access: GroupAccess,
    draft: ActionDraft,
    media: list[MediaRef],
    audience: Audience,
    reply_to: str | None,
) -> tuple[str, str]:
    action_id = new_id()
    detail: dict[str, object] = {
        "media": media or None,
        "description": draft.description,
        "cover_image": draft.cover_image,
        **(asdict(draft.meeting) if draft.meeting else {}),
    }
    detail = {name: value for name, value in detail.items() if value is not None}
    reference_id, seq = add_post(
        op,
        access.id,
        "media" if draft.type in MEDIA_TYPES else _FEED_KINDS.get(draft.type, draft.type.lower()),
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
            "action_type": draft.type,
            "package_id": draft.package_id,
            "package_base": package_base(draft.package_id) if draft.package_id else None,
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


def _shown_question(question: QuestionDraft) -> dict[str, object]:
    """Return a question as events show it."""
    return {
        "title": question.title,
        "type": question.type,
        "options": [{"title": o["title"]} for o in question.options],
    }


def _tell(
    op: Operation, access: GroupAccess, action_id: str, draft: ActionDraft, media: list[MediaRef]
) -> None:
    """Put the event of a new action into the outbox."""
    if draft.type in MEDIA_TYPES:
        files = [as_attachment(ref) for ref in media]
        data: dict[str, object] = {"media": files, "actionType": draft.type, "caption": draft.text}
        emit(op, access.id, "AttachmentCreated", data)
        return
    if draft.type == "Announcement":
        announced = [as_announced(ref) for ref in media]
        emit(op, access.id, "Announcement", {"title": draft.title, "text": draft.text, "media": announced})
        return
    data = {"actionId": action_id, "groupId": access.id, "title": draft.title}
    if draft.type == "Job":
        data |= {"assignedTo": list(draft.assignees), "dueDate": iso(draft.expires_ms or op.now_ms)}
    else:
        if draft.package_id:
            data |= {"actionPackageId": package_base(draft.package_id), "packageId": draft.package_id}
        data["questions"] = [_shown_question(question) for question in draft.questions]
        data["properties"] = [{"name": p.name, "type": p.type, "value": p.value} for p in draft.properties]
    event = "ActionCreated" if draft.type == PACKAGE else f"{draft.type}Created"
    emit(op, access.id, event, data, package_id=draft.package_id)


def _with_image(op: Operation, option: dict[str, str]) -> dict[str, object]:
    """Return an option as it is read: where its image is."""
    return {**option, "image": read_picture(op, option["image"])} if "image" in option else {**option}
