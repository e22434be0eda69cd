"""Tell a group something, whatever kind of group it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaForbiddenError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Announcement, Audience, Message

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.models import Posted
    from airflow_provider_kaizala.client.readings import Reading


def tell(group_id: str, text: str, audience: Audience) -> Reading[Posted]:
    """Post a text, cut at 4,000 characters; as an announcement where Kaizala accepts no plain messages, as in a parent group.

    Like a reading, it yields its calls, see :mod:`airflow_provider_kaizala.client.readings`.
    """
    if len(text) > checks.TEXT_LIMIT:
        text = text[: checks.TEXT_LIMIT - 1] + "…"
    try:
        posted: Posted = yield calls.send_message(group_id, Message(text), audience)
    except KaizalaForbiddenError as refusal:
        try:
            posted = yield calls.post_action(group_id, Announcement(text), audience)
        except KaizalaForbiddenError:
            raise refusal from None
    return posted
