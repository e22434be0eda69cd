"""Texts in a group (``POST /groups/{groupId}/messages``)."""

from __future__ import annotations

from airflow_provider_kaizala.server.domain.access import GroupAccess, find_group, need_member
from airflow_provider_kaizala.server.domain.context import Operation
from airflow_provider_kaizala.server.domain.errors import denied
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.hierarchy import children
from airflow_provider_kaizala.server.domain.posts import (
    MEMBERS,
    Audience,
    add_post,
    read_audience,
    read_reply_to,
)

MAX_TEXT = 4000


def send_message(op: Operation, group_id: str, fields: Fields) -> dict[str, object]:
    """Post a text, in a hub group to chosen or all subscribers."""
    access = need_member(find_group(op, group_id))
    text = fields.text("message", most=MAX_TEXT)
    audience = read_audience(op, access, fields, needed=True)
    reply: dict[str, object] = {
        "referenceId": post_text(op, access, text, audience, read_reply_to(op, access, fields))
    }
    if audience.failed:
        reply["failedResult"] = list(audience.failed)
    return reply


def post_text(
    op: Operation, access: GroupAccess, text: str, audience: Audience = MEMBERS, reply_to: str | None = None
) -> str:
    """Add a text to a group and tell its webhooks; return the reference id."""
    if children(op.conn, access.id):
        raise denied(
            "Plain messages are disabled in a group with sub-groups; post an action or write in a sub-group",
            "parent",
        )
    reference_id, _ = add_post(
        op, access.id, "text", text=text, audience=audience, reply_to=reply_to, below=False
    )
    emit(op, access.id, "TextMessageCreated", {"text": text})
    return reference_id
