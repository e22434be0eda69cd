"""The async client: a loop around the policy, over httpx."""

from __future__ import annotations

import asyncio
import math
import os
import ssl
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from airflow_provider_kaizala.client.drive import drive
from airflow_provider_kaizala.client.effects import Effect, Load, Reply, Save, Send, Sleep, TransportFailure
from airflow_provider_kaizala.client.multipart import Upload
from airflow_provider_kaizala.client.paging import Walk, single
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.client.tls import ca_bundle, is_certificate_error
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, TokenStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.paging import Paged
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.client.tokens import Tokens

T = TypeVar("T")


class AsyncKaizalaClient:
    """Makes calls on an event loop, also several at once. Follows the same rules as ``KaizalaClient``.

    The arguments are the same too; *store* is called in a thread.
    """

    def __init__(
        self,
        settings: Settings,
        store: TokenStore | None = None,
        *,
        policy: Policy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.policy = policy or Policy(settings)
        self._store = store or MemoryTokenStore()
        self._sleep = sleep
        self._http: httpx.AsyncClient | None = None

    async def run(self, call: Call[T], *, within: float = math.inf) -> T:
        """Make a call and return its result, as :meth:`KaizalaClient.run` does."""
        return await drive(self.policy.perform(single(call), within), self._do, TransportFailure)

    async def iterate(self, paged: Paged[T]) -> AsyncIterator[T]:
        """Yield the items of a paged read; a page is fetched when its first item is needed."""
        walk = Walk(paged)
        while walk.call is not None:
            for item in walk.take(await self.run(walk.call)):
                yield item

    async def _do(self, effect: Effect) -> Reply | Tokens | None:
        match effect:
            case Send():
                return await self._exchange(effect)
            case Load(grant):
                return await asyncio.to_thread(self._store.load, grant)
            case Save(grant, tokens):
                await asyncio.to_thread(self._store.save, grant, tokens)
            case Sleep(seconds):
                await self._sleep(seconds)
        return None

    async def _exchange(self, send: Send) -> Reply:
        if self._http is None:
            try:
                opened = await asyncio.to_thread(self._open)
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
        settings = self.settings
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


def _failure(error: Exception, *, sent: bool) -> TransportFailure:
    detail = str(error) or type(error).__name__
    return TransportFailure(detail, sent=sent, certificate=is_certificate_error(error))


async def _chunks(upload: Upload) -> AsyncIterator[bytes]:
    """Read the files in a thread, a piece at a time."""
    pieces = iter(upload)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
