"""Texts in a group."""

from __future__ import annotations

from airflow_provider_kaizala.server.domain.access import GroupAccess
from airflow_provider_kaizala.server.domain.context import ADMIN, Operation
from airflow_provider_kaizala.server.domain.errors import denied
from airflow_provider_kaizala.server.domain.events import emit
from airflow_provider_kaizala.server.domain.hierarchy import children
from airflow_provider_kaizala.server.domain.posts import MEMBERS, Audience, add_post, find_replied_to

MAX_TEXT = 4000


def post_text(
    op: Operation, access: GroupAccess, text: str, audience: Audience = MEMBERS, reply_to: str | None = None
) -> str:
    """Add a text to a group and tell its webhooks; return the reference id."""
    reply_to = find_replied_to(op, access, reply_to)
    if children(op.conn, access.id):
        raise denied(
            "Plain messages are disabled in a group with sub-groups; post an action or write in a sub-group",
            "parent",
        )
    reference_id, _ = add_post(
        op, access.id, "text", text=text, audience=audience, reply_to=reply_to, below=False
    )
    # The contract knows only the text; without more, nobody could tell that a message replies to something.
    replied = {"replyToReferenceId": reply_to} if reply_to else {}
    emit(op, access.id, "TextMessageCreated", {"text": text, **replied})
    return reference_id


def write_text(op: Operation, access: GroupAccess, text: str, reply_to: str | None = None) -> str:
    """Add a text as people write it: in a hub group only its admins do, and reach all subscribers."""
    if not access.is_hub:
        return post_text(op, access, text, reply_to=reply_to)
    if access.role != ADMIN:
        raise denied("Only admins write in a hub group", "hub")
    return post_text(op, access, text, Audience("all"), reply_to)
