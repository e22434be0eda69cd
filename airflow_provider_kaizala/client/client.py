"""The sync client: a loop around the policy, over requests."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Self, TypeVar

from airflow_provider_kaizala.client.drive import drive, finish
from airflow_provider_kaizala.client.effects import Effect, Load, Reserve, Save, Send, Sleep, TransportFailure
from airflow_provider_kaizala.client.paging import Walk, single
from airflow_provider_kaizala.client.policy import Policy
from airflow_provider_kaizala.client.requests_transport import RequestsTransport
from airflow_provider_kaizala.client.tokens import MemoryTokenStore, TokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.effects import Reply
    from airflow_provider_kaizala.client.paging import Paged
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.client.tokens import Tokens

T = TypeVar("T")


class KaizalaClient:
    """Makes calls, one after another. Usable from any script; close it, or use it as a context manager.

    ::

        settings = Settings("my-connector", "my-secret", refresh_token="...")
        with KaizalaClient(settings) as kaizala:
            posted = kaizala.run(calls.send_message(group_id, Message("Hello")))

    :param settings: the connector
    :param store: keeps tokens between processes; by default they are forgotten with this client
    :param policy: the rules, to inject a clock or share a budget
    :param sleep: waits a number of seconds
    """

    def __init__(
        self,
        settings: Settings,
        store: TokenStore | None = None,
        *,
        policy: Policy | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.policy = policy or Policy(settings)
        self._store = store or MemoryTokenStore()
        self._sleep = sleep
        self._transport = RequestsTransport(settings)

    def run(self, call: Call[T], *, within: float = math.inf) -> T:
        """Make a call and return its result.

        :param within: seconds the call may take with its retries, if that is less than the settings' total
        :raises airflow_provider_kaizala.client.errors.KaizalaError: see there for the kinds
        """
        one = single(call)
        with self.policy.observer.call(one):
            return finish(drive(self.policy.perform(one, within), self._do, TransportFailure))

    async def _do(self, effect: Effect) -> Reply | Tokens | float | None:
        # asynchronous for drive() only: it never suspends
        match effect:
            case Send():
                return self._transport.exchange(effect)
            case Reserve(patience):
                return self.policy.reserve(patience)
            case Load(grant):
                return self._store.load(grant)
            case Save(grant, tokens):
                self._store.save(grant, tokens)
            case Sleep(seconds):
                self._sleep(seconds)
        return None

    def iterate(self, paged: Paged[T]) -> Iterator[T]:
        """Yield the items of a paged read; a page is fetched when its first item is needed."""
        walk = Walk(paged)
        while walk.call is not None:
            yield from walk.take(self.run(walk.call))

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
