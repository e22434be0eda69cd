"""Media that does not come as an upload: fetched from a URL, or inside the JSON of a call."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import re
import tempfile
from typing import BinaryIO

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.bodies import json_reply, read_bounded
from airflow_provider_kaizala.server.api.lenient_json import parse_object
from airflow_provider_kaizala.server.api.media import plain_name, register
from airflow_provider_kaizala.server.api.operation import admit, read_fields
from airflow_provider_kaizala.server.config import MEBIBYTE
from airflow_provider_kaizala.server.delivery.calls import CallFailed, parse_url
from airflow_provider_kaizala.server.delivery.fetching import TooLarge, fetch
from airflow_provider_kaizala.server.domain.context import MEDIA, Caller
from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request, too_large
from airflow_provider_kaizala.server.domain.fields import Fields
from airflow_provider_kaizala.server.domain.media import StoredFile
from airflow_provider_kaizala.server.domain.media_kinds import (
    UNTOLD,
    has_taken_extension,
    kind_of,
    named_for,
    recognize,
)
from airflow_provider_kaizala.server.state import state_of

router = APIRouter(prefix="/v1/media")
# The content is in memory three times while it is read: as the body, as text, as itself.
MAX_ATTACHMENT_BODY = 32 * MEBIBYTE
_DATA_URL = re.compile(r"data:([^,;]*)(?:;[^,;]*)*;base64,", re.IGNORECASE)


@router.post("/url")
async def upload_media_from_url(request: Request) -> Response:
    """Fetch a public URL into the media store."""
    caller, server = await admit(request, MEDIA), state_of(request)
    fields = await read_fields(request)
    if isinstance(fields, ApiError):
        raise fields
    try:
        url = parse_url(fields.text("mediaUrl", most=10_000))
    except ValueError as error:
        raise bad_request(f"mediaUrl {error}") from None
    with tempfile.TemporaryFile() as content:
        try:
            name, mime_type = await fetch(server.outbound, url, content, server.config.max_media)
        except CallFailed as error:
            raise bad_request(f"mediaUrl cannot be fetched: {error}") from None
        except TooLarge:
            raise too_large(server.config.max_media) from None
        return await _keep(request, caller, content, name, mime_type, "mediaUrl")


@router.post("/attachment")
async def upload_media_from_attachment(request: Request) -> Response:
    """Take a file inside the JSON: base64, or the object Logic Apps passes on with its type."""
    caller, server = await admit(request, MEDIA), state_of(request)
    raw = await read_bounded(request, min(MAX_ATTACHMENT_BODY, server.config.max_media * 4 // 3 + MEBIBYTE))
    fields = Fields(await asyncio.to_thread(parse_object, raw, server.config.max_lenient_body))
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
) -> Response:
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
    return json_reply(await register(server, caller, [stored]))
