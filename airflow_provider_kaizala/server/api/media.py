"""Uploading media over REST."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote

from fastapi import APIRouter
from python_multipart.multipart import parse_options_header
from sqlalchemy.engine import Connection
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.bodies import json_reply
from airflow_provider_kaizala.server.api.operation import Reply, admit
from airflow_provider_kaizala.server.domain.context import MEDIA, Caller, Operation
from airflow_provider_kaizala.server.domain.errors import (
    ApiError,
    bad_request,
    too_large,
    unsupported_media,
)
from airflow_provider_kaizala.server.domain.media import StoredFile, add_resource, check_quota
from airflow_provider_kaizala.server.domain.media_kinds import is_taken, kind_of, named_for
from airflow_provider_kaizala.server.state import ServerState, state_of

router = APIRouter()
MAX_FILES = 50
# Within emoji and in several scripts; all else that is not printable could make a name look like another.
_JOINERS = "\u200c\u200d"
# RFC 5987, as in filename*=utf-8''caf%C3%A9.jpg
_ENCODED_NAME = re.compile(r"""filename\*=\s*"?([\w-]*)'[^']*'([^;"\s]+)""", re.IGNORECASE)
# RFC 2047, as .NET writes a name in filename= alone
_MIME_NAME = re.compile(r"""filename="?(=\?utf-8\?[bq]\?[^?\s]*\?=)"?""", re.IGNORECASE)


@router.post("/v1/media")
async def upload_media(request: Request) -> Response:
    """Take a multipart upload: any part names, several files make an album."""
    caller = await admit(request, MEDIA)
    server = state_of(request)
    uploads = await _read_uploads(request, server.config.max_media)
    files: list[StoredFile] = []
    try:
        named = [
            (
                upload,
                *await asyncio.to_thread(kind_of, upload.filename or "", upload.content_type, upload.file),
            )
            for upload in uploads
        ]
        for upload, kind, mime_type in named:
            await upload.seek(0)
            name = plain_name(upload.filename or named_for("", mime_type))
            saved = await asyncio.to_thread(server.media.save, upload.file, mime_type)
            files.append(StoredFile(saved.id, name, kind, mime_type, *saved[1:]))
    except BaseException:
        for one in files:  # the rest of an album that failed
            server.media.discard(one.id)
        raise
    finally:
        for upload in uploads:
            await upload.close()
    return json_reply(await register(server, caller, files))


async def register(server: ServerState, caller: Caller, files: list[StoredFile]) -> Reply:
    """Register files that are on disk; they are removed again if that is refused."""

    def work(conn: Connection) -> Reply:
        op = Operation(conn, server.clock.now_ms(), caller)
        check_quota(op, files, server.config.media_quota)
        return add_resource(op, files)

    try:
        reply = await server.database.write(work)
    except ApiError:
        for one in files:
            server.media.discard(one.id)
        raise
    for one in files:
        server.media.keep(one.id)
    return reply


class _Parts(MultiPartParser):
    """Parts as clients write them: .NET and older Python clients encode a file's name, others leave it out."""

    def on_headers_finished(self) -> None:
        """Say of each part that is a file what the parser knows a file by."""
        part = self._current_part
        given = (part.content_disposition or b"form-data").decode("latin-1")
        _, options = parse_options_header(given)
        encoded = _ENCODED_NAME.search(given)
        is_media = is_taken(Headers(raw=part.item_headers).get("content-type", ""))
        if b"name" not in options:
            given += '; name=""'
        if b"filename" not in options and (encoded or is_media):
            given += '; filename=""'
        part.content_disposition = given.encode("latin-1")
        super().on_headers_finished()
        if part.file is None:
            return
        if encoded:
            charset = encoded[1] if encoded[1].lower() in ("utf-8", "iso-8859-1") else "utf-8"
            part.file.filename = unquote(encoded[2], charset)
        elif words := _MIME_NAME.search(given):
            with suppress(HeaderParseError, ValueError):  # else the name is what it looks like
                part.file.filename = str(make_header(decode_header(words[1])))


async def _read_uploads(request: Request, limit: int) -> list[UploadFile]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise unsupported_media("An upload must be multipart/form-data")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    parser = _Parts(request.headers, _bounded(request, limit), max_files=MAX_FILES, max_fields=100)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError):
        raise bad_request("The multipart body cannot be read") from None
    except ClientDisconnect:
        raise bad_request("The body ended early") from None
    uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not uploads:
        raise bad_request("The upload holds no file")
    return uploads


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        yield chunk


def plain_name(name: str | None) -> str:
    """Drop folders and what a header or a path could trip over."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    clean = "".join(
        letter for letter in last if (letter.isprintable() or letter in _JOINERS) and letter != '"'
    )
    return clean.encode("utf-8", "replace").decode()[-200:] or "file"
