"""Groups and the people in them, as replies tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_kaizala.client.models.wire import UnreadableReplyError, Wire

GROUP_TYPES = ("Group", "ConnectGroup")
#: how many members one call may name
MEMBERS_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class Member:
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


@dataclass(frozen=True, slots=True)
class Subscriber:
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


@dataclass(frozen=True, slots=True)
class SubscriberOutcome:
    """What became of one number when subscribers were added or removed."""

    mobile_number: str
    done: bool
    reason: str | None = None
    error_code: str | None = None

    @classmethod
    def read_all(cls, body: Any) -> tuple[SubscriberOutcome, ...]:
        """Read ``result``, an object keyed by number; what says nothing of a failure is done."""
        result = Wire(body).get("result")
        if not isinstance(result, Mapping):
            raise UnreadableReplyError("the reply holds no object result")
        return tuple(cls._read(str(number), said) for number, said in result.items())

    @classmethod
    def _read(cls, number: str, said: Any) -> SubscriberOutcome:
        if not isinstance(said, Mapping):
            return cls(number, str(said).strip().lower() != "false")
        wire = Wire(said)
        reason, error_code = wire.text("errorReason"), wire.text("errorCode")
        flag = wire.flag("isAdded") if wire.get("isAdded") is not None else wire.flag("isRemoved")
        return cls(number, not (reason or error_code) if flag is None else flag, reason, error_code)


@dataclass(frozen=True, slots=True)
class Group:
    """A group; counts and role are None where the service left them out."""

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
        wire = Wire(body)
        if wire.get("groupId") is None:
            wrapped = wire.get("groups")
            if isinstance(wrapped, list) and wrapped:
                wire = Wire(wrapped[0])
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


@dataclass(frozen=True, slots=True)
class GroupTree:
    """A group and its sub-groups."""

    group: Group
    sub_groups: tuple[Group, ...]

    @classmethod
    def read(cls, body: Any) -> GroupTree:
        """Read the reply of ``listSubGroups``: the bare parent, or wrapped in ``groups``."""
        wire = Wire(body)
        if wire.get("groupId") is None:
            wrapped = wire.get("groups")
            if isinstance(wrapped, list) and wrapped:
                wire = Wire(wrapped[0])
        return cls(Group.read(body), wire.items("subGroups", Group.read))


@dataclass(frozen=True, slots=True)
class CreatedGroup:
    """A new group."""

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
