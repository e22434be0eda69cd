"""Decides whose requests pass: those with a token of a connection that has opted in.

Whoever sends a wrong token is answered from memory. Only connections that have opted in are ever looked up, at most once per
:data:`FRESH` seconds, however many requests come.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.push.subscriptions import Subscription, check_token, listener_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

log = logging.getLogger(__name__)

#: seconds for which a secret is not read again
FRESH = 5.0
#: seconds for which a secret still opens while it is being read again, so that a slow secrets backend delays no event
KEPT = 60.0


class SecretUnavailableError(Exception):
    """A connection could not be read, so nobody can be told from anybody."""


class _Known(Value):
    secret: str | None
    at: float


class Gate:
    """Verifies the tokens of requests.

    :param conn_ids: the connections that have opted in
    :param read_secret: returns the ``webhook_secret`` of a connection, None if there is no such connection or it has none; raises if
        that cannot be found out now
    """

    def __init__(
        self,
        conn_ids: Collection[str],
        read_secret: Callable[[str], Awaitable[str | None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.conn_ids = frozenset(conn_ids)
        self._read_secret = read_secret
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._failed: dict[str, float] = {}
        self._reading: dict[str, asyncio.Task[str | None]] = {}

    async def admit(self, conn_id: str, on: str, token: str) -> Subscription | None:
        """Return the subscription whose token this is; None if it is not the one that the address names, or there is none.

        :raises SecretUnavailableError: if the connection cannot be read now
        """
        subscription = Subscription.read(conn_id, on)
        if subscription is None or not await self._verify(conn_id, token, subscription.token):
            return None
        return subscription

    async def admits_listener(self, conn_id: str, token: str) -> bool:
        """Return whether this is the token of those who read the events of a connection.

        :raises SecretUnavailableError: if the connection cannot be read now
        """
        return await self._verify(conn_id, token, lambda secret: listener_token(secret, conn_id))

    async def admits_check(self, conn_id: str, nonce: str, token: str) -> bool:
        """Return whether this is the token of somebody who asks whether events of a connection would be taken.

        :raises SecretUnavailableError: if the connection cannot be read now
        """
        return await self._verify(conn_id, token, lambda secret: check_token(secret, conn_id, nonce))

    async def _verify(self, conn_id: str, token: str, derive: Callable[[str], str]) -> bool:
        """Return whether a token is the one that is derived from the secret of a connection."""
        if conn_id not in self.conn_ids or not token:
            return False
        known = self._known.get(conn_id)
        has_failed = self._clock() - self._failed.get(conn_id, float("-inf")) < FRESH
        age = self._clock() - known.at if known else KEPT
        if known and age < KEPT and _is_token(known.secret, derive, token):
            if age >= FRESH and not has_failed:
                self._read(conn_id)
            return True
        if known and age < FRESH:
            return False
        if has_failed:
            raise SecretUnavailableError(conn_id)
        try:
            secret = await asyncio.shield(self._read(conn_id))
        except Exception:  # noqa: BLE001 - whatever a secrets backend raises; it is logged where it is read
            raise SecretUnavailableError(conn_id) from None
        return _is_token(secret, derive, token)

    def _read(self, conn_id: str) -> asyncio.Task[str | None]:
        """Read a secret, once for all who ask meanwhile."""
        task = self._reading.get(conn_id)
        if task is None:
            task = self._reading[conn_id] = asyncio.create_task(self._remember(conn_id))
            task.add_done_callback(lambda done: self._end(conn_id, done))
        return task

    async def _remember(self, conn_id: str) -> str | None:
        try:
            secret = await self._read_secret(conn_id)
        except Exception as error:
            self._failed[conn_id] = self._clock()
            log.error("Webhooks of connection %r cannot be verified now: %s", conn_id, type(error).__name__)
            raise
        self._known[conn_id] = _Known(secret, self._clock())
        return secret

    def _end(self, conn_id: str, task: asyncio.Task[str | None]) -> None:
        del self._reading[conn_id]
        if not task.cancelled():
            task.exception()  # it is logged; asyncio would log it again if nobody had waited


def _is_token(secret: str | None, derive: Callable[[str], str], token: str) -> bool:
    return bool(secret) and hmac.compare_digest(derive(secret or "").encode(), token.encode())


class RateLimit:
    """Lets a number of events per second through for each webhook, at most those of one second at once.

    Whoever has the token of one webhook can thus not keep out the events of others.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._clock = clock
        self._left: dict[Subscription, tuple[float, float]] = {}

    def take(self, webhook: Subscription) -> bool:
        """Return whether one more event of this webhook, whose token came with it, may pass now."""
        now = self._clock()
        left, since = self._left.get(webhook, (float(self.per_second), now))
        left = min(self.per_second, left + (now - since) * self.per_second)
        self._left[webhook] = (left - 1 if left >= 1 else left, now)
        return left >= 1


class Refusals:
    """Logs refused requests: the first at once, then at most one line per second with the number of the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = float("-inf")
        self._more = 0
        self._last = ""

    def add(self, reason: str) -> None:
        """Count a request that was refused.

        :param reason: shown in the log, so it must hold nothing that the sender can make long or choose freely
        """
        self._last = reason
        self._more += 1
        self.flush()

    def flush(self) -> None:
        """Log what was not logged yet, unless a line was logged within this second."""
        now = self._clock()
        if not self._more or now - self._since < 1:
            return
        others = f" (and {self._more - 1} more requests since the last such line)" if self._more > 1 else ""
        log.warning("Refused a webhook request: %s%s", self._last, others)
        self._since, self._more = now, 0
