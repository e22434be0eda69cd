"""Calls about members of groups and subscribers of hub groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.call import Call, done, listed, make
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.groups import Member, Subscriber, SubscriberOutcome
from airflow_provider_kaizala.client.models.wire import Wire, filled
from airflow_provider_kaizala.client.paging import Page, Paged

if TYPE_CHECKING:
    from collections.abc import Sequence

SUBSCRIBERS_PER_PAGE = 50


def list_members(group_id: str) -> Call[tuple[Member, ...]]:
    """List the members of a group."""
    return make("listMembers", listed("members", Member.read), group_id)


def add_members(group_id: str, members: Sequence[str]) -> Call[bool]:
    """Add members by phone number."""
    return make("addMembers", done, group_id, body={"members": list(checks.phones("members", members))})


def update_member(group_id: str, member_id: str, role: str) -> Call[bool]:
    """Change a member's role: ``Admin`` or ``Member``."""
    body = {"role": checks.one_of("Admin", "Member")("role", role)}
    return make("updateMember", done, group_id, at={"memberId": member_id}, body=body)


def remove_member(group_id: str, member_id: str) -> Call[bool]:
    """Remove a member by the id that :func:`list_members` returns."""
    return make("removeMember", done, group_id, at={"memberId": member_id})


def list_subscribers(group_id: str, count: int = SUBSCRIBERS_PER_PAGE) -> Paged[Subscriber]:
    """List the subscribers of a hub group, fetching *count* (at most 50) with each call."""
    size = min(checks.whole_number(1)("count", count), SUBSCRIBERS_PER_PAGE)

    def page(cursor: str | None) -> Call[Page[Subscriber]]:
        return make("listSubscribers", _read_page, group_id, body=filled(count=size, cursor=cursor))

    return Paged(page, key=lambda each: each.id or each.mobile_number)


def first_subscribers(group_id: str) -> Call[Page[Subscriber]]:
    """Read the first page of subscribers with the older operation, which has no further pages."""
    return make("listSubscribersGet", _read_page, group_id)


def _read_page(body: Any) -> Page[Subscriber]:
    return Page(listed("subscribers", Subscriber.read)(body), Wire(body).text("cursor"))


def add_subscribers(group_id: str, subscribers: Sequence[str]) -> Call[tuple[SubscriberOutcome, ...]]:
    """Add subscribers by phone number; returns the outcome for each."""
    return _change("addSubscribers", group_id, subscribers)


def remove_subscribers(group_id: str, subscribers: Sequence[str]) -> Call[tuple[SubscriberOutcome, ...]]:
    """Remove subscribers by phone number; returns the outcome for each."""
    return _change("removeSubscribers", group_id, subscribers)


def _change(operation: str, group_id: str, numbers: Sequence[str]) -> Call[tuple[SubscriberOutcome, ...]]:
    body = {"subscribers": list(checks.phones("subscribers", numbers))}
    return make(operation, SubscriberOutcome.read_all, group_id, body=body)
