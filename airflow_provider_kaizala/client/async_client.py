"""The async client: a loop around the policy, over httpx."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow_provider_kaizala.client.drive import drive
from airflow_provider_kaizala.client.effects import Effect, Load, Reserve, Save, Send, Sleep, TransportFailure
from airflow_provider_kaizala.client.httpx_transport import HttpxTransport
from airflow_provider_kaizala.client.paging import Walk, single
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, TokenStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow_provider_kaizala.client.calls.call import Call
    from airflow_provider_kaizala.client.effects import Reply
    from airflow_provider_kaizala.client.paging import Paged
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.client.tokens import Tokens

T = TypeVar("T")


class AsyncKaizalaClient:
    """Makes calls on an event loop, also several at once. Follows the same rules as ``KaizalaClient``.

    :param settings: the connector
    :param store: keeps tokens between processes; it is called in a thread. By default they are forgotten with this client
    :param policy: the rules, to inject a clock or share a budget
    :param sleep: waits a number of seconds
    :param in_thread: calls a function of the store in a thread
    """

    def __init__(
        self,
        settings: Settings,
        store: TokenStore | None = None,
        *,
        policy: Policy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        in_thread: Callable[..., Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self.settings = settings
        self.policy = policy or Policy(settings)
        self._store = store or MemoryTokenStore()
        self._sleep = sleep
        self._in_thread = in_thread
        self._transport = HttpxTransport(settings)

    async def run(self, call: Call[T], *, within: float = math.inf) -> T:
        """Make a call and return its result, as :meth:`~airflow_provider_kaizala.client.client.KaizalaClient.run` does."""
        one = single(call)
        with self.policy.observer.call(one):
            return await drive(self.policy.perform(one, within), self._do, TransportFailure)

    async def iterate(self, paged: Paged[T]) -> AsyncIterator[T]:
        """Yield the items of a paged read; a page is fetched when its first item is needed."""
        walk = Walk(paged)
        while walk.call is not None:
            for item in walk.take(await self.run(walk.call)):
                yield item

    async def _do(self, effect: Effect) -> Reply | Tokens | float | None:
        match effect:
            case Send():
                return await self._transport.exchange(effect)
            case Reserve(patience):
                return await asyncio.to_thread(self.policy.reserve, patience)
            case Load(grant):
                tokens: Tokens | None = await self._in_thread(self._store.load, grant)
                return tokens
            case Save(grant, renewed):
                await self._in_thread(self._store.save, grant, renewed)
            case Sleep(seconds):
                await self._sleep(seconds)
        return None

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
