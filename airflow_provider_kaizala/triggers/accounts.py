"""The connectors that one triggerer uses: their clients, the polls that share them, and the doorbells that ring these.

All of this lives on the event loop of one triggerer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.readings import afollow
from airflow_provider_kaizala.hooks import telemetry
from airflow_provider_kaizala.hooks.budget import shared_counter
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push.settings import PushSettings, read_settings
from airflow_provider_kaizala.triggers.doorbells import Doorbell, bare
from airflow_provider_kaizala.triggers.pacing import LIST, pacer_for
from airflow_provider_kaizala.triggers.poll import Feed, Poll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from airflow_provider_kaizala.client import AsyncKaizalaClient
    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection
    from airflow_provider_kaizala.push.events import KaizalaEvent
    from airflow_provider_kaizala.waiting.subjects import Subject

T = TypeVar("T")

log = logging.getLogger(__name__)

#: seconds for which further waits use the settings of a connection that was read
CONNECTION_LIFE = 60.0
#: seconds that a call of a poll may last with its retries; then the poll looks again
LONGEST_CALL = 60.0


class Account:
    """One connector with one set of settings: a client, and the polls that use it."""

    def __init__(self, settings: Settings, client: AsyncKaizalaClient) -> None:
        self.settings, self.client = settings, client
        self.pacer = pacer_for(settings)
        self.users = 0
        self.bells: set[Doorbell] = set()
        self._polls: dict[tuple[str, ...], Poll] = {}

    async def run(self, call: Call[Any], urgency: int = LIST) -> Any:
        """Make a call when its turn has come."""
        began = time.monotonic()
        if await self.pacer.turn(urgency):
            telemetry.throttled(call.operation, time.monotonic() - began, "share_of_waits")
        return await self.client.run(call)

    async def read(self, reading: Reading[T], urgency: int = LIST) -> T:
        """Make the calls of a reading."""
        return await afollow(reading, lambda call: self.run(call, urgency))

    @asynccontextmanager
    async def watch(self, subject: Subject, interval: float, feed: Feed | None = None) -> AsyncIterator[Feed]:
        """Join the poll that reads *subject*; leave it at the end, and stop it if no wait is left.

        :param interval: seconds between two looks at most
        :param feed: what the poll delivers to; by default a new one
        :raises KaizalaError: if the connection holds no grant for the group
        """
        key = (self.settings.grant_for(subject.group_id).name, *subject.poll_key)
        poll = self._polls.get(key)
        if poll is None:
            poll = self._polls[key] = Poll(self, subject)
        elif any(each.is_up for each in self.bells):
            # what an event told of before, to the worker's last look or to another triggerer, rings for this wait no more
            poll.ring()
        feed = feed or Feed(interval)
        poll.add(subject, feed)
        try:
            yield feed
        finally:
            if poll.remove(subject, feed):
                del self._polls[key]
                await asyncio.shield(poll.stop())

    # --- doorbells ---------------------------------------------------------------------------------------------------------

    def ring(self, event: KaizalaEvent | None = None) -> None:
        """Make those polls look that an event is about; without one, all."""
        for poll in self._polls.values():
            if event is None:
                poll.ring()
            elif event.event_type in poll.event_types and bare(event.group_id or "") == bare(poll.group_id):
                telemetry.count("kaizala.wake", kind=poll.kind)
                poll.ring(event.action_id)

    def wake(self) -> None:
        """Let all polls find out anew when they must look."""
        for poll in self._polls.values():
            poll.wake()

    def push_interval(self, poll: Poll) -> float:
        """Return the seconds between two looks that are enough since events arrive; 0 if they do not."""
        return max((each.interval(poll.group_id, poll.event_types) for each in self.bells), default=0.0)

    def distrust(self, poll: Poll) -> None:
        """Take note that a poll has found news of which no event had told."""
        for each in self.bells:
            each.distrust(poll.group_id, poll.event_types)


class UnreadableConnectionError(Exception):
    """Airflow does not return the connection now; its secrets backend may be down."""


async def _read(hook: KaizalaHook) -> KaizalaConnection:
    # in a thread, since loading httpx, and what speaks to Redis, takes long enough for Airflow to complain about a blocked event loop
    await asyncio.to_thread(import_module, "airflow_provider_kaizala.client.async_client")
    await asyncio.to_thread(shared_counter)
    try:
        return await hook.async_connection()
    except KaizalaError:
        raise
    except Exception as error:
        raise UnreadableConnectionError(str(error) or type(error).__name__) from error


@dataclass
class _Connection:
    """An Airflow connection that was read, or is being read."""

    hook: KaizalaHook
    until: float
    reading: asyncio.Task[KaizalaConnection]
    waiting: int = 0


class Accounts:
    """All accounts of one event loop, and the connections that name them."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._connections: dict[str, _Connection] = {}
        self._bells: dict[str, Doorbell] = {}
        self._push = _push_settings()

    @asynccontextmanager
    async def account(self, conn_id: str) -> AsyncIterator[Account]:
        """Return the account of a connection; the last user closes it. While it is used, events of the connection ring its polls.

        :raises KaizalaError: if the connection is wrong
        :raises UnreadableConnectionError: if it cannot be read
        """
        hook, connection = await self.connection(conn_id)
        key = _account_key(connection.settings)
        account = self._accounts.get(key)
        if account is None:
            client = hook.async_client(connection.settings)
            account = self._accounts[key] = Account(connection.settings, client)
        account.users += 1
        bell = self._bell(conn_id, connection)
        if bell:
            bell.add(account)
        try:
            yield account
        finally:
            account.users -= 1
            ends: list[Awaitable[None]] = []
            if bell and bell.remove(account):
                del self._bells[conn_id]
                ends.append(bell.stop())
            if not account.users:
                del self._accounts[key]
                ends.append(account.client.close())
            if ends:
                await asyncio.shield(asyncio.gather(*ends))

    def _bell(self, conn_id: str, connection: KaizalaConnection) -> Doorbell | None:
        """Return the doorbell of a connection, None if its events are not received."""
        if conn_id not in self._bells and conn_id in self._push.connections and connection.webhook_secret:

            async def read_secret() -> str | None:
                return (await self.connection(conn_id))[1].webhook_secret

            self._bells[conn_id] = Doorbell(conn_id, read_secret, self._push.push_poll_interval)
        return self._bells.get(conn_id)

    async def connection(self, conn_id: str) -> tuple[KaizalaHook, KaizalaConnection]:
        """Read a connection, once for all waits that come within a minute: each reading asks Airflow's supervisor.

        :raises KaizalaError: if the connection is wrong
        :raises UnreadableConnectionError: if it cannot be read
        """
        known = self._connections.get(conn_id)
        if known is None or (known.until < time.monotonic() and known.reading.done()):
            hook = KaizalaHook(conn_id, total_timeout=LONGEST_CALL)
            until = time.monotonic() + CONNECTION_LIFE
            known = self._connections[conn_id] = _Connection(hook, until, asyncio.create_task(_read(hook)))
        known.waiting += 1
        try:
            # shielded, since other waits may need it when this one is stopped
            return known.hook, await asyncio.shield(known.reading)
        except BaseException:
            is_over = known.reading.done() or known.waiting == 1  # it failed, or no other wait needs it
            if is_over and self._connections.get(conn_id) is known:
                del self._connections[conn_id]
                known.reading.cancel()
            raise
        finally:
            known.waiting -= 1


def _push_settings() -> PushSettings:
    """Return the options of received events; those of an Airflow that receives none if it cannot, or if one is invalid."""
    try:
        return read_settings() if compat.has_push() else PushSettings()
    except KaizalaInputError as error:
        log.error("Waits are not woken by events: %s", error)
        return PushSettings()


def _account_key(settings: Settings) -> str:
    """Return what settings must have in common to share a client: every value, as a digest since some are secret."""
    values = [getattr(settings, each.name) for each in fields(settings)]
    return hashlib.sha256(repr(values).encode()).hexdigest()


_accounts: WeakKeyDictionary[asyncio.AbstractEventLoop, Accounts] = WeakKeyDictionary()


def accounts() -> Accounts:
    """Return the accounts of this event loop; a triggerer has one."""
    return _accounts.setdefault(asyncio.get_running_loop(), Accounts())
