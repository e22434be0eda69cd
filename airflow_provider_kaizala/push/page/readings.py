"""What the page reads through Kaizala's API: how far waits have come, the webhooks of groups, and the names of groups."""

from __future__ import annotations

import asyncio
import json
import math
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, conf

from airflow_provider_kaizala.client import Budget, calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.readings import afollow
from airflow_provider_kaizala.client.value import Value
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push.ensure import Owner, state_of, without_query
from airflow_provider_kaizala.push.page.shared import NotNowError, Shared
from airflow_provider_kaizala.waiting.subjects import Messages
from airflow_provider_kaizala.waiting.wait import Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import Group, Webhook
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection
    from airflow_provider_kaizala.push.page.shared import Seen
    from airflow_provider_kaizala.waiting.rules import Progress

#: readings that one view of the page starts at most, the stalest first
PER_VIEW = 20
#: readings of one connection at the same time
AT_ONCE = 4
#: seconds that a call may take with its retries
LONGEST_CALL = 8.0
#: the part of a connector's calls per minute that the page may make in all processes of an API server; tasks need the others
SHARE = 0.2
#: seconds for which a connection is not read again
CONNECTION_FRESH = 30.0


class Item(Value):
    """Base: something to read with a connection.

    :cvar fresh: seconds for which it is not read again
    """

    conn_id: str
    fresh: ClassVar[float]

    def reading(self, connection: KaizalaConnection, before: Any) -> Reading[Any]:
        """Return the calls that read it.

        :param before: what was read last, or None
        """
        raise NotImplementedError


class GroupName(Item):
    """The name of a group."""

    group_id: str
    fresh = 3600.0

    def reading(self, connection: KaizalaConnection, before: Any) -> Reading[str]:
        """Read the group."""
        group: Group = yield calls.get_group(self.group_id)
        return group.name or self.group_id


class ListedWebhook(Value):
    """A webhook of a group. Holds no secret.

    :param ours: whether it calls the receiver of its connection
    :param state: active, disabled or ended
    :param where: the address that it calls, without query
    """

    webhook_id: str
    ours: bool
    state: str
    where: str
    event_types: tuple[str, ...]
    expires_at: datetime | None


class GroupWebhooks(Item):
    """The webhooks of a group."""

    group_id: str
    fresh = 30.0

    def reading(self, connection: KaizalaConnection, before: Any) -> Reading[tuple[ListedWebhook, ...]]:
        """List them; those that call this Airflow come first."""
        owner = Owner(self.conn_id, connection.webhook_secret)
        found: Sequence[Webhook] = yield calls.list_webhooks(self.group_id, group_id=self.group_id)
        now = datetime.now(tz=UTC)
        listed = [
            ListedWebhook(
                each.id,
                owner.is_ours(each, self.group_id),
                state_of(each, now),
                without_query(each.callback_url),
                each.event_types,
                each.expires_at,
            )
            for each in found
        ]
        return tuple(sorted(listed, key=lambda each: not each.ours))


class Progressed(Value):
    """How far a wait has come.

    :param wait: as it is known now
    :param title: the question, if what is waited on has one
    :param sent_at: when it was asked, if that is known
    """

    wait: Wait
    progress: Progress
    title: str | None
    sent_at: datetime | None


class WaitProgress(Item):
    """How far a wait has come.

    :param wire: the wait as JSON, the same for the same wait
    """

    wire: str
    fresh = 15.0

    @classmethod
    def of(cls, conn_id: str, wire: Mapping[str, Any]) -> WaitProgress:
        """Return what reads this wait."""
        return cls(conn_id, json.dumps(wire, sort_keys=True))

    def reading(self, connection: KaizalaConnection, before: Progressed | None) -> Reading[Progressed]:
        """Look, as the task does.

        :raises KaizalaInputError: if only the task itself can take the first look
        """
        wait = before.wait if before else Wait.from_wire(json.loads(self.wire))
        if not wait.settled and wait.subject.first_look_counts:
            raise KaizalaInputError("the task has not looked yet")
        if isinstance(wait.subject, Messages):
            raise KaizalaInputError("Kaizala lists no messages; see the log of the task")
        wait, details = yield from wait.look()
        progress = wait.update(details).progress
        if progress is None:
            raise NotNowError
        return Progressed(wait, progress, details.title, details.sent_at)


class Readings:
    """Reads in the background, for all viewers together.

    :param shared: keeps what was read
    :param make_hook: makes the hook of a connection
    """

    def __init__(
        self,
        shared: Shared,
        make_hook: Callable[[str], KaizalaHook] = KaizalaHook,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared, self._make_hook, self._clock = shared, make_hook, clock
        self._budgets: dict[str, Budget] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._processes = max(1, conf.getint("api", "workers", fallback=1))

    # --- connections -------------------------------------------------------------------------------------------------------

    async def connections(self, conn_ids: Iterable[str], seconds: float) -> dict[str, Seen | None]:
        """Return what is known of connections after at most so many seconds: each a :class:`KaizalaConnection`."""
        keys = {conn_id: ("connection", conn_id) for conn_id in conn_ids}
        for conn_id, key in keys.items():
            self._shared.want(key, CONNECTION_FRESH, partial(self._connection, conn_id))
        await self._shared.wait(keys.values(), seconds)
        return {conn_id: self._shared.get(key) for conn_id, key in keys.items()}

    async def _connection(self, conn_id: str, _: Any) -> KaizalaConnection:
        hook = self._make_hook(conn_id)
        try:
            return await asyncio.to_thread(lambda: hook.connection)
        except AirflowNotFoundException:
            raise KaizalaInputError(f"there is no connection {conn_id!r}") from None

    # --- readings ----------------------------------------------------------------------------------------------------------

    def seen(self, item: Item) -> Seen | None:
        """Return what was read last; None before the first reading has ended."""
        return self._shared.get(item)

    async def read(self, items: Iterable[Item], seconds: float) -> None:
        """Read what is not fresh, and wait for that at most so many seconds."""
        wanted = list(dict.fromkeys(items))
        stale = [each for each in wanted if self._shared.age(each) >= each.fresh]
        for item in sorted(stale, key=self._shared.age, reverse=True)[:PER_VIEW]:
            self._shared.want(item, item.fresh, partial(self._read, item))
        await self._shared.wait(wanted, seconds)

    async def _read(self, item: Item, before: Any) -> Any:
        conn_id = item.conn_id
        async with self._slots.setdefault(conn_id, asyncio.Semaphore(AT_ONCE)):
            found = (await self.connections([conn_id], LONGEST_CALL))[conn_id]
            if found is None:
                raise NotNowError
            if found.value is None:
                raise KaizalaInputError(str(found.problem))
            settings = found.value.settings
            budget = self._budgets.setdefault(conn_id, Budget(0))
            budget.limit = math.ceil(settings.calls_per_minute * SHARE / self._processes)  # 0 is no limit
            if budget.reserve(self._clock(), patience=1e-6) > 0:
                raise NotNowError
            is_first = True
            async with self._make_hook(conn_id).async_client(settings) as client:

                async def run(call: Call[Any]) -> Any:
                    nonlocal is_first
                    if not is_first:  # what has begun may end, and others begin later
                        budget.reserve(self._clock())
                    is_first = False
                    return await client.run(call, within=LONGEST_CALL)

                return await afollow(item.reading(found.value, before), run)
