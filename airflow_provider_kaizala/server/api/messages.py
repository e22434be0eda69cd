"""Texts over REST, and what they share with actions: whom a post reaches and whom it does not."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_member
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.messages import MAX_TEXT, post_text
from airflow_provider_kaizala.server.domain.posts import Audience, NotReached, find_audience


def send_message(op: Operation, group_id: str, fields: Fields) -> Reply:
    """Post a text, in a hub group to chosen or all subscribers."""
    access = need_member(find_group(op, group_id))
    text = fields.text("message", most=MAX_TEXT)
    audience = read_audience(op, access, fields, needed=True)
    reference_id = post_text(op, access, text, audience, read_reply_to(fields))
    return {"referenceId": reference_id, **failed_result(audience.failed)}


def read_audience(op: Operation, access: GroupAccess, fields: Fields, *, needed: bool = False) -> Audience:
    """Read ``subscribers`` and ``sendToAllSubscribers``, which only hub groups know."""
    phones = fields.phones("subscribers")
    to_all = access.is_hub and fields.boolean("sendToAllSubscribers")
    return find_audience(op, access, phones, to_all=to_all, needed=needed)


def read_reply_to(fields: Fields) -> str | None:
    """Read ``replyToReferenceId``."""
    return fields.optional_text("replyToReferenceId", most=128)


def failed_result(failed: Iterable[NotReached]) -> Reply:
    """Return ``failedResult`` as a reply has it: only if somebody was not reached."""
    entries = [
        {
            "subscriber": one.phone,
            "subscriberId": one.who.id if one.who else "",
            "errorReason": one.reason,
            "errorCode": one.code,
        }
        for one in failed
    ]
    return {"failedResult": entries} if entries else {}
