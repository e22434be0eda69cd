"""Fetching a file from a public URL."""

from __future__ import annotations

import asyncio
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote

import httpx

from airflow_provider_kaizala.server.delivery.calls import CallFailed, Outbound, parse_url

FETCH_SECONDS = 30.0
MAX_REDIRECTS = 5
_HEADERS = {"User-Agent": "kaizala-server", "Accept": "*/*", "Accept-Encoding": "identity"}
_REDIRECTS = (301, 302, 303, 307, 308)


class TooLarge(Exception):
    """The file is over the limit."""


class Fetched(NamedTuple):
    """What a URL gave, its content aside."""

    name: str
    mime_type: str


async def fetch(outbound: Outbound, url: httpx.URL, target: BinaryIO, limit: int) -> Fetched:
    """Write what a URL holds to a file; raises CallFailed or TooLarge.

    Redirects are followed, and each is checked like the URL itself.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            for _ in range(MAX_REDIRECTS + 1):
                found = await _step(outbound, url, target, limit)
                if isinstance(found, Fetched):
                    return found
                url = found
    except TimeoutError:
        raise CallFailed("timeout") from None
    raise CallFailed("too many redirects")


async def _step(outbound: Outbound, url: httpx.URL, target: BinaryIO, limit: int) -> Fetched | httpx.URL:
    """Make one call; return where it redirects to, or what it gave."""
    async with outbound.send("GET", url, _HEADERS) as reply:
        if reply.status_code in _REDIRECTS:
            try:
                return parse_url(str(url.join(reply.headers.get("location", ""))))
            except (httpx.InvalidURL, ValueError):
                raise CallFailed("the redirect leads nowhere") from None
        if reply.status_code != 200:
            raise CallFailed(f"status {reply.status_code}")
        if reply.headers.get("content-encoding", "identity").lower() != "identity":
            raise CallFailed("the content is encoded")
        declared = reply.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise TooLarge
        size = 0
        async for chunk in reply.aiter_raw():
            size += len(chunk)
            if size > limit:
                raise TooLarge
            await asyncio.to_thread(target.write, chunk)
        if not size:
            raise CallFailed("the file is empty")
        last = url.path.rpartition("/")[2]
        return Fetched(unquote(last), reply.headers.get("content-type", ""))
