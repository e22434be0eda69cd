"""Uploading media over REST, and serving it by its unguessable URL."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote

from fastapi import APIRouter
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from airflow_provider_kaizala.server.api.bodies import kind_of_body, pieces
from airflow_provider_kaizala.server.api.calls import Reply
from airflow_provider_kaizala.server.api.multipart import Bounds, Parts
from airflow_provider_kaizala.server.domain.context import Caller, Operation
from airflow_provider_kaizala.server.domain.errors import (
    ApiError,
    bad_request,
    not_found,
    unsupported_media,
)
from airflow_provider_kaizala.server.domain.media import StoredFile, add_resource, find_file
from airflow_provider_kaizala.server.domain.media_kinds import is_taken, kind_of, named_for
from airflow_provider_kaizala.server.state import ServerState, base_url, state_of
from airflow_provider_kaizala.server.store.errors import Unavailable

router = APIRouter()
MAX_FILES = 50
# Within emoji and in several scripts; all else that is not printable could make a name look like another.
_JOINERS = "\u200c\u200d"
# RFC 5987, as in filename*=utf-8''caf%C3%A9.jpg
_ENCODED_NAME = re.compile(r"""filename\*=\s*"?([\w-]*)'[^']*'([^;"\s]+)""", re.IGNORECASE)
# RFC 2047, as .NET writes a name in filename= alone
_MIME_NAME = re.compile(r"""filename="?(=\?utf-8\?[bq]\?[^?\s]*\?=)"?""", re.IGNORECASE)
_SHOWN_INLINE = ("image/", "audio/", "video/")
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # Programs show what mediaUrl names in pages of their own, and who knows the URL may see the file.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "private, max-age=31536000, immutable",
}


async def upload_media(request: Request, caller: Caller) -> Reply:
    """Take a multipart upload: any part names, several files make an album."""
    server = state_of(request)
    parts = await _read_parts(request, server.config.max_media)
    try:
        named = [
            (one, *await asyncio.to_thread(kind_of, one.name, one.mime_type, one.file))
            for some in parts.files.values()
            for one in some
        ]
        files = []
        for upload, kind, mime_type in named:
            upload.file.seek(0)
            file_id, size = await asyncio.to_thread(server.media.save, upload.file)
            name = plain_name(upload.name or named_for("", mime_type))
            files.append(StoredFile(file_id, name, kind, mime_type, size))
    finally:
        parts.close()
    return await register(server, caller, base_url(request), files)


async def register(server: ServerState, caller: Caller, base: str, files: list[StoredFile]) -> Reply:
    """Register files that are on disk; they are removed again if that is refused."""
    try:
        return await server.database.write(
            lambda conn: add_resource(Operation(conn, server.clock.now_ms(), caller, base), files)
        )
    except (ApiError, Unavailable):  # not where the outcome is unknown: something may refer to them
        for one in files:
            server.media.discard(one.id)
        raise


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


@router.api_route("/media/{file_id}", methods=["GET", "HEAD"])
@router.api_route("/media/{file_id}/{name}", methods=["GET", "HEAD"])
async def serve_media(request: Request, file_id: str) -> Response:
    """Serve an uploaded file; a browser never runs it."""
    server = state_of(request)
    found = await server.database.read(lambda conn: find_file(conn, file_id))
    if found is None or not server.media.path(found.id).is_file():
        raise not_found("The file")
    inline = found.mime_type.startswith(_SHOWN_INLINE)
    return FileResponse(
        server.media.path(found.id),
        media_type=found.mime_type,
        filename=found.name,
        content_disposition_type="inline" if inline else "attachment",
        headers=_SAFE_HEADERS,
    )
