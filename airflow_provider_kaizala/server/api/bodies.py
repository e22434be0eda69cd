"""Reading bodies within bounds, and writing replies."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from airflow_provider_kaizala.server.api.fields import Fields
from airflow_provider_kaizala.server.api.lenient_json import (
    MAX_DEPTH,
    checked_text,
    parse_object,
    parse_strict,
)
from airflow_provider_kaizala.server.domain.errors import (
    ApiError,
    bad_request,
    body_too_slow,
    stopping,
    too_large,
    unsupported_media,
)
from airflow_provider_kaizala.server.media_urls import MediaUrls

FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 1000
#: how long the next bytes of a body may take to come
IDLE_SECONDS = 30
_PIECE = 256 * 1024
#: what is unpacked at once: each member of gzip copies what follows it
_BITE = 8 * 1024
#: how gzip begins, and zlib never does
_GZIP = b"\x1f"
_FORM_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PACKED = ("gzip", "x-gzip", "deflate")


def kind_of_body(request: Request) -> str:
    """Return a body's MIME type, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


# --- Bytes ------------------------------------------------------------------------------------------------------------
async def pieces(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield a body piece by piece, unpacked; refuse it as soon as it is known to be too large, packed or not."""
    packing = request.headers.get("content-encoding", "").strip().lower() or "identity"
    if packing not in ("identity", *_PACKED):
        raise unsupported_media(
            f"Content-Encoding {packing[:40]!r} is not supported; use gzip, deflate or none"
        )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    came = _received(request)
    size = 0
    async for piece in came if packing == "identity" else _unpacked(came, limit):
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield piece


async def _received(request: Request) -> AsyncGenerator[bytes, None]:
    stream = request.stream()
    try:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await anext(stream)
            yield piece
    except StopAsyncIteration:
        return
    except ClientDisconnect:
        raise bad_request("The body ended early", "form") from None
    except TimeoutError:
        raise body_too_slow(IDLE_SECONDS) from None
    except asyncio.CancelledError:
        # The server stops, and has waited for the rest long enough; uvicorn would log a traceback.
        raise stopping() from None


async def _unpacked(packed: AsyncGenerator[bytes, None], limit: int) -> AsyncGenerator[bytes, None]:
    """Unpack gzip, of one or more members, or zlib; a small piece that grows a thousandfold is handed on bit by bit."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    is_gzip = False
    size = 0
    try:
        async for piece in packed:
            is_gzip = is_gzip or (not size and piece.startswith(_GZIP))
            size += len(piece)
            if size > limit:  # of members that hold nothing
                raise too_large(limit)
            for at in range(0, len(piece), _BITE):
                rest = piece[at : at + _BITE]
                while rest:
                    if unpacker.eof:
                        if not is_gzip:
                            raise bad_request("Something follows the packed body", "form")
                        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                    yield unpacker.decompress(rest, _PIECE)
                    rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                    await asyncio.sleep(0)
    except zlib.error:
        raise bad_request("The packed body is damaged", "form") from None
    if not unpacker.eof:
        raise bad_request("The packed body ended early", "form")


async def read_bounded(request: Request, limit: int) -> bytes:
    """Read a body."""
    return b"".join([piece async for piece in pieces(request, limit)])


# --- Fields -----------------------------------------------------------------------------------------------------------
async def read_fields(request: Request, limit: int) -> Fields:
    """Read a body of JSON, or a form as ASP.NET's formatters read one; only short strict JSON is parsed on the event loop."""
    raw = await read_bounded(request, limit)
    if kind_of_body(request) == FORM and not raw.lstrip().startswith(b"{"):
        return Fields(await asyncio.to_thread(lambda: _nested(form_pairs(raw))))
    found = parse_strict(raw)
    return Fields(await asyncio.to_thread(parse_object, raw) if found is None else found)


def query_fields(request: Request) -> Fields:
    """Return the query's parameters, names in any casing."""
    return Fields({name: checked_text(value) for name, value in request.query_params.multi_items()})


def form_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8", "replace"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:
        raise bad_request(f"The form has more than {MAX_FORM_FIELDS} fields", "form") from None
    return pairs


def _nested(pairs: list[tuple[str, str]]) -> dict[str, object]:
    """Build objects and arrays from names such as ``a[b]``, ``a[0]`` and ``a[]``; a name given twice makes an array."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        found = _FORM_NAME.fullmatch(name)
        keys = [found[1], *found[2][1:-1].split("][")] if found and found[2] else [name]
        if len(keys) > MAX_DEPTH:
            raise bad_request(f"The form is nested deeper than {MAX_DEPTH} levels")
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(checked_text(key), {})
            if not isinstance(node, dict):
                raise bad_request(f"The form gives {name[:80]!r} both a value and fields")
        _put(node, checked_text(keys[-1]), checked_text(value), name)
    return {key: _with_arrays(value) for key, value in tree.items()}


def _put(node: dict[str, Any], key: str, value: str, name: str) -> None:
    earlier = node.get(key)
    if isinstance(earlier, dict):
        raise bad_request(f"The form gives {name[:80]!r} both a value and fields")
    if isinstance(earlier, list):
        earlier.append(value)
    else:
        node[key] = value if earlier is None else [earlier, value]


def _with_arrays(value: Any) -> object:
    if not isinstance(value, dict):
        return value
    items = {key: _with_arrays(item) for key, item in value.items()}
    if items.keys() == {""}:
        return items[""] if isinstance(items[""], list) else [items[""]]
    if all(key == str(position) for position, key in enumerate(items)):
        return list(items.values())
    return items


# --- Replies ----------------------------------------------------------------------------------------------------------
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
    # What people wrote stands in it: no browser may take it for a page, whatever it looks like. Tokens do too: nobody may keep it.
    safe = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **(headers or {})}
    return Response(content.encode(), status, safe, "application/json; charset=utf-8")


def error_reply(error: ApiError) -> Response:
    """Write an error with the contract's body."""
    return json_reply(error.body(), error.status, error.headers)
