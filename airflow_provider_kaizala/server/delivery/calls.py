"""Calls the server makes to addresses others name: webhook callbacks and media to fetch.

A name is resolved once, every address it has is checked, and the connection goes to a checked address: what a name
server says a moment later changes nothing. ``Host`` and the name in the TLS handshake stay those of the URL. Proxies of
the environment are not used, since they would resolve the name again; redirects are never followed here. Nothing of a
URL is logged: its query may be somebody's secret.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import httpx

from airflow_provider_kaizala.server.delivery.addresses import is_public

MAX_URL = 4000
MAX_ADDRESSES = 4
CONNECT_SECONDS = 4.0
READ_SECONDS = 60.0
_RESOLVERS = 16
#: stands for a secret where it is shown
MASK = "***"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z")
# What HTTP allows as a value, in UTF-8.
HEADER_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?\Z")


class CallFailed(Exception):
    """A call came to nothing; the message is a short reason that names neither address nor URL."""


class AddressRefused(CallFailed):
    """The address is not on the open internet."""


def parse_url(text: str) -> httpx.URL:
    """Read a URL the server is asked to call; raises ValueError with what is wrong."""
    if len(text) > MAX_URL:
        raise ValueError(f"is longer than {MAX_URL} characters")
    try:
        url = httpx.URL(text.strip())
        port = url.port
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise ValueError("is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("must be a URL with http or https")
    if url.userinfo or "@" in url.host:
        raise ValueError("must not hold a user name or password")
    if port is not None and not 0 < port < 65536:
        raise ValueError("has a port that does not exist")
    if "%" in url.host or len(url.raw_host) > 253:
        raise ValueError("has a host that does not exist")
    return url.copy_with(fragment=None)


def with_query(url: httpx.URL, name: str, value: str) -> httpx.URL:
    """Add a parameter behind the query a URL has, which stays as it is."""
    query = url.query.decode("ascii")
    return url.copy_with(query=f"{query}{'&' if query else ''}{name}={value}".encode())


def without_query(url: str) -> str:
    """Mask the query, and user and password, of a callback URL: a logic app carries its key there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if host != parts.netloc else host
    return urlunsplit((parts.scheme, netloc, parts.path, MASK if parts.query else "", ""))


class Outbound:
    """Makes calls to public addresses, or to any if that is allowed."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="kaizala-resolver")
        self._transport: httpx.AsyncHTTPTransport | None = None

    @asynccontextmanager
    async def send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Send a request and give its reply, the body unread and as it is on the wire; raises CallFailed."""
        addresses = await self._resolve(url)
        try:
            response = await self._reach(addresses, method, url, headers, content)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise CallFailed("timeout") from None
        except httpx.ConnectError:
            raise CallFailed("no connection") from None
        except httpx.HTTPError:
            raise CallFailed("the connection broke or did not speak HTTP") from None

    async def close(self) -> None:
        """Close what is open."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)
        if self._transport is not None:
            await self._transport.aclose()

    async def _resolve(self, url: httpx.URL) -> list[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._resolvers, _look_up, url.raw_host.decode("ascii"), port
            )
        except (OSError, UnicodeError):
            raise CallFailed("the name cannot be resolved") from None
        if not self._allow_private and not all(is_public(address) for address in found):
            raise AddressRefused("the address is not on the public internet")
        usable = [address for address in found if "%" not in address]
        if not usable:
            raise CallFailed("the name cannot be resolved")
        return usable[:MAX_ADDRESSES]

    async def _reach(
        self,
        addresses: list[str],
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> httpx.Response:
        timeouts = {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS, "pool": None}
        extensions: dict[str, object] = {"timeout": timeouts, "sni_hostname": url.raw_host.decode("ascii")}
        # Texts of other scripts go out in UTF-8.
        encoded = {name.encode(): value.encode() for name, value in headers.items()}
        for position, address in enumerate(addresses, start=1):
            request = httpx.Request(
                method,
                url.copy_with(host=address),
                headers={**encoded, b"Host": url.netloc},
                content=content,
                extensions=extensions,
            )
            try:
                return await self._opened().handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if position == len(addresses):
                    raise
        raise CallFailed("no connection")

    def _opened(self) -> httpx.AsyncHTTPTransport:
        if self._transport is None:
            # A connection is never used again: two names may share an address, but not a TLS handshake.
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            self._transport = httpx.AsyncHTTPTransport(
                verify=httpx.create_ssl_context(), trust_env=False, limits=limits
            )
        return self._transport


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """Read a reply's body as it is on the wire; raises CallFailed above a limit."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise CallFailed("the body is too large")
    return body
