"""What is waited on: answers to an action, reactions, posts, members. Pure: says what to read, reads nothing.

Each travels to a trigger as plain keyword arguments, which are public and change only by addition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import readings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.client.readings import Reading


@dataclass(frozen=True)
class Subject:
    """Base: something in a group."""

    group_id: str
    kind: ClassVar[str]

    @property
    def id(self) -> str:
        """What names it in its group."""
        raise NotImplementedError

    @property
    def needs_first_look(self) -> bool:
        """Whether a first look must tell what counts from then on."""
        return False

    def reading(self) -> Reading[ActionDetails]:
        """Return what to read, now."""
        raise NotImplementedError

    def to_wire(self) -> dict[str, Any]:
        """Return it as it travels."""
        return {"kind": self.kind, "group_id": self.group_id}

    def seen(self, details: ActionDetails) -> tuple[Subject, ActionDetails]:
        """Return it with what a first look has told, and what of that look counts."""
        return self, details


@dataclass(frozen=True)
class ActionAnswers(Subject):
    """Answers to a poll, a survey, a job, a meeting or a custom action.

    :param action_type: once it is known; so that one list tells of many actions
    :param sent_at: once it is known; lists begin there
    """

    action_id: str
    action_type: str | None = None
    sent_at: datetime | None = None
    kind: ClassVar[str] = "action"

    @property
    def id(self) -> str:
        """The action id."""
        return self.action_id

    def reading(self) -> Reading[ActionDetails]:
        """Read the action."""
        return readings.action(self.group_id, self.action_id)

    def to_wire(self) -> dict[str, Any]:
        """Return it as it travels."""
        sent_at = self.sent_at.isoformat() if self.sent_at else None
        return {
            **super().to_wire(),
            "action_id": self.action_id,
            "action_type": self.action_type,
            "sent_at": sent_at,
        }

    def seen(self, details: ActionDetails) -> tuple[Subject, ActionDetails]:
        """Return it with type and time."""
        return ActionAnswers(self.group_id, self.action_id, details.action_type, details.sent_at), details


@dataclass(frozen=True)
class Reactions(Subject):
    """Likes or comments on something that was posted.

    :param source_group_id: the group it was sent in, if that is one above
    """

    reference_id: str
    reaction_type: str = "Like"
    source_group_id: str | None = None
    kind: ClassVar[str] = "reactions"

    @property
    def id(self) -> str:
        """The reference id."""
        return self.reference_id

    def reading(self) -> Reading[ActionDetails]:
        """Read the reactions."""
        return readings.reactions(self.group_id, self.reference_id, self.reaction_type, self.source_group_id)

    def to_wire(self) -> dict[str, Any]:
        """Return it as it travels."""
        return {
            **super().to_wire(),
            "reference_id": self.reference_id,
            "reaction_type": self.reaction_type,
            "source_group_id": self.source_group_id,
        }


@dataclass(frozen=True)
class Posts(Subject):
    """Actions of a type that somebody posts from a moment on."""

    action_type: str
    since: datetime
    kind: ClassVar[str] = "posts"

    @property
    def id(self) -> str:
        """The type."""
        return self.action_type

    def reading(self) -> Reading[ActionDetails]:
        """Read the list."""
        return readings.posts(self.group_id, self.action_type, self.since)

    def to_wire(self) -> dict[str, Any]:
        """Return it as it travels."""
        return {**super().to_wire(), "action_type": self.action_type, "since": self.since.isoformat()}


@dataclass(frozen=True)
class Joined(Subject):
    """People who join a group.

    :param before: phone numbers of those who were in it at the first look; None before that
    """

    before: tuple[str, ...] | None = None
    kind: ClassVar[str] = "members"

    @property
    def id(self) -> str:
        """The group."""
        return self.group_id

    @property
    def needs_first_look(self) -> bool:
        """Who is in the group already has not joined."""
        return self.before is None

    def reading(self) -> Reading[ActionDetails]:
        """Read the members."""
        return readings.joined(self.group_id, self.before or ())

    def to_wire(self) -> dict[str, Any]:
        """Return it as it travels."""
        return {**super().to_wire(), "before": None if self.before is None else list(self.before)}

    def seen(self, details: ActionDetails) -> tuple[Subject, ActionDetails]:
        """Return it with who is there already; none of those has joined."""
        if self.before is not None:
            return self, details
        numbers = (response.responder.mobile_number for response in details.responses)
        return Joined(self.group_id, tuple(number for number in numbers if number)), replace(
            details, responses=()
        )


def read_subject(wire: Mapping[str, Any]) -> Subject:
    """Read a subject as it travels."""
    given = {str(name): value for name, value in wire.items() if name != "kind"}
    for name in ("sent_at", "since"):
        if isinstance(given.get(name), str):
            given[name] = datetime.fromisoformat(given[name])
    if isinstance(given.get("before"), list):
        given["before"] = tuple(given["before"])
    made = {each.kind: each for each in (ActionAnswers, Reactions, Posts, Joined)}
    return made[str(wire["kind"])](**given)
