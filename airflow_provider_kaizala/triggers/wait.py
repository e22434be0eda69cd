"""A wait, in the triggerer."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.triggers.polls import UnreadableConnectionError, polls
from airflow_provider_kaizala.waiting.wait import Update, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.triggers.polls import Feed

log = logging.getLogger(__name__)


class KaizalaWaitTrigger(BaseTrigger):
    """Waits on a subject until a rule is met, or a moment comes.

    The path and the arguments of a trigger are public and change only by addition: rows in the database outlive an upgrade. None
    of them is a secret. However many triggers wait in one group, one poll reads for all of them.

    :param wait: the :class:`~airflow_provider_kaizala.waiting.wait.Wait` as a plain dict
    :param kaizala_conn_id: the Airflow connection to Kaizala
    :param wake_at: ISO 8601 time at which the task wants to be woken in between, or None
    :param carry: plain values that come back with the event

    Fires one event: ``{"status": "success" | "timeout" | "wake" | "error"}`` with ``"wait"`` as it is known now, ``"seen"``, what
    was seen last (``{"result", "text"}``, or None), ``"carry"``, and with an error its ``"message"``.
    """

    def __init__(
        self,
        wait: dict[str, Any],
        kaizala_conn_id: str,
        wake_at: str | None = None,
        carry: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wait = wait
        self.kaizala_conn_id = kaizala_conn_id
        self.wake_at = wake_at
        self.carry = carry or {}
        self._last: Update | None = None
        self._outage = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return path and arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "wait": self.wait,
                "kaizala_conn_id": self.kaizala_conn_id,
                "wake_at": self.wake_at,
                "carry": self.carry,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once; not before Airflow knows that the task has left its worker."""
        began = time.monotonic()
        async with aclosing(self.events()) as events:
            async for event in events:
                if self.trigger_id is not None:  # None under dag.test(), where no worker was left
                    await asyncio.sleep(began + compat.PARKING - time.monotonic())
                yield event

    async def events(self) -> AsyncGenerator[TriggerEvent]:
        """Look until the wait is over. Every look reads the present state, so a restart of the triggerer loses nothing."""
        wait = Wait.from_wire(self.wait)
        try:
            async with AsyncExitStack() as stack:
                feed: Feed | None = None
                while True:
                    if feed is None:
                        feed, wait = await self.join(stack, wait)
                    left = self._seconds_left(wait)
                    if feed is None:
                        await asyncio.sleep(wait.interval if left is None else min(wait.interval, left))
                        details = None
                    else:
                        details = await feed.next(left)
                    if details is not None and self.seen(wait, details):
                        yield self._event("success", wait)
                        return
                    if details is None and left == 0:
                        yield self._event("timeout" if wait.seconds_left() == 0 else "wake", wait)
                        return
        except KaizalaError as error:
            yield self._event("error", wait, message=str(error))

    def seen(self, wait: Wait, details: ActionDetails) -> bool:
        """Take what was read, log it if it is news, and return whether the wait is over."""
        self._last = update = wait.update(details, self._last)
        if update.news:
            log.info("%s", update.news)
        return update.progress is not None and update.progress.over

    async def join(self, stack: AsyncExitStack, wait: Wait) -> tuple[Feed | None, Wait]:
        """Join the poll that reads for this wait; first settle the wait, if no look in the worker could.

        Returns None instead if the connection, or Kaizala, cannot be read now.

        :raises KaizalaError: for errors that waiting cannot fix
        """
        try:
            async with AsyncExitStack() as attempt:
                account = await attempt.enter_async_context(polls().account(self.kaizala_conn_id))
                if not wait.settled:
                    wait, _ = await account.read(wait.look())
                feed = await attempt.enter_async_context(account.watch(wait.subject, wait.interval))
                stack.push_async_exit(attempt.pop_all())
        except (KaizalaError, UnreadableConnectionError) as error:
            if isinstance(error, KaizalaError) and not error.is_transient:
                raise
            if self._outage != str(error):
                self._outage = str(error)
                log.warning("Kaizala cannot be read now; polling again: %s", error)
            return None, wait
        return feed, wait

    def _seconds_left(self, wait: Wait) -> float | None:
        """Return the seconds until the wait ends or the task wants to be woken, whichever comes first."""
        left = wait.seconds_left()
        if self.wake_at is None:
            return left
        waking = max(0.0, (datetime.fromisoformat(self.wake_at) - Wait.now()).total_seconds())
        return waking if left is None else min(left, waking)

    def _event(self, status: str, wait: Wait, **more: Any) -> TriggerEvent:
        seen = self._last.to_wire() if self._last else None
        return TriggerEvent(
            {"status": status, "wait": wait.to_wire(), "seen": seen, "carry": self.carry, **more}
        )
