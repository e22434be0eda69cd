"""Uploading media over REST."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote

from fastapi import APIRouter
from python_multipart.multipart import parse_options_header
from sqlalchemy.engine import Connection
from starlette.requests import Request

from airflow_provider_kaizala.server.api.bodies import kind_of_body, pieces
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.multipart import Bounds, Parts
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import (
    ApiError,
    bad_request,
    unsupported_media,
)
from airflow_provider_kaizala.server.domain.media import StoredFile, add_resource, check_quota
from airflow_provider_kaizala.server.domain.media_kinds import is_taken, kind_of, named_for
from airflow_provider_kaizala.server.state import ServerState, state_of
from airflow_provider_kaizala.server.store.errors import Unavailable

router = APIRouter()
MAX_FILES = 50
# Within emoji and in several scripts; all else that is not printable could make a name look like another.
_JOINERS = "\u200c\u200d"
# RFC 5987, as in filename*=utf-8''caf%C3%A9.jpg
_ENCODED_NAME = re.compile(r"""filename\*=\s*"?([\w-]*)'[^']*'([^;"\s]+)""", re.IGNORECASE)
# RFC 2047, as .NET writes a name in filename= alone
_MIME_NAME = re.compile(r"""filename="?(=\?utf-8\?[bq]\?[^?\s]*\?=)"?""", re.IGNORECASE)


async def upload_media(request: Request, caller: Caller) -> Reply:
    """Take a multipart upload: any part names, several files make an album."""
    server = state_of(request)
    parts = await _read_parts(request, server.config.max_media)
    files: list[StoredFile] = []
    try:
        named = [
            (one, *await asyncio.to_thread(kind_of, one.name, one.mime_type, one.file))
            for some in parts.files.values()
            for one in some
        ]
        for upload, kind, mime_type in named:
            upload.file.seek(0)
            name = plain_name(upload.name or named_for("", mime_type))
            saved = await asyncio.to_thread(server.media.save, upload.file, mime_type)
            files.append(StoredFile(saved.id, name, kind, mime_type, *saved[1:]))
    except BaseException:
        for kept in files:  # the rest of an album that failed
            server.media.discard(kept.id)
        raise
    finally:
        parts.close()
    return await register(server, caller, files)


async def register(server: ServerState, caller: Caller, files: list[StoredFile]) -> Reply:
    """Register files that are on disk; they are removed again if that is refused."""

    def work(conn: Connection) -> str:
        op = Operation(conn, server.clock.now_ms(), caller)
        check_quota(op, files, server.config.media_quota)
        return add_resource(op, files)

    try:
        resource = await server.database.write(work)
    except (ApiError, Unavailable):  # not where the outcome is unknown: something may refer to them
        for one in files:
            server.media.discard(one.id)
        raise
    for one in files:
        server.media.keep(one.id)
    return {"mediaResource": resource}


class _Parts(Parts):
    """Parts as clients write them: .NET and older Python clients encode a file's name, others leave it out."""

    skips_unnamed = False

    def names(self, disposition: bytes, mime_type: str) -> tuple[bytes | str, bytes | str | None]:
        """Return the names of a part and, if it is a file, of that."""
        given = (disposition or b"form-data").decode("latin-1")
        _, options = parse_options_header(given)
        filename: bytes | str | None = options.get(b"filename")
        if encoded := _ENCODED_NAME.search(given):
            charset = encoded[1] if encoded[1].lower() in ("utf-8", "iso-8859-1") else "utf-8"
            filename = unquote(encoded[2], charset)
        elif words := _MIME_NAME.search(given):
            with suppress(HeaderParseError, ValueError):  # else the name is what it looks like
                filename = str(make_header(decode_header(words[1])))
        if filename is None and is_taken(mime_type):
            filename = ""
        return options.get(b"name", b""), filename


async def _read_parts(request: Request, limit: int) -> Parts:
    if not kind_of_body(request).startswith("multipart/"):
        raise unsupported_media("An upload must be multipart/form-data")
    bounds = Bounds(limit, limit, MAX_FILES)
    parts = await _Parts(request.headers["content-type"], bounds).read(pieces(request, limit))
    if parts.problem or not parts.files:
        parts.close()
        raise parts.problem or bad_request("The upload holds no file")
    return parts


def plain_name(name: str | None) -> str:
    """Drop folders and what a header or a path could trip over."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    clean = "".join(
        letter for letter in last if (letter.isprintable() or letter in _JOINERS) and letter != '"'
    )
    return clean.encode("utf-8", "replace").decode()[-200:] or "file"
