"""Triggers to hold ours against; a triggerer imports this module."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kaizala.client import AsyncKaizalaClient, calls
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class SleepingTrigger(BaseTrigger):
    """Does nothing: what any trigger costs.

    :param number: makes it differ from others, as those of tasks do
    """

    def __init__(self, number: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.number = number

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return path and arguments."""
        return f"{__name__}.{type(self).__name__}", {"number": self.number}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep for a day."""
        await asyncio.sleep(86_400)
        yield TriggerEvent(None)


class NaiveTrigger(BaseTrigger):
    """Asks for its own action each interval, as a trigger that knows of no other does.

    All share one client, which is kinder than such a trigger would be: one pool of connections, one access token.

    :param interval: seconds between two looks
    """

    _client: AsyncKaizalaClient | None = None
    _opening: asyncio.Lock | None = None

    def __init__(self, group_id: str, action_id: str, interval: float, kaizala_conn_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.group_id = group_id
        self.action_id = action_id
        self.interval = interval
        self.kaizala_conn_id = kaizala_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return path and arguments."""
        names = ("group_id", "action_id", "interval", "kaizala_conn_id")
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, until somebody has answered."""
        client = await self._connect()
        while True:
            details = await client.run(calls.get_action(self.group_id, self.action_id))
            if details.responses:
                yield TriggerEvent(self.action_id)
                return
            await asyncio.sleep(self.interval)

    async def _connect(self) -> AsyncKaizalaClient:
        mine = type(self)
        mine._opening = mine._opening or asyncio.Lock()
        async with mine._opening:
            if mine._client is None:
                hook = KaizalaHook(self.kaizala_conn_id)
                mine._client = hook.async_client((await hook.async_connection()).settings)
        return mine._client
