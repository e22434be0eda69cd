"""What a wait is about (responses, reactions, new actions, messages, new members), and which calls read it.

Whatever is waited for is read into one shape, :class:`~airflow_provider_kaizala.client.models.ActionDetails`: a person who has
done something is a responder, what they did is their answers. A subclass of :class:`Subject` registers itself under its
``kind``; its fields are how it travels to a trigger, which is public and changes only by addition.
"""

from __future__ import annotations

import logging
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls, models
from airflow_provider_kaizala.client.errors import KaizalaForbiddenError
from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.waiting.pattern import is_found
from airflow_provider_kaizala.waiting.people import as_person
from airflow_provider_kaizala.waiting.rules import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_kaizala.client.models import ActionDetails, Member, Reaction, Response
    from airflow_provider_kaizala.client.readings import Reading

log = logging.getLogger(__name__)

#: the types of actions that Kaizala lists, and those of them that people answer
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
ANSWERED_TYPES = ("Job", "Survey", "Poll", "LetsMeet")
_SUBJECTS: dict[str, type[Subject]] = {}
#: action types that have webhook events of their own, as those call them; all others share ``ActionCreated`` and ``ActionResponse``
_OWN_EVENTS = {"survey": "Survey", "job": "Job", "poll": "Poll", "letsmeet": "LetsMeet"}

#: the webhook event of a message
MESSAGES = ("TextMessageCreated",)
#: the newest messages that a wait keeps, besides the newest of each person
MOST_MESSAGES = 100


class Subject(Value):
    """Base: something in a group that people act on."""

    group_id: str
    kind: ClassVar[str]
    #: the field that identifies it in its group
    id_field: ClassVar[str]
    #: fields that subjects must have in common, besides the group, for one poll to read them together
    polled_by: ClassVar[tuple[str, ...]] = ()
    #: whether members of the group are the people who can act
    is_for_members: ClassVar[bool] = True

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "kind" in vars(cls):
            _SUBJECTS[cls.kind] = cls

    @property
    def id(self) -> str:
        """What identifies it in its group, for logs and results."""
        return str(getattr(self, self.id_field))

    @property
    def first_look_counts(self) -> bool:
        """Whether the first look must not be repeated, since it decides what counts from then on."""
        return False

    @property
    def poll_key(self) -> tuple[str, ...]:
        """What subjects have in common that one poll can read together, within one grant."""
        more = ((getattr(self, name) or "").lower() for name in self.polled_by)
        return (self.kind, self.group_id.lower(), *more)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The webhook events that tell of a change; empty if Kaizala sends none."""
        return ()

    def reading(self) -> Reading[ActionDetails]:
        """Read its present state."""
        raise NotImplementedError

    def begin(self, details: ActionDetails) -> Reading[tuple[Subject, ActionDetails]]:
        """Read what else must be known once, after the first look; return the subject with it, and what counts of that look."""
        yield from ()
        return self, details

    def to_wire(self) -> dict[str, Any]:
        """Return the subject as a plain dict."""
        return {"kind": self.kind, **{each.name: plain(getattr(self, each.name)) for each in fields(self)}}


def read_subject(wire: Mapping[str, Any]) -> Subject:
    """Read a subject from a plain dict."""
    given = {str(name): value for name, value in wire.items() if name != "kind"}
    for name in ("sent_at", "since"):
        if isinstance(given.get(name), str):
            given[name] = datetime.fromisoformat(given[name])
    for name in ("before", "people"):
        if isinstance(given.get(name), list):
            given[name] = tuple(given[name])
    return _SUBJECTS[str(wire["kind"])](**given)


class Responses(Subject):
    """Responses to a poll, a survey, a job, a meeting or a custom action.

    :param action_type: once it is known, so that one list can be read for many actions
    :param sent_at: once it is known, since lists are read from then on
    """

    action_id: str
    action_type: str | None = None
    sent_at: datetime | None = None
    kind = "responses"
    id_field = "action_id"
    polled_by = ("action_type",)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The responses to actions of this type."""
        if self.action_type is None:
            return ("ActionResponse", *(f"{each}Response" for each in _OWN_EVENTS.values()))
        return (f"{_OWN_EVENTS.get(self.action_type.lower(), 'Action')}Response",)

    def reading(self) -> Reading[ActionDetails]:
        """Read the action."""
        details: ActionDetails = yield calls.get_action(self.group_id, self.action_id)
        return details

    def begin(self, details: ActionDetails) -> Reading[tuple[Subject, ActionDetails]]:
        """Keep the action's type and time."""
        yield from ()
        return replace(self, action_type=details.action_type, sent_at=details.sent_at), details


class Reactions(Subject):
    """Likes or comments on a message or an action.

    :param source_group_id: the group it was sent in, if that is a parent group
    """

    reference_id: str
    reaction_type: str = "Like"
    source_group_id: str | None = None
    kind = "reactions"
    id_field = "reference_id"

    @property
    def poll_key(self) -> tuple[str, ...]:
        """The group and the source group."""
        return (*super().poll_key, (self.source_group_id or self.group_id).lower())

    def reading(self) -> Reading[ActionDetails]:
        """Read the reactions, and the names of those who reacted from the list of members."""
        found: list[Reaction] = yield calls.list_reactions(
            self.group_id, self.reference_id, self.reaction_type, source_group_id=self.source_group_id
        )
        people: dict[str, Person] = {}
        if found:
            members = yield from _members_for_names(self.group_id)
            people = {each.id.lower(): as_person(each) for each in members}
        return _details(
            self.reaction_type,
            (
                models.Response(
                    people.get(each.user_id.lower(), Person(None, None, each.user_id)),
                    each.reaction_id,
                    each.modified_at,
                    {self.reaction_type: True if each.comment is None else each.comment},
                )
                for each in found
            ),
        )


class Listed(Subject):
    """Base of subjects for which one list serves all waits in a group."""

    def read_list(self, subjects: Sequence[Any]) -> Reading[Any]:
        """Read what all these subjects need, which differ in nothing but what they count."""
        raise NotImplementedError

    def counted(self, found: Any) -> ActionDetails:
        """Return what of the list counts for this subject."""
        raise NotImplementedError

    def reading(self) -> Reading[ActionDetails]:
        """Read the list for this subject alone."""
        return self.counted((yield from self.read_list([self])))


class NewActions(Listed):
    """Actions of a type that people post from a moment on.

    :param ignored: phone number of the sender whose actions do not count; ``""`` to count everyone's; None until it is known
    """

    action_type: str
    since: datetime
    ignored: str | None = None
    kind = "new_actions"
    id_field = "action_type"
    polled_by = ("action_type",)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The posts of actions of this type. Kaizala never sent one for a place or a photo with its place."""
        name = self.action_type.lower()
        if name in ("photowithlocation", "sharelocation"):
            return ()
        if name in ("image", "document"):
            return ("AttachmentCreated",)
        return (f"{_OWN_EVENTS.get(name, 'Action')}Created",)

    def read_list(self, subjects: Sequence[NewActions]) -> Reading[Any]:
        """Read the actions since the earliest moment, and the names of their senders."""
        since = min(each.since for each in subjects)
        found = yield calls.list_actions(self.group_id, self.action_type, since)
        names: dict[str | None, Person] = {}
        if any(each.sender for each in found):
            members = yield from _members_for_names(self.group_id)
            names = {each.mobile_number: as_person(each) for each in members}
        return found, names

    def counted(self, found: Any) -> ActionDetails:
        """Return the actions since this moment as answers.

        Kaizala cuts the time of a post to the second, so what was posted in the second of *since* counts.
        """
        actions, names = found
        first = self.since.replace(microsecond=0)
        return _details(
            self.action_type,
            [
                models.Response(
                    names.get(each.sender, Person(each.sender)),
                    each.action_id or each.reference_id,
                    each.sent_at,
                    {**each.raw, "referenceId": each.reference_id, "actionType": each.action_type},
                )
                for each in actions
                if (each.sent_at is None or each.sent_at >= first)
                and not (self.ignored and each.sender == self.ignored)
            ],
        )

    def begin(self, details: ActionDetails) -> Reading[tuple[Subject, ActionDetails]]:
        """Read who the connector's own user is, whose actions do not count."""
        ignored = yield from _own_number(self)
        return replace(self, ignored=ignored), _without(ignored, details)


class Messages(Subject):
    """Messages that people write from a moment on, as Airflow's receiver has stored them: Kaizala lists none.

    :param conn_id: the connection whose webhooks bring them
    :param pattern: what must be found in the text, see :mod:`.pattern`; None for any text
    :param reply_to: the reference id of what they must reply to; None for any message
    :param ignored: as in :class:`NewActions`
    :param people: phone numbers of the only people whose messages count; None for everyone's
    """

    conn_id: str
    since: datetime
    pattern: str | None = None
    reply_to: str | None = None
    ignored: str | None = None
    people: tuple[str, ...] | None = None
    kind = "messages"
    id_field = "group_id"

    @property
    def id(self) -> str:
        """What the messages have in common."""
        return self.pattern or self.reply_to or "messages"

    @property
    def poll_key(self) -> tuple[str, ...]:
        """The group and the connection."""
        return (*super().poll_key, self.conn_id)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event of a message."""
        return MESSAGES

    def reading(self) -> Reading[ActionDetails]:
        """Read nothing: whoever waits for messages reads them from the receiver."""
        yield from ()
        return self.details(())

    def begin(self, details: ActionDetails) -> Reading[tuple[Subject, ActionDetails]]:
        """Read who the connector's own user is, whose messages do not count."""
        ignored = yield from _own_number(self)
        return replace(self, ignored=ignored), _without(ignored, details)

    def answers(self, events: Iterable[Any]) -> list[Response]:
        """Return those messages that this is about; what the connector's own user has written is among them until that is known.

        :param events: each a :class:`~airflow_provider_kaizala.push.events.KaizalaEvent`
        """
        return [
            models.Response(each.person, each.event_id, each.at, each.to_dict())
            for each in events
            if each.event_type in self.event_types
            and each.received_at >= self.since
            and (self.people is None or each.person.mobile_number in self.people)
            and (not self.ignored or each.person.mobile_number != self.ignored)
            and (self.reply_to is None or (each.reply_to or "").lower() == self.reply_to.lower())
            and (self.pattern is None or is_found(self.pattern, each.text or ""))
        ]

    def newest(self, answers: Sequence[Response]) -> Sequence[Response]:
        """Return the newest of these messages, and before them the newest of each other person, since a rule counts people."""
        if len(answers) <= MOST_MESSAGES:
            return answers
        older, newer = answers[:-MOST_MESSAGES], answers[-MOST_MESSAGES:]
        last = {each.responder.mobile_number or each.responder.id: each for each in older}
        for each in newer:
            last.pop(each.responder.mobile_number or each.responder.id, None)
        return (*last.values(), *newer)

    def details(self, answers: Iterable[Response]) -> ActionDetails:
        """Return the messages that count."""
        return _without(self.ignored, _details("Message", answers))


class NewMembers(Listed):
    """People who join a group.

    :param before: phone numbers of those who were in it at the first look; None before that
    """

    before: tuple[str, ...] | None = None
    kind = "new_members"
    id_field = "group_id"
    is_for_members = False

    @property
    def event_types(self) -> tuple[str, ...]:
        """The events of people who join."""
        return ("MemberAdded", "UserJoined")

    @property
    def first_look_counts(self) -> bool:
        """Yes: it shows who is in the group already."""
        return self.before is None

    def read_list(self, subjects: Sequence[NewMembers]) -> Reading[Any]:
        """Read the members."""
        return (yield calls.list_members(self.group_id))

    def counted(self, found: Iterable[Member]) -> ActionDetails:
        """Return as answers the members who were not there before."""
        known = set(self.before or ())
        return _details(
            "Members",
            [
                models.Response(as_person(each), each.id, None, {"role": each.role})
                for each in found
                if each.mobile_number and each.mobile_number not in known
            ],
        )

    def begin(self, details: ActionDetails) -> Reading[tuple[Subject, ActionDetails]]:
        """Keep who is in the group already: none of them has joined."""
        yield from ()
        if self.before is not None:
            return self, details
        numbers = (response.responder.mobile_number for response in details.responses)
        before = tuple(number for number in numbers if number)
        return replace(self, before=before), replace(details, responses=())


def _members_for_names(group_id: str) -> Reading[tuple[Member, ...]]:
    """Return the members of a group, none where they may not be read: names are a convenience."""
    try:
        members: tuple[Member, ...] = yield calls.list_members(group_id)
    except KaizalaForbiddenError:
        return ()
    return members


def _own_number(subject: NewActions | Messages) -> Reading[str]:
    """Return whose posts do not count: those of the connector's own user, unless the subject knows; empty if nobody's."""
    if subject.ignored is not None:
        return subject.ignored
    try:
        me: Person = yield calls.get_me(subject.group_id)
    except KaizalaForbiddenError as error:
        log.warning("The connector's own user cannot be read, so its own posts count too: %s", error)
        return ""
    return me.mobile_number or ""


def _without(number: str | None, details: ActionDetails) -> ActionDetails:
    kept = tuple(each for each in details.responses if not number or each.responder.mobile_number != number)
    return replace(details, responses=kept)


def _details(kind: str, responses: Iterable[Response]) -> ActionDetails:
    given = tuple(responses)
    # without an action id, a title, a creator and a due date
    return models.ActionDetails(kind, None, None, None, None, len(given), assignees=(), responses=given)
