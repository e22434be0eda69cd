"""Exchanges one request for one reply over httpx, within a bound."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING, Any

import httpx

from airflow_provider_kaizala.client.effects import Reply, Send, TransportFailure
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.multipart import Upload
from airflow_provider_kaizala.client.tls import ca_bundle, is_certificate_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_kaizala.client.tls import Network


class HttpxTransport:
    """Sends requests on an event loop. Follows no redirects.

    :param settings: which proxies and certificates to use
    """

    def __init__(self, settings: Network) -> None:
        self._settings = settings
        self._http: httpx.AsyncClient | None = None

    async def exchange(self, send: Send) -> Reply:
        """Send a request and read the whole reply. Several may be under way at once.

        :raises TransportFailure: if no whole reply came
        :raises KaizalaInputError: if ``verify`` of the settings names a file that does not exist
        """
        if self._http is None:
            try:
                opened = await asyncio.to_thread(self._open)
            except KaizalaInputError:
                raise
            except (OSError, ValueError) as error:  # an unreadable CA bundle, an invalid proxy
                raise _failure(error, sent=False) from None
            if self._http is None:
                self._http = opened
            else:  # another call has opened one meanwhile
                await opened.aclose()
        sent = False

        async def trace(event: str, info: Any) -> None:
            nonlocal sent
            if event.endswith("send_request_headers.started"):
                # a CONNECT goes to a proxy and contains nothing of the call
                sent = sent or getattr(info.get("request"), "method", b"") != b"CONNECT"

        headers = dict(send.headers)
        content: Any = send.content
        if isinstance(content, Upload):
            headers["Content-Length"] = str(await asyncio.to_thread(content.length))
            content = _chunks(content)
        bounds = httpx.Timeout(send.read_timeout, connect=send.connect_timeout, pool=send.total_timeout)
        try:
            async with asyncio.timeout(send.total_timeout):
                response = await self._http.request(
                    send.method,
                    send.url,
                    headers=headers,
                    content=content,
                    timeout=bounds,
                    extensions={"trace": trace},
                )
        except TimeoutError:
            raise TransportFailure.timed_out(sent=sent) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _failure(error, sent=sent) from None
        return Reply.read(response.status_code, response.headers, response.content)

    def _open(self) -> httpx.AsyncClient:
        """Make the pool of connections; reads CA files, so never on the event loop."""
        settings = self._settings
        verify: bool | str | ssl.SSLContext = ca_bundle(settings.verify)
        if isinstance(verify, str):
            file, folder = (None, verify) if os.path.isdir(verify) else (verify, None)
            verify = ssl.create_default_context(cafile=file, capath=folder)
        mounts = {
            f"{scheme}://": httpx.AsyncHTTPTransport(proxy=proxy, verify=verify)
            for scheme, proxy in (settings.proxies or {}).items()
        }
        return httpx.AsyncClient(
            verify=verify, mounts=mounts, trust_env=settings.proxies is None, follow_redirects=False
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def _failure(error: Exception, *, sent: bool) -> TransportFailure:
    detail = str(error) or type(error).__name__
    return TransportFailure(detail, sent=sent, certificate=is_certificate_error(error))


async def _chunks(upload: Upload) -> AsyncIterator[bytes]:
    """Read the files in a thread, a piece at a time."""
    pieces = iter(upload)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
