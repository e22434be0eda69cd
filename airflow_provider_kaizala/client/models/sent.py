"""Texts and actions to post, as frozen dataclasses that check their values.

Each field has its own check, so that one argument can be checked alone (:meth:`Sent.check`) while others are still templates.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks, forms
from airflow_provider_kaizala.client.models.wire import filled, hours_from, iso, read_hours, read_moment
from airflow_provider_kaizala.client.value import Value, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

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
    """Base of what is sent. Each field that has a check is checked and normalised."""

    checks: ClassVar[Mapping[str, Check]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.checks = {each.name: each.metadata["check"] for each in fields(cls) if each.metadata}

    def __post_init__(self) -> None:
        for name in self.checks:
            object.__setattr__(self, name, self.check(name, getattr(self, name)))

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

    subscribers: Sequence[str] | None = checked(checks.optional(checks.phones), default=None)
    send_to_all_subscribers: bool = checked(checks.flag, default=False)
    reply_to_reference_id: str | None = checked(checks.optional(checks.identifier), default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.subscribers and self.send_to_all_subscribers:
            raise KaizalaInputError("give either subscribers or send_to_all_subscribers=True, not both")

    def to_wire(self) -> dict[str, Any]:
        """Return the fields of the request, without those that have their default."""
        return filled(
            subscribers=list(self.subscribers or ()),
            sendToAllSubscribers=self.send_to_all_subscribers,
            replyToReferenceId=self.reply_to_reference_id,
        )


class Message(Sent):
    """A text of up to 4,000 characters."""

    text: str = checked(checks.text)


class Action(Sent):
    """Base of the actions that can be posted."""

    action_type: ClassVar[str] = ""

    def _body(self, now: datetime) -> dict[str, Any]:
        """Return ``actionBody``; due times are sent as hours from *now*."""
        raise TypeError(f"{type(self).__name__} cannot be posted")

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the request without its audience."""
        return {"actionType": self.action_type, "actionBody": self._body(now)}


class Announcement(Action):
    """A notice with an optional title and files; ``media`` lists media resources that were uploaded before."""

    text: str = checked(checks.text)
    title: str | None = checked(checks.optional(checks.text), default=None)
    media: Sequence[str] = ()

    action_type: ClassVar[str] = "Announcement"

    def _body(self, now: datetime) -> dict[str, Any]:
        # Pascal case is documented for this type only
        return filled(Message=self.text, Title=self.title, MediaResources=list(self.media))


class Poll(Action):
    """One question with two or more options. ``due``: Kaizala's default is 30 days."""

    question: str = checked(checks.text)
    options: Sequence[str] = checked(checks.options)
    due: datetime | timedelta | str | None = checked(read_hours, default=None)
    sender_only: bool = checked(checks.flag, default=False)

    action_type: ClassVar[str] = "Poll"

    def _body(self, now: datetime) -> dict[str, Any]:
        return filled(
            question=self.question,
            choices=[{"title": each} for each in self.options],
            expiryInHours=hours_from(now, "due", self.due),
            isSenderOnly=self.sender_only,
        )


def _form(form: Survey | Package, now: datetime) -> dict[str, Any]:
    """Return the fields that surveys and custom actions share."""
    return {
        **filled(title=form.title, dueDate=hours_from(now, "due", form.due)),
        "questions": [each.to_wire() for each in form.questions],
        "isAnonymous": form.anonymous,
        "isSenderOnly": form.sender_only,
        "acceptMultipleResponses": form.accept_multiple_responses,
    }


class Survey(Action):
    """Questions that each person answers. ``due``: Kaizala's default is 24 hours."""

    title: str = checked(checks.text)
    questions: tuple[Question, ...] = checked(forms.questions)
    due: datetime | timedelta | str | None = checked(read_hours, default=None)
    description: str | None = checked(checks.optional(checks.text), default=None)
    anonymous: bool = checked(checks.flag, default=False)
    sender_only: bool = checked(checks.flag, default=False)
    accept_multiple_responses: bool = checked(checks.flag, default=False)

    action_type: ClassVar[str] = "Survey"

    def _body(self, now: datetime) -> dict[str, Any]:
        return {**_form(self, now), **filled(description=self.description)}


class Job(Action):
    """A job for named people, complete when all have done it. ``due``: Kaizala's default is 24 hours."""

    title: str = checked(checks.text)
    assigned_to: Sequence[str] = checked(checks.phones)
    due: datetime | timedelta | str | None = checked(read_hours, default=None)

    action_type: ClassVar[str] = "Job"

    def _body(self, now: datetime) -> dict[str, Any]:
        due = hours_from(now, "due", self.due)
        return filled(title=self.title, assignedTo=list(self.assigned_to), dueDate=due)


class Meeting(Action):
    """A meeting (Let's Meet), which people accept or decline. ``duration`` is in minutes."""

    title: str = checked(checks.text)
    starts_at: datetime | str = checked(read_moment)
    duration: int | timedelta = checked(checks.minutes, default=30)
    place: Location | None = checked(checks.optional(forms.location), default=None)
    agenda: str | None = checked(checks.optional(checks.text), default=None)
    sender_only: bool = checked(checks.flag, default=False)

    action_type: ClassVar[str] = "LetsMeet"

    def _body(self, now: datetime) -> dict[str, Any]:
        starts_at = read_moment("starts_at", self.starts_at)
        if starts_at <= now:
            raise KaizalaInputError(f"starts_at: {iso(starts_at)} has passed; give a time in the future")
        return filled(
            title=self.title,
            startingTime=iso(starts_at),
            duration=self.duration,
            place=self.place and self.place.to_wire(),
            agenda=self.agenda,
            isSenderOnly=self.sender_only,
        )


class Media(Action):
    """A file, or an album of several, that was uploaded before. Its kind is the action type."""

    kind: str = checked(checks.one_of(*MEDIA_KINDS))
    media_resource: str = checked(checks.title)
    caption: str | None = checked(checks.optional(checks.text), default=None)

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the request without its audience."""
        body = filled(mediaResource=self.media_resource, caption=self.caption)
        return {"actionType": self.kind, "actionBody": body}


class Package(Action):
    """A custom action: an action package with its own questions and properties.

    :param package_id: id of the action package, with its ``.version`` if it has one
    :param validity: when it stops accepting responses
    """

    package_id: str = checked(checks.package_id)
    title: str | None = checked(checks.optional(checks.text), default=None)
    questions: tuple[Question, ...] = checked(forms.maybe_questions, default=())
    properties: tuple[Property, ...] = checked(forms.properties, default=())
    validity: datetime | timedelta | str | None = checked(read_hours, default=None)
    due: datetime | timedelta | str | None = checked(read_hours, default=None)
    anonymous: bool = checked(checks.flag, default=False)
    sender_only: bool = checked(checks.flag, default=False)
    accept_multiple_responses: bool = checked(checks.flag, default=False)

    def to_wire(self, now: datetime) -> dict[str, Any]:
        """Return the request without its audience; a package is named by ``id``."""
        body = {
            **_form(self, now),
            **filled(validity=hours_from(now, "validity", self.validity)),
            "properties": [each.to_wire() for each in self.properties],
        }
        return {"id": self.package_id, "actionBody": body}
