"""Serving uploaded files: to programs by a signed URL, and to people who are signed in on the page."""

from __future__ import annotations

import re

from fastapi import APIRouter
from sqlalchemy.engine import Connection
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from airflow_provider_kaizala.server.domain.errors import ApiError, not_found
from airflow_provider_kaizala.server.domain.media import StoredFile, find_file
from airflow_provider_kaizala.server.domain.sessions import find_session
from airflow_provider_kaizala.server.media_urls import is_signed
from airflow_provider_kaizala.server.pin_sign_in import COOKIE
from airflow_provider_kaizala.server.state import state_of
from airflow_provider_kaizala.server.store.pictures import COPY_TYPE, WIDTHS

router = APIRouter()
#: to whoever is not signed in and has no signed URL; the same whether the file exists or not
_NOT_SIGNED = "The file (its URL is not signed or has expired; read the post again for a new one)"
_WIDTHS = frozenset(map(str, WIDTHS))
_SHOWN_INLINE = ("image/", "audio/", "video/")
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # Programs show what mediaUrl names in pages of their own, and who knows the URL may see the file.
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_HEADERS = {**_SAFE_HEADERS, "Cache-Control": "private, max-age=31536000, immutable"}
_RANGE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})")
_conditions = StaticFiles()


class _StoredFile(FileResponse):
    """Sends a file, or the part asked for. What Starlette refuses as a malformed range is ignored, as RFC 9110 has it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 416:
                MutableHeaders(scope=message).update(_SAFE_HEADERS)
            await send(message)

        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"range" or (scope["method"] == "GET" and _is_range(value.decode("latin-1")))
        ]
        await super().__call__({**scope, "headers": headers}, receive, answer)


def _is_range(given: str) -> bool:
    """Tell whether a Range header asks for bytes, and no part ends before it begins."""
    unit, _, ranges = given.partition("=")
    parts = [_RANGE.fullmatch(part.strip()) for part in ranges.split(",")]
    return unit.strip().lower() == "bytes" and all(
        part and any(part.groups()) and (not all(part.groups()) or int(part[1]) <= int(part[2]))
        for part in parts
    )


@router.api_route("/media/{file_id}", methods=["GET", "HEAD"])
@router.api_route("/media/{file_id}/{name}", methods=["GET", "HEAD"])
async def serve_media(request: Request, file_id: str) -> Response:
    """Serve an uploaded file by a signed URL, or to somebody who is signed in on the page; a browser never runs it.

    With ``width`` in the query a photo comes in a smaller copy, if there is one.
    """
    server, query = state_of(request), request.query_params
    now_ms = server.clock.now_ms()
    signed = is_signed(server.media_key, file_id, query.get("until", ""), query.get("key", ""), now_ms)

    def find(conn: Connection) -> StoredFile | None:
        if signed:
            return find_file(conn, file_id)
        try:
            reader = find_session(conn, now_ms, request.cookies.get(COOKIE))
        except ApiError:
            raise not_found(_NOT_SIGNED) from None
        return find_file(conn, file_id, reader.tenant_id)

    found = await server.database.read(find)
    if found is None or not server.media.path(found.id).is_file():
        raise not_found("The file")
    inline = found.mime_type.startswith(_SHOWN_INLINE)
    width = query.get("width", "")
    path = server.media.path(found.id, int(width) if width in _WIDTHS else None)
    reply = _StoredFile(
        path,
        media_type=COPY_TYPE if path.suffix else found.mime_type,
        filename=found.name,
        content_disposition_type="inline" if inline else "attachment",
        headers=_HEADERS,
        stat_result=path.stat(),
    )
    if _conditions.is_not_modified(reply.headers, request.headers):
        return Response(status_code=304, headers={**_HEADERS, "ETag": reply.headers["ETag"]})
    return reply
