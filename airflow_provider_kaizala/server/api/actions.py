"""Actions over REST: posting, listing, reading, changing cards, reminding."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow_provider_kaizala.server.api.action_bodies import read_action, read_properties
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.api.messages import failed_result, read_audience, read_reply_to
from airflow_provider_kaizala.server.api.responses import render_responses
from airflow_provider_kaizala.server.domain import action_posting, action_records, action_updates
from airflow_provider_kaizala.server.domain.access import find_group, need_member
from airflow_provider_kaizala.server.domain.action_bodies import MEDIA_TYPES, PACKAGE
from airflow_provider_kaizala.server.domain.action_records import ActionParts, ActionRecord, find_action
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.media import as_announced
from airflow_provider_kaizala.server.domain.response_objects import (
    load_job_responses,
    load_responses,
    may_see_responses,
)
from airflow_provider_kaizala.server.domain.times import as_ms, iso, iso_or_none
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
_SURVEY_DETAILS = (("description", "description"), ("coverImage", "cover_image"))


def post_action(op: Operation, group_id: str, fields: Fields) -> Reply:
    """Post an action of a built-in type or of a custom package."""
    access = need_member(find_group(op, group_id))
    draft = read_action(op, fields)
    audience = read_audience(op, access, fields)
    posted = action_posting.post_action(op, access, draft, audience, read_reply_to(fields))
    its_id = {} if draft.type in MEDIA_TYPES else {"actionId": posted.action_id}
    return {"referenceId": posted.reference_id, **its_id, **failed_result(posted.failed)}


def list_actions(op: Operation, group_id: str, query: Fields) -> Reply:
    """List actions of one type, oldest first, from ``fromDate`` (epoch, inclusive) on."""
    access = need_member(find_group(op, group_id))
    package_id = None
    if query.optional_text("actionType"):
        action_type = query.choice(LISTED_TYPES, "actionType") or ""
    elif package_id := query.optional_text("id"):
        action_type = PACKAGE
    else:
        raise bad_request("actionType is required")
    from_ms = as_ms(query.integer("fromDate") or 0)
    count = query.integer("count", least=1)
    count = DEFAULT_COUNT if count is None else min(count, MAX_COUNT)
    page, has_more = action_records.list_actions(op, access, action_type, package_id, from_ms, count)
    parts = ActionParts(op.conn, [action.id for action in page])
    return {"actions": [_listed(action, parts) for action in page], "hasMore": has_more}


def get_action(op: Operation, group_id: str, action_id: str, query: Fields) -> Reply:
    """Return one action, with its responses if asked and if the caller may see them."""
    with_responses = query.boolean("getDetails")
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
            op, action, ActionParts(op.conn, [action.id]), with_responses=with_responses
        ),
    }


def update_action(op: Operation, group_id: str, action_id: str, fields: Fields) -> Reply:
    """Set properties of a card (``updateProperties``); ``version`` -1 means that the last write wins."""
    return _update(op, group_id, action_id, fields, "updateProperties", "actionProperties")


def update_properties(op: Operation, group_id: str, action_id: str, fields: Fields) -> Reply:
    """Set properties of a card in the earlier form (``actionProperties``)."""
    return _update(op, group_id, action_id, fields, "actionProperties", "updateProperties")


def _update(op: Operation, group_id: str, action_id: str, fields: Fields, *names: str) -> Reply:
    """Set properties; the documentation mixes up the two forms, so each takes the name of the other too."""
    card = action_updates.find_card(op, group_id, action_id)
    if not fields.has(*names):
        raise bad_request(f"{names[0]} is required")
    changes = read_properties(fields, *names)
    read_audience(op, card.access, fields)  # only checked: whoever sees the card sees the change
    action_updates.update_card(op, card, changes, fields.integer("version"))
    return {}


def send_reminder(op: Operation, group_id: str, action_id: str, fields: Fields) -> Reply:
    """Send an action again, in a hub group to chosen or all subscribers."""
    action = action_updates.find_remindable(op, group_id, action_id)
    audience = read_audience(op, action.access, fields)
    reference_id = action_updates.remind(op, action, audience)
    return {"referenceId": reference_id, "actionId": action.id, **failed_result(audience.failed)}


# --- How actions are shown --------------------------------------------------------------------------------------------
def _listed(action: ActionRecord, parts: ActionParts) -> Reply:
    return {
        "referenceId": action.row["reference_id"],
        "actionType": action.public_type,
        "sender": action.row["creator_mobile"] or "",
        "creationTime": action.row["created_ms"] // 1000,
        "sentAt": iso(action.row["created_ms"]),
        "actionBody": _list_body(action, parts),
    }


def _list_body(action: ActionRecord, parts: ActionParts) -> Reply:
    row, detail = action.row, action.detail
    if action.type in ("Image", "Document"):
        name = "imageUrl" if action.type == "Image" else "mediaUrl"
        urls = [MediaLink(**ref) for ref in detail.get("media", [])]
        return {name: urls[0] if urls else "", "caption": row["text"]}
    body: Reply = {
        "actionId": row["id"],
        "title": row["title"],
        "responseCount": parts.responses(action),
    }
    match action.type:
        case "Job":
            body |= {
                "assigneeCount": len(parts.assignees(action.id)),
                "isCompleted": parts.is_done(action.id),
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


def _meeting(detail: dict[str, Any]) -> Reply:
    shown: Reply = {
        "startingTime": iso(detail["starting_ms"]),
        "duration": detail["duration"],
        "agenda": detail["agenda"],
    }
    return {**shown, "place": detail["place"]} if "place" in detail else shown


def action_details(op: Operation, action: ActionRecord, parts: ActionParts, *, with_responses: bool) -> Reply:
    """Return ``actionDetails`` of an action of any type."""
    row, detail = action.row, action.detail
    shown: Reply = {"title": row["title"], "responseCount": parts.responses(action)}
    if row["expires_ms"] is not None:
        shown["expiryDate"] = iso(row["expires_ms"])
    visible = with_responses and may_see_responses(op, action)
    match action.type:
        case "Job":
            assignees = parts.assignees(action.id)
            done = parts.is_done(action.id)
            shown |= {
                "dueDate": iso_or_none(row["expires_ms"]),
                "assigneeCount": len(assignees),
                "assignee": [{"mobileNumber": one.mobile, "name": one.name} for one in assignees],
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
        shown["responses"] = render_responses(load(op, action)) if visible else []
    return shown


def _voted(action: ActionRecord, parts: ActionParts, *, with_counts: bool) -> Reply:
    shown: Reply = {"isSenderOnly": action.row["is_sender_only"]}
    if action.type == "Poll":
        shown["question"] = action.row["title"]
    else:
        shown |= _meeting(action.detail)
    return {**shown, "choices": shown_choices(action, parts, with_counts=with_counts)}


def shown_choices(action: ActionRecord, parts: ActionParts, *, with_counts: bool) -> list[Reply]:
    """Return what is voted on, with the votes for each if they may be seen."""
    options = parts.questions(action.id)[0].options
    if not with_counts:
        return [{**option} for option in options]
    counts = parts.votes(action.id, len(options))
    return [{**option, "count": count} for option, count in zip(options, counts, strict=True)]


def _form(action: ActionRecord, parts: ActionParts) -> Reply:
    row = action.row
    shown: Reply = {
        "actionId": action.id,
        **{name: action.detail[key] for name, key in _SURVEY_DETAILS if key in action.detail},
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
            "properties": [asdict(one) for one in parts.properties(action.id)],
        }
    elif row["expires_ms"] is not None:
        shown["dueDate"] = iso(row["expires_ms"])
    return shown
