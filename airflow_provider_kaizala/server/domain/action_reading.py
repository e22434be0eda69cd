"""Reading actions: the list of one type, and one in detail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from airflow_provider_kaizala.server.domain.access import find_group, need_member
from airflow_provider_kaizala.server.domain.action_bodies import PACKAGE
from airflow_provider_kaizala.server.domain.action_records import (
    ActionParts,
    ActionRecord,
    find_action,
)
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.ids import package_base
from airflow_provider_kaizala.server.domain.media import as_announced
from airflow_provider_kaizala.server.domain.response_objects import (
    load_job_responses,
    load_responses,
    may_see_responses,
)
from airflow_provider_kaizala.server.domain.times import as_ms, iso, iso_or_none
from airflow_provider_kaizala.server.store import tables as t
from airflow_provider_kaizala.server.store.media_links import MediaLink, load

LISTED_TYPES = (
    "Image",
    "Document",
    "Job",
    "Survey",
    "Poll",
    "LetsMeet",
    "PhotoWithLocation",
    "ShareLocation",
)
DEFAULT_COUNT = 30
# High enough that all actions of one second fit in a page, as fromDate counts whole seconds.
MAX_COUNT = 5000

_a, _q = t.action.c, t.question.c


def _listing(*wanted: Any) -> Select[Any]:
    """Select a page of a group's actions; built once, as building costs as much as running it."""
    return (
        select(
            t.action,
            t.person.c.mobile.label("creator_mobile"),
            t.post.c.text,
            # Of a poll, which has one question.
            _q.options_json,
        )
        .join(t.person, t.person.c.id == _a.creator_id)
        .join(t.post, t.post.c.reference_id == _a.reference_id)
        .outerjoin(t.question, and_(_a.action_type == "Poll", _q.action_id == _a.id, _q.position == 0))
        .where(
            _a.group_id == bindparam("its_group"),
            _a.action_type == bindparam("its_type"),
            *wanted,
            _a.created_ms >= bindparam("from_ms"),
            _a.deleted_ms.is_(None),
        )
        .order_by(_a.created_ms, _a.seq)
        .limit(bindparam("most"))
    )


_OF_TYPE = _listing()
_OF_PACKAGE = _listing(_a.package_base == bindparam("its_package"))


def list_actions(op: Operation, group_id: str, query: Fields) -> dict[str, object]:
    """List actions of one type, oldest first, from ``fromDate`` (epoch, inclusive) on."""
    access = need_member(find_group(op, group_id))
    if query.optional_text("actionType"):
        listing, wanted = _OF_TYPE, {"its_type": query.choice(LISTED_TYPES, "actionType") or ""}
    elif package_id := query.optional_text("id"):
        listing, wanted = _OF_PACKAGE, {"its_type": PACKAGE, "its_package": package_base(package_id)}
    else:
        raise bad_request("actionType is required")
    from_ms = as_ms(query.integer("fromDate") or 0)
    count = query.integer("count", least=1)
    count = DEFAULT_COUNT if count is None else min(count, MAX_COUNT)
    rows = op.conn.execute(
        listing,
        {**wanted, "its_group": access.id, "from_ms": from_ms, "most": count + 1},
    ).mappings()
    found = [ActionRecord(row, json.loads(row["detail_json"] or "{}"), access) for row in rows]
    page = found[:count]
    parts = ActionParts(op.conn, [action.id for action in page])
    return {
        "actions": [
            {
                "referenceId": action.row["reference_id"],
                "actionType": action.public_type,
                "sender": action.row["creator_mobile"] or "",
                "creationTime": action.row["created_ms"] // 1000,
                "sentAt": iso(action.row["created_ms"]),
                "actionBody": _list_body(op, action, parts),
            }
            for action in page
        ],
        "hasMore": len(found) > count,
    }


def _list_body(op: Operation, action: ActionRecord, parts: ActionParts) -> dict[str, object]:
    row, detail = action.row, action.detail
    if action.type in ("Image", "Document"):
        name = "imageUrl" if action.type == "Image" else "mediaUrl"
        urls = [MediaLink(**ref) for ref in detail.get("media", [])]
        return {name: urls[0] if urls else "", "caption": row["text"]}
    body: dict[str, object] = {
        "actionId": row["id"],
        "title": row["title"],
        "responseCount": parts.responses(action),
    }
    match action.type:
        case "Job":
            assignees = parts.assignees(action.id)
            body |= {
                "assigneeCount": len(assignees),
                "isCompleted": is_done(assignees),
                "dueDate": iso_or_none(row["expires_ms"]),
            }
        case "Poll":
            body |= {"question": row["title"], "choices": load(row["options_json"] or "[]")}
        case "LetsMeet":
            body |= _meeting(detail)
    if action.type in ("Poll", "LetsMeet"):
        body["isSenderOnly"] = row["is_sender_only"]
    if action.type != "Job" and row["expires_ms"] is not None:
        body["expiryDate"] = iso(row["expires_ms"])
    return body


def _meeting(detail: dict[str, Any]) -> dict[str, object]:
    shown: dict[str, object] = {
        "startingTime": iso(detail["starting_ms"]),
        "duration": detail["duration"],
        "agenda": detail["agenda"],
    }
    return {**shown, "place": detail["place"]} if "place" in detail else shown


def get_action(op: Operation, group_id: str, action_id: str, *, with_details: bool) -> dict[str, object]:
    """Return one action, with its responses if asked and if the caller may see them."""
    action = find_action(op, group_id, action_id)
    row = action.row
    return {
        "actionType": action.public_type,
        "actionId": row["id"],
        "referenceId": row["reference_id"],
        "creatorId": row["creator_id"],
        "creatorName": row["creator_name"],
        # A bot has no number.
        **({"sender": row["creator_mobile"]} if row["creator_mobile"] else {}),
        "creationTime": row["created_ms"] // 1000,
        "sentAt": iso(row["created_ms"]),
        "actionDetails": action_details(
            op, action, ActionParts(op.conn, [action.id]), with_responses=with_details
        ),
    }


def is_done(assignees: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether a job is complete: all who were asked are done."""
    return bool(assignees) and all(one["isCompleted"] for one in assignees)


def action_details(
    op: Operation, action: ActionRecord, parts: ActionParts, *, with_responses: bool
) -> dict[str, object]:
    """Return ``actionDetails`` of an action of any type."""
    row, detail = action.row, action.detail
    shown: dict[str, object] = {"title": row["title"], "responseCount": parts.responses(action)}
    if row["expires_ms"] is not None:
        shown["expiryDate"] = iso(row["expires_ms"])
    visible = with_responses and may_see_responses(op, action)
    match action.type:
        case "Job":
            assignees = parts.assignees(action.id)
            done = is_done(assignees)
            shown |= {
                "dueDate": iso_or_none(row["expires_ms"]),
                "assigneeCount": len(assignees),
                "assignee": [{"mobileNumber": one["mobileNumber"], "name": one["name"]} for one in assignees],
                "status": done,
                "isCompleted": done,
            }
        case "Poll" | "LetsMeet":
            shown |= _voted(action, parts, with_counts=visible)
        case "Survey" | "Package":
            shown |= _form(action, parts)
        case _:
            media = [as_announced(ref) for ref in detail.get("media", [])]
            return {"title": row["title"], "text": row["text"], "caption": row["text"], "media": media}
    if with_responses:
        load = load_job_responses if action.type == "Job" else load_responses
        shown["responses"] = load(op, action) if visible else []
    return shown


def _voted(action: ActionRecord, parts: ActionParts, *, with_counts: bool) -> dict[str, object]:
    shown: dict[str, object] = {"isSenderOnly": action.row["is_sender_only"]}
    if action.type == "Poll":
        shown["question"] = action.row["title"]
    else:
        shown |= _meeting(action.detail)
    choices: list[dict[str, object]] = [dict(option) for option in parts.questions(action.id)[0].options]
    if with_counts:
        for choice, count in zip(choices, parts.votes(action.id, len(choices)), strict=True):
            choice["count"] = count
    shown["choices"] = choices
    return shown


def _form(action: ActionRecord, parts: ActionParts) -> dict[str, object]:
    row = action.row
    shown: dict[str, object] = {
        "actionId": action.id,
        **action.detail,
        "acceptMultipleResponses": row["accept_multiple"],
        "isAnonymous": row["is_anonymous"],
        "isSenderOnly": row["is_sender_only"],
        "questions": [
            {
                "title": question.title,
                "type": question.type,
                "isInvisible": question.is_invisible,
                "options": [{"title": option["title"]} for option in question.options],
            }
            for question in parts.questions(action.id)
        ],
    }
    if action.type == PACKAGE:
        shown |= {
            "packageId": row["package_id"],
            "actionPackageId": row["package_base"],
            "version": row["version"],
            "properties": parts.properties(action.id),
        }
    elif row["expires_ms"] is not None:
        shown["dueDate"] = iso(row["expires_ms"])
    return shown
