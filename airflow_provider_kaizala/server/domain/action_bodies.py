"""Actions as they are posted: their types, and what makes one sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired, TypedDict

from airflow_provider_kaizala.server.domain.errors import bad_request

MEDIA_TYPES = ("Image", "Document", "Audio", "Video", "Album")
ACTION_TYPES = ("Survey", "Job", "Poll", "LetsMeet", "Announcement", *MEDIA_TYPES)
PACKAGE = "Package"
OPTION_QUESTIONS = ("SingleOption", "MultiOption")
QUESTION_TYPES = (
    *OPTION_QUESTIONS,
    "Text",
    "Image",
    "Numeric",
    "DateTime",
    "Location",
    "AttachmentList",
    "PhoneNumber",
)
MEETING_CHOICES = ("Yes", "No", "Maybe")
MAX_TITLE = 4000


class Place(TypedDict):
    """Where a meeting is, or where somebody answered; stored as it is."""

    latitude: float
    longitude: float
    name: NotRequired[str]


@dataclass(frozen=True)
class Meeting:
    """When a meeting starts, how many minutes it takes, what it is about, and where."""

    starting_ms: int
    duration: int
    agenda: str = ""
    place: Place | None = None


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
    """An action that is to be posted.

    :param type: of :data:`ACTION_TYPES`, or :data:`PACKAGE` with a package id
    :param questions: of a poll or a meeting one, whose options are voted on
    :param assignees: phone numbers
    :param media: ids of media resources
    """

    type: str
    title: str
    package_id: str | None = None
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
    description: str | None = None
    cover_image: str | None = None
    meeting: Meeting | None = None


def check_draft(draft: ActionDraft) -> None:
    """Refuse an action that nobody could answer."""
    if draft.type == "Survey" and not draft.questions:
        raise bad_request("actionBody.questions must hold at least one question")
    if draft.type == "Job" and not draft.assignees:
        raise bad_request("actionBody.assignedTo must hold at least one phone number")
    if draft.type == "Poll":
        titles = [choice["title"] for choice in draft.questions[0].options]
        if len(titles) < 2:
            raise bad_request("actionBody.choices must hold at least two choices")
        if len(set(titles)) < len(titles):
            raise bad_request("actionBody.choices holds two equal titles")
    for index, question in enumerate(draft.questions):
        if question.type in OPTION_QUESTIONS and not question.options:
            raise bad_request(f"actionBody.questions[{index}].options must hold at least one option")
