"""Calls that post texts, files and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.call import Call, make, text
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.received import Posted
from airflow_provider_kaizala.client.models.sent import Action, Audience, Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.multipart import Part

DEFAULT_AUDIENCE = Audience()
_resource = text("mediaResource")


def send_message(group_id: str, message: Message, audience: Audience = DEFAULT_AUDIENCE) -> Call[Posted]:
    """Post a text."""
    return make("sendMessage", Posted.read, group_id, body={"message": message.text, **audience.to_wire()})


def post_action(group_id: str, action: Action, audience: Audience = DEFAULT_AUDIENCE) -> Call[Posted]:
    """Post an action of any type."""
    return make(
        "postAction", Posted.read, group_id, body=lambda now: action.to_wire(now) | audience.to_wire()
    )


def upload_media(group_id: str | None, parts: Sequence[Part]) -> Call[str]:
    """Upload a file, or several for an album; returns the media resource. An upload alone shows nothing to the group."""
    for part in parts:
        checks.sendable("file_name", part.file_name)
    return make("uploadMedia", _resource, group_id, parts=tuple(parts))


def upload_media_from_url(group_id: str | None, url: str) -> Call[str]:
    """Have Kaizala fetch a file from a public address; returns the media resource."""
    return make("uploadMediaFromUrl", _resource, group_id, body={"mediaUrl": checks.title("url", url)})


def upload_media_from_attachment(group_id: str | None, content: str | Mapping[str, Any]) -> Call[str]:
    """Upload a file as base64 text in JSON, as Power Automate does; returns the media resource."""
    return make("uploadMediaFromAttachment", _resource, group_id, body={"fileContent": content})
