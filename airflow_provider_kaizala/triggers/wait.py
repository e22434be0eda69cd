"""The trigger of every wait: polls in the triggerer until the wait is over."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.models.sent import Audience
from airflow_provider_kaizala.client.tell import tell
from airflow_provider_kaizala.triggers.accounts import UnreadableConnectionError, accounts
from airflow_provider_kaizala.triggers.pacing import DETAIL
from airflow_provider_kaizala.waiting.wait import Update, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.triggers.accounts import Account
    from airflow_provider_kaizala.triggers.poll import Feed

log = logging.getLogger(__name__)

#: seconds that a trigger which is stopped may take to say so; Airflow gives it 30
LAST_WORDS = 20.0


class KaizalaWaitTrigger(BaseTrigger):
    """Waits until the rule of a wait is met, the wait has ended, or the task wants to be woken.

    Its path and arguments are public and change only by addition, since rows in Airflow's database outlive an upgrade. None of
    the arguments is a secret. However many triggers wait in one group, one poll reads for all of them.

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
        self._unreadable = ""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path and the arguments."""
        names = ("wait", "kaizala_conn_id", "wake_at", "carry")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire once, but not before Airflow knows that the task has left its worker."""
        began = time.monotonic()
        event = await self.event()
        if self.trigger_id is not None:  # None under dag.test(), where the task leaves no worker
            await asyncio.sleep(began + compat.PARKING - time.monotonic())
        yield event

    async def event(self) -> TriggerEvent:
        """Poll until there is an event. Every look reads the present state, so a restart of the triggerer loses nothing."""
        wait: Wait | None = None
        feed: Feed | None = None
        try:
            wait = Wait.from_wire(self.wait)
            async with AsyncExitStack() as stack:
                while (left := self.seconds_left(wait)) != 0:
                    if feed is None:
                        feed, wait = await self.join(stack, wait)
                        if feed is None:
                            left = self.seconds_left(wait)
                            await asyncio.sleep(wait.interval if left is None else min(wait.interval, left))
                        continue
                    details = await feed.next(left)
                    if details is not None and self.update(wait, details):
                        return self._event("success", wait)
        except KaizalaError as error:
            return self._event("error", wait, message=str(error))
        # the worker takes the last look
        return self._event("timeout" if wait.seconds_left() == 0 else "wake", wait)

    async def on_kill(self) -> None:
        """Tell the group that the task was stopped; Airflow 3.3 and newer call this when a person marks or clears a deferred task.

        They also call it if another triggerer has taken over, or the task has gone on by itself, and after clearing another try may
        continue with the question. So the task must have ended in Airflow's database, and the question must be without an answer. No
        trigger posts anything else, since a trigger may run again.
        """
        farewell = self.carry.get("farewell")
        if farewell is None:
            return
        last_words = asyncio.create_task(self._tell_group(farewell))
        while not last_words.done():
            # Airflow cancels a trigger anew every second until it has ended, and on_kill() with it.
            with suppress(asyncio.CancelledError):
                await asyncio.shield(last_words)

    async def _tell_group(self, farewell: dict[str, Any]) -> None:
        """Reply to the question, if the task has ended without an answer; log what goes wrong."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                if await asyncio.to_thread(compat.state_of_task, self.task_instance) not in compat.ENDED:
                    return
                words = tell(farewell["group_id"], farewell["text"], Audience(**farewell["audience"]))
                async with accounts().account(self.kaizala_conn_id) as account:
                    if await self.is_answered(account):
                        return
                    await account.read(words, DETAIL)
        except Exception as error:  # noqa: BLE001
            log.warning(
                "The group may not know that the task was stopped: %s", str(error) or type(error).__name__
            )
        else:
            log.info("Replied to the group: %s", farewell["text"])

    async def is_answered(self, account: Account) -> bool:
        """Look once more, and return whether the wait would be over."""
        wait, details = await account.read(Wait.from_wire(self.wait).look(), DETAIL)
        return self.update(wait, details)

    def update(self, wait: Wait, details: ActionDetails) -> bool:
        """Take in what was read, log it if it is news, and return whether the wait is over."""
        self._last = update = wait.update(details, self._last)
        if update.news:
            log.info("%s", update.news)
        return update.progress is not None and update.progress.over

    async def join(self, stack: AsyncExitStack, wait: Wait) -> tuple[Feed | None, Wait]:
        """Join the poll that reads for this wait, until *stack* is closed; first settle the wait if the worker could not.

        Returns None in place of the feed if the connection or Kaizala cannot be read now, or not before the wait ends.

        :raises KaizalaError: for errors that waiting cannot fix
        """
        try:
            async with asyncio.timeout(self.seconds_left(wait)), AsyncExitStack() as attempt:
                account = await attempt.enter_async_context(accounts().account(self.kaizala_conn_id))
                if not wait.settled:
                    wait, _ = await account.read(wait.look())
                feed = await attempt.enter_async_context(account.watch(wait.subject, wait.interval))
                stack.push_async_exit(attempt.pop_all())
                return feed, wait
        except (KaizalaError, UnreadableConnectionError, TimeoutError) as error:
            if isinstance(error, KaizalaError) and not error.is_transient:
                raise
            text = str(error) or type(error).__name__
            if self._unreadable != text:
                self._unreadable = text
                log.warning("Kaizala cannot be read now; polling again: %s", text)
        return None, wait

    def seconds_left(self, wait: Wait) -> float | None:
        """Return the seconds until the wait ends or the task wants to be woken, whichever comes first; None for never."""
        left = wait.seconds_left()
        if self.wake_at is None:
            return left
        waking = max(0.0, (datetime.fromisoformat(self.wake_at) - Wait.now()).total_seconds())
        return waking if left is None else min(left, waking)

    def _event(self, status: str, wait: Wait | None, **more: Any) -> TriggerEvent:
        known = wait.to_wire() if wait else self.wait
        seen = self._last.to_wire() if self._last else None
        return TriggerEvent({"status": status, "wait": known, "seen": seen, "carry": self.carry, **more})
