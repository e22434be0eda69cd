"""Texts and actions to post, as frozen dataclasses that check their values.

Each model lists its checks by argument, so that one argument can be checked alone (:meth:`Sent.check`) while others are still
templates.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks, forms
from airflow_provider_kaizala.client.models.wire import hours_from, iso, read_due, read_moment
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.client.models.forms import Location, Property, Question

MEDIA_TYPES: Mapping[str, Mapping[str, str]] = {
    "Image": {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png"},
    "Audio": {"mp3": "audio/mpeg", "wav": "audio/wav"},
    "Document": {
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "ppt": "application/vnd.ms-powerpoint",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "pdf": "application/pdf",
    },
    "Video": {"mp4": "video/mp4", "3gpp": "video/3gpp"},
}
MEDIA_KINDS = (*MEDIA_TYPES, "Album")
REACTION_TYPES = ("Like", "Comment")
GROUP_TYPES = ("Group", "ConnectGroup")
#: how many members one call may name
MEMBERS_PER_CALL = 100


def media_type(file_name: str) -> tuple[str, str]:
    """Return kind and MIME type of a file by its extension.

    :raises KaizalaInputError: if Kaizala does not accept such files
    """
    ending = file_name.rpartition(".")[2].lower() if "." in file_name else ""
    for kind, endings in MEDIA_TYPES.items():
        if ending in endings:
            return kind, endings[ending]
    accepted = "; ".join(f"{kind}: {', '.join(endings)}" for kind, endings in MEDIA_TYPES.items())
    refused = f".{ending} files" if ending else "files without an extension"
    raise KaizalaInputError(f"file {file_name!r}: Kaizala does not accept {refused}. It accepts {accepted}")


class Sent(Value):
    """Base of what is sent. Each field listed in ``checks`` is checked and normalised."""

    checks: ClassVar[Mapping[str, Check]] = {}

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name in self.checks:
                object.__setattr__(self, each.name, self.check(each.name, getattr(self, each.name)))

    @classmethod
    def check(cls, name: str, value: Any) -> Any:
        """Check one argument alone; return it as it will be sent.

        :raises KaizalaInputError: if Kaizala would not accept it
        """
        check = cls.checks.get(name)
        return check(name, value) if check else value


class Audience(Sent):
    """Who receives a post, and what it replies to.

    :param subscribers: phone numbers of the subscribers of a hub group who receive it
    :param send_to_all_subscribers: send it to all subscribers of a hub group
    :param reply_to_reference_id: reference id of the message that it replies to; if that was sent to some subscribers, name the
        same ones again
    """

    subscribers: Sequence[str] | None = None
    send_to_all_subscribers: bool = False
    reply_to_reference_id: str | None = None

    checks: ClassVar[Mapping[str, Check]] = {
        "subscribers": checks.optional(checks.phones),
        "send_to_all_subscribers": checks.flag,
        "reply_to_reference_id": checks.optional(checks.identifier),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.subscribers and self.send_to_all_subscribers:
            raise KaizalaInputError("give either subscribers or send_to_all_subscribers=True, not both")

    def to_wire(self) -> dict[str, Any]:
        """Return the fields of the request, without those that have their default."""
        body: dict[str, Any] = {}
        if self.subscribers:
            body["subscribers"] = list(self.subscribers)
        if self.send_to_all_subscribers:
            body["sendToAllSubscribers"] = True
        if self.reply_to_reference_id:
            body["replyToReferenceId"] = self.reply_to_reference_id
        return body


class Message(Sent):
    """A text of up to 4,000 characters."""

    text: str

    checks: ClassVar[Mapping[str, Check]] = {"text": checks.text}


class Action(Sent):
    """Base of the actions that can be posted."""

    action_type: ClassVar[str] = ""

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``; due times are sent as hours from *now*."""
        raise TypeError(f"{type(self).__name__} cannot be posted")

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the request without its audience."""
        return {"actionType": self.action_type, "actionBody": self.body(now)}


class Announcement(Action):
    """A notice with an optional title and files; ``media`` lists media resources that were uploaded before."""

    text: str
    title: str | None = None
    media: Sequence[str] = ()

    action_type: ClassVar[str] = "Announcement"
    checks: ClassVar[Mapping[str, Check]] = {"text": checks.text, "title": checks.optional(checks.title)}

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``, in Pascal case, which is documented for this type only."""
        body: dict[str, Any] = {"Message": self.text}
        if self.title:
            body["Title"] = self.title
        return body | {"MediaResources": list(self.media)} if self.media else body


class Poll(Action):
    """One question with two or more options. ``due``: Kaizala's default is 30 days."""

    question: str
    options: Sequence[str]
    due: datetime | timedelta | str | None = None
    sender_only: bool = False

    action_type: ClassVar[str] = "Poll"
    checks: ClassVar[Mapping[str, Check]] = {
        "question": checks.title,
        "options": checks.options,
        "due": read_due,
        "sender_only": checks.flag,
    }

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``."""
        body: dict[str, Any] = {
            "question": self.question,
            "choices": [{"title": each} for each in self.options],
        }
        if isinstance(self.due, (datetime, timedelta)):
            body["expiryInHours"] = hours_from(now, "due", self.due)
        return body | {"isSenderOnly": True} if self.sender_only else body


def _form(
    now: datetime,
    due: datetime | timedelta | str | None,
    anonymous: bool,
    sender_only: bool,
    accept_multiple_responses: bool,
) -> dict[str, Any]:
    """Return the fields that surveys and custom actions share."""
    body: dict[str, Any] = {
        "isAnonymous": anonymous,
        "isSenderOnly": sender_only,
        "acceptMultipleResponses": accept_multiple_responses,
    }
    if isinstance(due, (datetime, timedelta)):
        body["dueDate"] = hours_from(now, "due", due)
    return body


class Survey(Action):
    """Questions that each person answers. ``due``: Kaizala's default is 24 hours."""

    title: str
    questions: tuple[Question, ...]
    due: datetime | timedelta | str | None = None
    description: str | None = None
    anonymous: bool = False
    sender_only: bool = False
    accept_multiple_responses: bool = False

    action_type: ClassVar[str] = "Survey"
    checks: ClassVar[Mapping[str, Check]] = {
        "title": checks.title,
        "questions": forms.questions,
        "due": read_due,
        "description": checks.optional(checks.text),
        "anonymous": checks.flag,
        "sender_only": checks.flag,
        "accept_multiple_responses": checks.flag,
    }

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``."""
        body: dict[str, Any] = {"title": self.title, "questions": [each.to_wire() for each in self.questions]}
        if self.description:
            body["description"] = self.description
        return body | _form(now, self.due, self.anonymous, self.sender_only, self.accept_multiple_responses)


class Job(Action):
    """A job for named people, complete when all have done it. ``due``: Kaizala's default is 24 hours."""

    title: str
    assigned_to: Sequence[str]
    due: datetime | timedelta | str | None = None

    action_type: ClassVar[str] = "Job"
    checks: ClassVar[Mapping[str, Check]] = {
        "title": checks.title,
        "assigned_to": checks.phones,
        "due": read_due,
    }

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``."""
        body: dict[str, Any] = {"title": self.title, "assignedTo": list(self.assigned_to)}
        if isinstance(self.due, (datetime, timedelta)):
            body["dueDate"] = hours_from(now, "due", self.due)
        return body


class Meeting(Action):
    """A meeting (Let's Meet), which people accept or decline. ``duration`` is in minutes."""

    title: str
    starts_at: datetime | str
    duration: int | timedelta = 30
    place: Location | None = None
    agenda: str | None = None
    sender_only: bool = False

    action_type: ClassVar[str] = "LetsMeet"
    checks: ClassVar[Mapping[str, Check]] = {
        "title": checks.title,
        "starts_at": read_moment,
        "duration": checks.minutes,
        "place": checks.optional(forms.location),
        "agenda": checks.optional(checks.text),
        "sender_only": checks.flag,
    }

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``."""
        starts_at = read_moment("starts_at", self.starts_at)
        if starts_at <= now:
            raise KaizalaInputError(f"starts_at: {iso(starts_at)} has passed; give a time in the future")
        body: dict[str, Any] = {
            "title": self.title,
            "startingTime": iso(starts_at),
            "duration": self.duration,
        }
        if self.place:
            body["place"] = self.place.to_wire()
        if self.agenda:
            body["agenda"] = self.agenda
        return body | {"isSenderOnly": True} if self.sender_only else body


class Media(Action):
    """A file, or an album of several, that was uploaded before."""

    kind: str
    media_resource: str
    caption: str | None = None

    checks: ClassVar[Mapping[str, Check]] = {
        "kind": checks.one_of(*MEDIA_KINDS),
        "media_resource": checks.title,
        "caption": checks.optional(checks.text),
    }

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``."""
        body = {"mediaResource": self.media_resource}
        return body | {"caption": self.caption} if self.caption else body

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the request without its audience; the kind of file is the action type."""
        return {"actionType": self.kind, "actionBody": self.body(now)}


class Package(Action):
    """A custom action: an action package with its own questions and properties.

    :param package_id: id of the action package, with its ``.version`` if it has one
    :param validity: when it stops accepting responses
    """

    package_id: str
    title: str | None = None
    questions: tuple[Question, ...] = ()
    properties: tuple[Property, ...] = ()
    validity: datetime | timedelta | str | None = None
    due: datetime | timedelta | str | None = None
    anonymous: bool = False
    sender_only: bool = False
    accept_multiple_responses: bool = False

    checks: ClassVar[Mapping[str, Check]] = {
        "package_id": checks.package_id,
        "title": checks.optional(checks.title),
        "questions": forms.maybe_questions,
        "properties": forms.properties,
        "validity": read_due,
        "due": read_due,
        "anonymous": checks.flag,
        "sender_only": checks.flag,
        "accept_multiple_responses": checks.flag,
    }

    def body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``."""
        body: dict[str, Any] = {
            "questions": [each.to_wire() for each in self.questions],
            "properties": [each.to_wire() for each in self.properties],
        }
        if self.title:
            body["title"] = self.title
        if isinstance(self.validity, (datetime, timedelta)):
            body["validity"] = hours_from(now, "validity", self.validity)
        return body | _form(now, self.due, self.anonymous, self.sender_only, self.accept_multiple_responses)

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the request without its audience; a package is named by ``id``."""
        return {"id": self.package_id, "actionBody": self.body(now)}
