"""Reading bodies within bounds, and writing replies."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request, too_large
from airflow_provider_kaizala.server.media_urls import MediaUrls


async def read_bounded(request: Request, limit: int) -> bytes:
    """Read a body, refusing it as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            chunks.append(chunk)
    except ClientDisconnect:
        raise bad_request("The body ended early") from None
    return b"".join(chunks)


def json_reply(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    urls: MediaUrls | None = None,
) -> Response:
    """Write a JSON reply.

    :param urls: renders links to files, if there may be some
    """
    content = urls.dump(body) if urls else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # What people wrote stands in it: no browser may take it for a page, whatever it looks like.
    safe = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return Response(content.encode(), status, safe, "application/json; charset=utf-8")


def error_reply(error: ApiError) -> Response:
    """Write an error with the contract's body."""
    return json_reply(error.body(), error.status, error.headers)
