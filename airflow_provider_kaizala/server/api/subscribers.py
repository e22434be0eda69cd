"""Subscribers of a hub group over REST."""

from __future__ import annotations

from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.api.members import NO_NUMBER, shown_person
from airflow_provider_kaizala.server.domain import subscribers
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_admin, need_member
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import bad_request
from airflow_provider_kaizala.server.domain.persons import PHONE
from airflow_provider_kaizala.server.domain.subscribers import PAGE, need_hub

_MAX_SHOWN = 100
_NOT_SUBSCRIBED = {"errorReason": "Not a subscriber of the group", "errorCode": "UserNotSubscribed"}


def first_subscribers(op: Operation, group_id: str) -> Reply:
    """``GET /groups/{groupId}/subscribers``."""
    return _page(op, find_group(op, group_id), 0, PAGE)


def list_subscribers(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``POST /groups/{groupId}/subscribers``; the last page has no cursor."""
    access = need_member(need_hub(find_group(op, group_id)))
    cursor = fields.optional_text("cursor", most=64)
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 18):
        raise bad_request("cursor is not one this server gave")
    return _page(op, access, int(cursor or 0), fields.integer("count", least=1) or PAGE)


def _page(op: Operation, access: GroupAccess, after: int, count: int) -> Reply:
    page = subscribers.list_page(op, access, after, count)
    cursor = {} if page.cursor is None else {"cursor": str(page.cursor)}
    return {"subscribers": [shown_person(one) for one in page.people], **cursor}


def add_subscribers(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``PUT /groups/{groupId}/subscribers/add``; the outcome is told per number."""
    access, given, phones = _named(op, group_id, fields)
    subscribers.add(op, access, phones)
    failed = {"isAdded": False, **NO_NUMBER}
    return {"result": {one: {"isAdded": True} if one in phones else failed for one in given}}


def remove_subscribers(op: Operation, group_id: str, fields: Fields) -> Reply:
    """``PUT /groups/{groupId}/subscribers/remove``; the outcome is told per number."""
    access, given, phones = _named(op, group_id, fields)
    removed = subscribers.remove(op, access, phones)
    failed = {one: _NOT_SUBSCRIBED if one in phones else NO_NUMBER for one in given if one not in removed}
    return {"result": {one: {"isRemoved": one in removed, **failed.get(one, {})} for one in given}}


def _named(op: Operation, group_id: str, fields: Fields) -> tuple[GroupAccess, list[str], list[str]]:
    """Return the group, what is given, and what of it are phone numbers; the others fail by themselves."""
    access = need_admin(need_hub(find_group(op, group_id)))
    given = list(dict.fromkeys(one[:_MAX_SHOWN] for one in fields.split_texts("subscribers") if one))
    if not given:
        raise bad_request("subscribers must hold at least one phone number")
    return access, given, [one for one in given if PHONE.match(one)]
