"""Media that does not come as an upload: fetched from a URL, or inside the JSON of a call."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import re
import tempfile
from typing import BinaryIO

from starlette.requests import Request

from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.api.media import plain_name, register
from airflow_provider_kaizala.server.delivery.calls import CallFailed, parse_url
from airflow_provider_kaizala.server.delivery.fetching import TooLarge, fetch
from airflow_provider_kaizala.server.domain.context import Caller
from airflow_provider_kaizala.server.domain.errors import bad_request, too_large
from airflow_provider_kaizala.server.domain.media import StoredFile
from airflow_provider_kaizala.server.domain.media_kinds import (
    UNTOLD,
    has_taken_extension,
    kind_of,
    named_for,
    recognize,
)
from airflow_provider_kaizala.server.state import state_of
from airflow_provider_kaizala.server.store.errors import needing_room

_DATA_URL = re.compile(r"data:([^,;]*)(?:;[^,;]*)*;base64,", re.IGNORECASE)


async def upload_media_from_url(request: Request, caller: Caller, fields: Fields) -> Reply:
    """Fetch a public URL into the media store."""
    server = state_of(request)
    try:
        url = parse_url(fields.text("mediaUrl", most=10_000))
    except ValueError as error:
        raise bad_request(f"mediaUrl {error}") from None
    with needing_room(), tempfile.TemporaryFile() as content:
        try:
            name, mime_type = await fetch(server.outbound, url, content, server.config.max_media)
        except CallFailed as error:
            raise bad_request(f"mediaUrl cannot be fetched: {error}") from None
        except TooLarge:
            raise too_large(server.config.max_media) from None
        return await _keep(request, caller, content, name, mime_type, "mediaUrl")


async def upload_media_from_attachment(request: Request, caller: Caller, fields: Fields) -> Reply:
    """Take a file inside the JSON: base64, or the object Logic Apps passes on with its type."""
    server = state_of(request)
    name, mime_type, content = await asyncio.to_thread(_decode, fields)
    if len(content) > server.config.max_media:
        raise too_large(server.config.max_media)
    return await _keep(request, caller, io.BytesIO(content), name, mime_type, "fileContent")


def _decode(fields: Fields) -> tuple[str, str, bytes]:
    given: object = fields.raw("fileContent")
    mime_type = ""
    if isinstance(given, dict):
        inner = Fields(given, "fileContent.")
        mime_type = inner.optional_text("$content-type", "contentType") or ""
        given = inner.raw("$content", "content")
    if given is None:
        raise bad_request("fileContent is required")
    if not isinstance(given, str):
        raise bad_request("fileContent must be base64, or an object with $content-type and $content")
    if head := _DATA_URL.match(given[:1000]):
        mime_type, given = mime_type or head[1], given[head.end() :]
    try:
        content = base64.b64decode("".join(given.split()), validate=True)
    except (binascii.Error, ValueError):
        raise bad_request("fileContent is not base64") from None
    if not content:
        raise bad_request("fileContent is empty")
    return fields.optional_text("fileName", "name", most=1000) or "", mime_type, content


async def _keep(
    request: Request, caller: Caller, content: BinaryIO, name: str, mime_type: str, field: str
) -> Reply:
    """Store a file of a type that is told, or else shown by its name and content."""
    server, name = state_of(request), plain_name(name)
    told = mime_type.partition(";")[0].strip().lower()
    if told in ("", *UNTOLD):
        named = name if has_taken_extension(name) else ""
        if not named and await asyncio.to_thread(recognize, content) is None:
            raise bad_request(f"{field} has no type, and its content does not show one that is taken")
        kind, mime_type = await asyncio.to_thread(kind_of, named, UNTOLD[0], content)
    else:
        kind, mime_type = kind_of("", mime_type)
    content.seek(0)
    saved = await asyncio.to_thread(server.media.save, content, mime_type)
    stored = StoredFile(saved.id, plain_name(named_for(name, mime_type)), kind, mime_type, *saved[1:])
    return await register(server, caller, [stored])
