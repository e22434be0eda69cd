"""Groups, members and subscribers, as replies describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire
from airflow_provider_kaizala.client.value import Value


class Member(Value):
    """A member of a group."""

    id: str
    role: str
    mobile_number: str | None
    name: str | None
    is_provisioned: bool

    @classmethod
    def read(cls, body: Any) -> Member:
        """Read an item of ``members``."""
        wire = Wire(body)
        return cls(
            id=wire.need("id"),
            role=wire.text("role") or "Member",
            mobile_number=wire.text("mobileNumber"),
            name=wire.text("name"),
            is_provisioned=wire.flag("isProvisioned") is not False,
        )


class Subscriber(Value):
    """A subscriber of a hub group."""

    id: str | None
    mobile_number: str | None
    name: str | None
    is_provisioned: bool

    @classmethod
    def read(cls, body: Any) -> Subscriber:
        """Read an item of ``subscribers``."""
        wire = Wire(body)
        return cls(
            wire.text("id"),
            wire.text("mobileNumber"),
            wire.text("name"),
            wire.flag("isProvisioned") is not False,
        )


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
        flag = wire.flag("isAdded") if wire.get("isAdded") is not None else wire.flag("isRemoved")
        return cls(number, not (reason or error_code) if flag is None else flag, reason, error_code)


class Group(Value):
    """A group. Role and count are None where the reply leaves them out."""

    group_id: str
    name: str
    group_type: str
    caller_role: str | None
    user_count: int | None
    has_sub_groups: bool
    has_parent_groups: bool
    welcome_message: str | None

    @classmethod
    def read(cls, body: Any) -> Group:
        """Read a group, bare or wrapped in ``groups``."""
        wire = _unwrapped(body)
        return cls(
            group_id=wire.need("groupId"),
            name=wire.text("groupName", "name") or "",
            group_type=wire.text("groupType") or "Group",
            caller_role=wire.text("callerRole"),
            user_count=wire.integer("userCount"),
            has_sub_groups=wire.flag("hasSubGroups") is True,
            has_parent_groups=wire.flag("hasParentGroups") is True,
            welcome_message=wire.text("welcomeMessage"),
        )


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


class CreatedGroup(Value):
    """A group that was just created."""

    group_id: str
    name: str
    members_added: bool | None
    is_added_as_sub_group: bool

    @classmethod
    def read(cls, body: Any) -> CreatedGroup:
        """Read the reply of ``createGroup``."""
        wire = Wire(body)
        return cls(
            wire.need("groupId"),
            wire.text("groupName", "name") or "",
            wire.flag("membersAdded"),
            wire.flag("isAddedAsSubGroup") is True,
        )
