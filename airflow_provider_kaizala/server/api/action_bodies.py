"""Reading the ``actionBody`` of each action type; hours from now become times here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.clock import HOUR
from airflow_provider_kaizala.server.domain.access import need_permission
from airflow_provider_kaizala.server.domain.action_bodies import (
    ACTION_TYPES,
    MAX_TITLE,
    MEDIA_TYPES,
    MEETING_CHOICES,
    OPTION_QUESTIONS,
    PACKAGE,
    QUESTION_TYPES,
    ActionDraft,
    Meeting,
    Place,
    PropertyDraft,
    QuestionDraft,
)
from airflow_provider_kaizala.server.domain.context import MEDIA, Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.times import from_iso

_QUESTION_ALIASES = {"date": "DateTime", "multipleoption": "MultiOption"}
# The position in this list is the number some clients send.
PROPERTY_TYPES = (
    "Text",
    "Numeric",
    "Location",
    "DateTime",
    "StringList",
    "Attachment",
    "StringSet",
    "AttachmentList",
)
MAX_HOURS = 24 * 366 * 20
DEFAULT_HOURS = 24
DEFAULT_POLL_HOURS = 720
DEFAULT_MEETING_MINUTES = 30


def read_action(op: Operation, fields: Fields) -> ActionDraft:
    """Read an action of a built-in type or of a custom package."""
    action_type = fields.choice(ACTION_TYPES, "actionType")
    package_id = None if action_type else fields.optional_text("id", most=128)
    if action_type is None and not package_id:
        raise bad_request("actionType or id is required")
    body = fields.object("actionBody")
    if body is None:
        raise bad_request("actionBody is required")
    if action_type is None:
        return replace(_package(body, op.now_ms), package_id=package_id)
    if action_type in MEDIA_TYPES:
        need_permission(op, MEDIA)
    return _READERS[action_type](body, op.now_ms)


def _after_hours(body: Fields, now_ms: int, default: int | None, *names: str) -> int | None:
    # .NET writes 0 where its caller set nothing.
    hours = body.integer(*names, least=0, most=MAX_HOURS) or default
    return None if hours is None else now_ms + hours * HOUR


def _job(body: Fields, now_ms: int) -> ActionDraft:
    return ActionDraft(
        "Job",
        assignees=tuple(body.phones("assignedTo")),
        title=body.text("title", most=MAX_TITLE),
        expires_ms=_after_hours(body, now_ms, DEFAULT_HOURS, "dueDate"),
    )


def _survey(body: Fields, now_ms: int) -> ActionDraft:
    visibility = body.choice(("0", "1", "2", "3"), "visibility") or "0"
    return ActionDraft(
        "Survey",
        questions=read_questions(body),
        description=body.optional_text("description"),
        cover_image=body.optional_text("coverImage"),
        title=body.text("title", most=MAX_TITLE),
        expires_ms=_after_hours(body, now_ms, DEFAULT_HOURS, "dueDate"),
        is_anonymous=body.boolean("isAnonymous"),
        is_sender_only=body.boolean("isSenderOnly") or visibility == "1",
        accept_multiple=body.boolean("acceptMultipleResponses"),
        visibility=visibility,
    )


def _package(body: Fields, now_ms: int) -> ActionDraft:
    return ActionDraft(
        PACKAGE,
        title=body.optional_text("title", most=MAX_TITLE) or "",
        questions=read_questions(body),
        properties=read_properties(body, "properties"),
        expires_ms=_after_hours(body, now_ms, None, "validity", "dueDate"),
        is_anonymous=body.boolean("isAnonymous"),
        is_sender_only=body.boolean("isSenderOnly"),
        accept_multiple=body.boolean("acceptMultipleResponses"),
    )


def _poll(body: Fields, now_ms: int) -> ActionDraft:
    question = body.text("question", "title", most=MAX_TITLE)
    return ActionDraft(
        "Poll",
        title=question,
        questions=(QuestionDraft(question, "SingleOption", options=_titled(body, "choices")),),
        expires_ms=_after_hours(body, now_ms, DEFAULT_POLL_HOURS, "expiryInHours"),
        is_sender_only=body.boolean("isSenderOnly"),
    )


def _meeting(body: Fields, now_ms: int) -> ActionDraft:
    title = body.text("title", most=MAX_TITLE)
    minutes = body.integer("duration", "DurationInMins", least=0, most=60 * 24 * 366)
    place = body.object("place")
    meeting = Meeting(
        starting_ms=from_iso(body.text("startingTime", most=64), body.path("startingTime")),
        duration=minutes or DEFAULT_MEETING_MINUTES,
        agenda=body.optional_text("agenda") or "",
        place=None if place is None else read_place(place),
    )
    choices = tuple({"title": choice} for choice in MEETING_CHOICES)
    return ActionDraft(
        "LetsMeet",
        title=title,
        questions=(QuestionDraft(title, "SingleOption", options=choices),),
        is_sender_only=body.boolean("isSenderOnly"),
        meeting=meeting,
    )


def read_place(place: Fields) -> Place:
    """Read ``{latitude, longitude, name}``, or ``{lt, lg, n}`` as answers have it."""
    short = place.has("lt")
    found: Place = {
        "latitude": place.number("lt" if short else "latitude"),
        "longitude": place.number("lg" if short else "longitude"),
    }
    if name := place.optional_text("name", "n"):
        found["name"] = name
    return found


def _announcement(body: Fields, _now_ms: int) -> ActionDraft:
    return ActionDraft(
        "Announcement",
        title=body.optional_text("Title", most=MAX_TITLE) or "",
        text=body.text("Message"),
        media=tuple(body.texts("MediaResources")),
    )


def _media(action_type: str, body: Fields, _now_ms: int) -> ActionDraft:
    caption = body.optional_text("caption") or ""
    return ActionDraft(
        action_type, title=caption, text=caption, media=(body.text("mediaResource", most=100_000),)
    )


def _titled(body: Fields, name: str) -> tuple[dict[str, str], ...]:
    found = []
    for index, item in enumerate(body.items(name)):
        where = f"{body.path(name)}[{index}]"
        if not isinstance(item, str | dict):
            raise bad_request(f"{where} must be an object with a title")
        option = Fields({"title": item} if isinstance(item, str) else item, f"{where}.")
        titled = {"title": option.text("title")}
        if image := option.optional_text("image", most=100_000):
            titled["image"] = image
        found.append(titled)
    return tuple(found)


def read_questions(body: Fields) -> tuple[QuestionDraft, ...]:
    """Read ``questions``; types in any casing, with their aliases (C10)."""
    questions = []
    for question in body.objects("questions"):
        given = question.text("type", most=40)
        kind = _QUESTION_ALIASES.get(given.strip().lower()) or question.choice(QUESTION_TYPES, "type") or ""
        options = _titled(question, "options")
        questions.append(
            QuestionDraft(
                title=question.text("title"),
                type=kind,
                is_invisible=question.boolean("isInvisible"),
                options=options if kind in OPTION_QUESTIONS else (),
            )
        )
    return tuple(questions)


def read_properties(body: Fields, *names: str) -> tuple[PropertyDraft, ...]:
    """Read properties of a card; the type may be a name or a number, the value is a string."""
    properties = []
    for item in body.objects(*names):
        given = item.raw("type")
        if (isinstance(given, str) and given.strip().isdigit()) or type(given) is int:
            kind = PROPERTY_TYPES[item.integer("type", least=0, most=len(PROPERTY_TYPES) - 1) or 0]
        else:
            kind = item.choice(PROPERTY_TYPES, "type") or "Text"
        properties.append(PropertyDraft(item.text("name", most=500), kind, _property_value(item)))
    return tuple(properties)


def _property_value(item: Fields) -> str:
    value = item.raw("value")
    if isinstance(value, list | dict):
        # Lists and locations travel as JSON in a string; some write them out.
        item = item.over(value=json.dumps(value, ensure_ascii=False))
    return item.optional_text("value", most=100_000) or ""


_READERS: dict[str, Callable[[Fields, int], ActionDraft]] = {
    "Survey": _survey,
    "Job": _job,
    "Poll": _poll,
    "LetsMeet": _meeting,
    "Announcement": _announcement,
    **{one: partial(_media, one) for one in MEDIA_TYPES},
}
