"""Reading the ``actionBody`` of each action type; hours from now become times here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from airflow_provider_kaizala.server.clock import HOUR
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.times import from_iso

MEDIA_TYPES = ("Image", "Document", "Audio", "Video", "Album")
ACTION_TYPES = ("Survey", "Job", "Poll", "LetsMeet", "Announcement", *MEDIA_TYPES)
PACKAGE = "Package"
QUESTION_TYPES = (
    "SingleOption",
    "MultiOption",
    "Text",
    "Image",
    "Numeric",
    "DateTime",
    "Location",
    "AttachmentList",
    "PhoneNumber",
)
_QUESTION_ALIASES = {"date": "DateTime", "multipleoption": "MultiOption"}
OPTION_QUESTIONS = ("SingleOption", "MultiOption")
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
MEETING_CHOICES = ("Yes", "No", "Maybe")
MAX_TITLE = 4000
MAX_HOURS = 24 * 366 * 20
DEFAULT_HOURS = 24
DEFAULT_POLL_HOURS = 720
DEFAULT_MEETING_MINUTES = 30


class Place(TypedDict):
    """Where a meeting is, or where somebody answered; stored as it is."""

    latitude: float
    longitude: float
    name: NotRequired[str]


@dataclass(frozen=True)
class QuestionDraft:
    """A question; options are ``{"title": ..., "image": ...}``."""

    title: str
    type: str
    is_invisible: bool = False
    options: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class PropertyDraft:
    """A named value on a custom card."""

    name: str
    type: str
    value: str


@dataclass(frozen=True)
class ActionDraft:
    """A checked action, ready to be stored."""

    title: str
    expires_ms: int | None = None
    questions: tuple[QuestionDraft, ...] = ()
    properties: tuple[PropertyDraft, ...] = ()
    assignees: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    text: str = ""
    is_anonymous: bool = False
    is_sender_only: bool = False
    accept_multiple: bool = False
    visibility: str = "0"
    detail: dict[str, object] = field(default_factory=dict)


def read_body(action_type: str, body: Fields, now_ms: int) -> ActionDraft:
    """Check the body of an action of a type (or :data:`PACKAGE`)."""
    return _READERS[action_type](body, now_ms)


def _after_hours(body: Fields, now_ms: int, default: int | None, *names: str) -> int | None:
    # .NET writes 0 where its caller set nothing.
    hours = body.integer(*names, least=0, most=MAX_HOURS) or default
    return None if hours is None else now_ms + hours * HOUR


def _job(body: Fields, now_ms: int) -> ActionDraft:
    assignees = tuple(body.phones("assignedTo"))
    if not assignees:
        raise bad_request(f"{body.path('assignedTo')} must hold at least one phone number")
    return ActionDraft(
        title=body.text("title", most=MAX_TITLE),
        assignees=assignees,
        expires_ms=_after_hours(body, now_ms, DEFAULT_HOURS, "dueDate"),
    )


def _survey(body: Fields, now_ms: int) -> ActionDraft:
    questions = read_questions(body)
    if not questions:
        raise bad_request(f"{body.path('questions')} must hold at least one question")
    detail: dict[str, object] = {}
    for name in ("description", "coverImage"):
        if (text := body.optional_text(name)) is not None:
            detail[name] = text
    visibility = body.choice(("0", "1", "2", "3"), "visibility") or "0"
    return ActionDraft(
        title=body.text("title", most=MAX_TITLE),
        questions=questions,
        expires_ms=_after_hours(body, now_ms, DEFAULT_HOURS, "dueDate"),
        is_anonymous=body.boolean("isAnonymous"),
        is_sender_only=body.boolean("isSenderOnly") or visibility == "1",
        accept_multiple=body.boolean("acceptMultipleResponses"),
        visibility=visibility,
        detail=detail,
    )


def _package(body: Fields, now_ms: int) -> ActionDraft:
    return ActionDraft(
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
    choices = _titled(body, "choices")
    if len(choices) < 2:
        raise bad_request(f"{body.path('choices')} must hold at least two choices")
    if len({choice["title"] for choice in choices}) < len(choices):
        raise bad_request(f"{body.path('choices')} holds two equal titles")
    return ActionDraft(
        title=question,
        questions=(QuestionDraft(question, "SingleOption", options=choices),),
        expires_ms=_after_hours(body, now_ms, DEFAULT_POLL_HOURS, "expiryInHours"),
        is_sender_only=body.boolean("isSenderOnly"),
    )


def _meeting(body: Fields, now_ms: int) -> ActionDraft:
    title = body.text("title", most=MAX_TITLE)
    minutes = body.integer("duration", "DurationInMins", least=0, most=60 * 24 * 366)
    detail: dict[str, object] = {
        "starting_ms": from_iso(body.text("startingTime", most=64), body.path("startingTime")),
        "duration": minutes or DEFAULT_MEETING_MINUTES,
        "agenda": body.optional_text("agenda") or "",
    }
    if place := body.object("place"):
        detail["place"] = read_place(place)
    choices = tuple({"title": choice} for choice in MEETING_CHOICES)
    return ActionDraft(
        title=title,
        questions=(QuestionDraft(title, "SingleOption", options=choices),),
        is_sender_only=body.boolean("isSenderOnly"),
        detail=detail,
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
        title=body.optional_text("Title", most=MAX_TITLE) or "",
        text=body.text("Message"),
        media=tuple(body.texts("MediaResources")),
    )


def _media(body: Fields, _now_ms: int) -> ActionDraft:
    caption = body.optional_text("caption") or ""
    return ActionDraft(title=caption, text=caption, media=(body.text("mediaResource", most=100_000),))


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
        if kind in OPTION_QUESTIONS and not options:
            raise bad_request(f"{question.path('options')} must hold at least one option")
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
        number = item.raw("type")
        if isinstance(number, str) and number.strip().isdigit():
            number = int(number)
        if isinstance(number, int) and not isinstance(number, bool):
            if not 0 <= number < len(PROPERTY_TYPES):
                raise bad_request(f"{item.path('type')} must be between 0 and {len(PROPERTY_TYPES) - 1}")
            kind = PROPERTY_TYPES[number]
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
    PACKAGE: _package,
    **dict.fromkeys(MEDIA_TYPES, _media),
}
