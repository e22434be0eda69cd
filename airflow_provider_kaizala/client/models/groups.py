"""Groups, members and subscribers, as replies describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from airflow_provider_kaizala.client.models.wire import Received, UnreadableReplyError, Wire
from airflow_provider_kaizala.client.value import Value


class Member(Received):
    """A member of a group."""

    id: str
    role: str = "Member"
    mobile_number: str | None = None
    name: str | None = None
    is_provisioned: bool = True


class Subscriber(Received):
    """A subscriber of a hub group."""

    id: str | None
    mobile_number: str | None
    name: str | None
    is_provisioned: bool = True


class SubscriberOutcome(Value):
    """Whether one phone number was added to the subscribers or removed, and if not, why."""

    mobile_number: str
    done: bool
    reason: str | None = None
    error_code: str | None = None

    @classmethod
    def read_all(cls, body: Any) -> tuple[SubscriberOutcome, ...]:
        """Read ``result``, an object keyed by phone number. An entry that reports no failure counts as done."""
        result = Wire(body).get("result")
        if not isinstance(result, Mapping):
            raise UnreadableReplyError("the reply contains no object result")
        return tuple(cls._read(str(number), said) for number, said in result.items())

    @classmethod
    def _read(cls, number: str, said: Any) -> SubscriberOutcome:
        if not isinstance(said, Mapping):
            return cls(number, str(said).strip().lower() != "false")
        wire = Wire(said)
        reason, error_code = wire.text("errorReason"), wire.text("errorCode")
        done = wire.flag("isAdded", "isRemoved")
        return cls(number, not (reason or error_code) if done is None else done, reason, error_code)


class Group(Received):
    """A group. Role and count are None where the reply leaves them out."""

    group_id: str
    name: str = ""
    group_type: str = "Group"
    caller_role: str | None = None
    user_count: int | None = None
    has_sub_groups: bool = False
    has_parent_groups: bool = False
    welcome_message: str | None = None

    names: ClassVar = {"name": ("groupName", "name")}

    @classmethod
    def read(cls, body: Any) -> Self:
        """Read a group, bare or wrapped in ``groups``."""
        return cls.from_wire(_unwrapped(body))


class GroupTree(Value):
    """A group and its sub-groups."""

    group: Group
    sub_groups: tuple[Group, ...]

    @classmethod
    def read(cls, body: Any) -> GroupTree:
        """Read the reply of ``listSubGroups``: the parent, bare or wrapped in ``groups``."""
        return cls(Group.read(body), _unwrapped(body).items("subGroups", Group.read))


def _unwrapped(body: Any) -> Wire:
    wire = Wire(body)
    wrapped = wire.get("groups")
    if wire.get("groupId") is None and isinstance(wrapped, list) and wrapped:
        return Wire(wrapped[0])
    return wire


class CreatedGroup(Received):
    """A group that was just created."""

    group_id: str
    name: str = ""
    members_added: bool | None = None
    is_added_as_sub_group: bool = False

    names: ClassVar = {"name": ("groupName", "name")}
