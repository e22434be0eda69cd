"""A webhook event of Kaizala, typed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire, iso
from airflow_provider_kaizala.client.storable import REPLACEMENT
from airflow_provider_kaizala.client.value import Value

#: characters of an event's id, and of its type
MAX_EVENT_ID = 200
MAX_EVENT_TYPE = 64


class EventDict(TypedDict):
    """A :class:`KaizalaEvent` as plain JSON: ``person`` has ``mobile_number``, ``name`` and ``id``, and ``at`` is ISO 8601 in UTC."""

    event_id: str
    event_type: str
    group_id: str | None
    action_id: str | None
    reply_to: str | None
    person: dict[str, str | None]
    text: str | None
    at: str
    data: dict[str, Any]


class KaizalaEvent(Value):
    """What happened in a group. Events of types that this version does not know are read too.

    :param event_id: Kaizala's id of the event, the same in each delivery of it
    :param event_type: one of :data:`~airflow_provider_kaizala.client.models.EVENT_TYPES`, such as ``TextMessageCreated``, or a newer one
    :param group_id: the group that the event tells of; None if it names none
    :param action_id: the action that was created or answered; None for other events
    :param person: who did it, with ``mobile_number``, ``name`` and ``id`` as far as Kaizala tells; all are None if it was anonymous.
        A bot has no number
    :param text: the text of a message or announcement, or the caption of an attachment
    :param data: the event's own part, as Kaizala has sent it
    :param at: when it happened: the time of a response where Kaizala tells it, else when Airflow received it
    :param received_at: when Airflow received it
    :param cursor: the place of the event among those of its connection: later ones have greater numbers
    :param object_type: what the webhook watches that brought the event: Group, Action or ActionPackage
    :param object_id: the id of that
    :param reply_to: the reference id of what a message replies to, where the server tells it, as ``kaizala-server`` does
    """

    event_id: str
    event_type: str
    group_id: str | None
    action_id: str | None
    person: Person
    text: str | None
    data: dict[str, Any]
    at: datetime
    received_at: datetime
    cursor: int
    object_type: str | None = None
    object_id: str | None = None
    reply_to: str | None = None

    @classmethod
    def read(
        cls, body: Mapping[str, Any], *, received_at: datetime | None = None, cursor: int = 0
    ) -> KaizalaEvent:
        """Read the JSON object that Kaizala has posted. Names may be in any case.

        :param received_at: when it was received; now by default
        :raises UnreadableReplyError: if it has no usable event id or no event type
        """
        wire = Wire(body, "the event")
        data = wire.inner("data")
        given = wire.get("data")
        object_type, object_id = wire.text("objectType"), wire.text("objectId")
        is_group = (object_type or "").lower() == "group"
        received_at = received_at or datetime.now(tz=UTC)
        return cls(
            event_id=_word(wire, "eventId", MAX_EVENT_ID),
            event_type=_word(wire, "eventType", MAX_EVENT_TYPE),
            group_id=object_id if is_group and object_id else data.text("groupId"),
            action_id=data.text("actionId") or (object_id if object_type == "Action" else None),
            person=_person(wire, data),
            text=data.text("text", "message", "caption"),
            data=dict(given) if isinstance(given, Mapping) else {},
            at=_responded_at(data) or received_at,
            received_at=received_at,
            cursor=cursor,
            object_type=object_type,
            object_id=object_id,
            reply_to=data.text("replyToReferenceId"),
        )

    def to_dict(self) -> EventDict:
        """Return the event as plain JSON, as it can be handed on to other tasks."""
        return {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "group_id": self.group_id,
            "action_id": self.action_id,
            "reply_to": self.reply_to,
            "person": {
                "mobile_number": self.person.mobile_number,
                "name": self.person.name,
                "id": self.person.id,
            },
            "text": self.text,
            "at": iso(self.at),
            "data": self.data,
        }


def _word(wire: Wire, name: str, most: int) -> str:
    """Return a text that any database can hold and any log can show."""
    found = wire.need(name)
    if len(found) > most or not found.isprintable() or REPLACEMENT in found:
        raise UnreadableReplyError(f"{wire.what}: {name} must have 1 to {most} printable characters")
    return found


def _person(wire: Wire, data: Wire) -> Person:
    sender = Person(wire.text("fromUser"), wire.text("fromUserName"), wire.text("fromUserId"))
    if sender != Person() or data.flag("isAnonymous"):
        return sender
    job = data.inner("responseDetails").inner("response")
    return Person(
        data.text("responder") or job.text("assignee"),
        data.text("responderName") or job.text("assigneeName"),
        data.text("responderId"),
    )


def _responded_at(data: Wire) -> datetime | None:
    """Return the answer to the question ``ResponseTime``, which Kaizala itself appends to each response."""
    answers = data.inner("responseDetails").get("responseWithQuestions")
    for each in reversed(answers if isinstance(answers, list) else []):
        if isinstance(each, Mapping):
            entry = Wire(each)
            if entry.text("title") == "ResponseTime" and entry.flag("isInvisible"):
                return entry.time("answer")
    return None
