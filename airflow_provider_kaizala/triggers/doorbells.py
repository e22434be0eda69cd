"""Doorbells: a received event makes polls look at once, instead of at the next interval.

The receiver stores what Kaizala's webhooks bring, and one long poll per connection and triggerer reads on from there. An event
proves nothing: what a wait gets is what its poll then reads. A missed event therefore costs time, but never an answer.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_kaizala.push.feed import WAIT, EventFeed, FeedError
from airflow_provider_kaizala.push.pulled import PULLED
from airflow_provider_kaizala.push.settings import receiver_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from airflow_provider_kaizala.push.events import KaizalaEvent
    from airflow_provider_kaizala.push.pages import Page
    from airflow_provider_kaizala.triggers.accounts import Account

log = logging.getLogger(__name__)

#: seconds between two requests after one that has brought events, so that those of a burst come together
PAUSE = 0.5
#: seconds before the receiver is asked again when it could not be reached: at first, and at most
RETRY, LONGEST_RETRY = 1.0, 30.0
#: requests that fail in a row before the receiver counts as down; one may fail when an API server restarts
PATIENCE = 2
#: seconds for which an event shows that events of its kind and group arrive
TRUST = 24 * 3600.0


class Doorbell:
    """Listens for the events of one connection, while any account uses it.

    :param conn_id: the connection
    :param read_secret: reads its ``webhook_secret``, which may have changed
    :param push_interval: seconds between two looks of a poll whose events arrive
    """

    def __init__(
        self, conn_id: str, read_secret: Callable[[], Awaitable[str | None]], push_interval: float
    ) -> None:
        self.conn_id = conn_id
        self.is_up = False
        self._read_secret, self._push_interval = read_secret, push_interval
        self._feed: EventFeed | None = None
        self._accounts: Counter[Account] = Counter()
        self._heard: dict[tuple[str, str], float] = {}
        self._failures = 0
        # a context of its own, or its lines would land in the log of the task that happened to come first
        self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())

    def add(self, account: Account) -> None:
        """Add a user of an account: its polls are rung."""
        self._accounts[account] += 1
        account.bells.add(self)

    def remove(self, account: Account) -> bool:
        """Remove a user of an account, and return whether it was the last of all."""
        self._accounts[account] -= 1
        if not self._accounts[account]:
            del self._accounts[account]
            account.bells.discard(self)
        return not self._accounts

    async def stop(self) -> None:
        """End listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._close()

    def interval(self, group_id: str, event_types: Collection[str]) -> float:
        """Return the seconds between two looks of a poll that need not look more often; 0 if it had better do.

        A poll can rely on its doorbell only if the receiver can be read, and events of each of its types have come from its group
        lately. Else a group might have no webhook, or one without these events.
        """
        if not self.is_up or not event_types:
            return 0.0
        group, now = bare(group_id), time.monotonic()
        heard = min(self._heard.get((group, each), -math.inf) for each in event_types)
        return self._push_interval if now - heard < TRUST else 0.0

    def distrust(self, group_id: str, event_types: Collection[str]) -> None:
        """Forget that events have come, since one was missed. The next one counts again."""
        group = bare(group_id)
        found = [self._heard.pop((group, each), None) for each in event_types]
        if any(found):
            log.info(
                "Something new in group %s came without an event; polling it at the intervals of its waits until the next event",
                group_id,
            )

    # --- listening ---------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        cursor: int | None = None
        while True:
            try:
                page = await self._listen(cursor)
                if cursor is None:  # what came before is not in the feed
                    for account in self._accounts:
                        account.ring()
                for event in page.events:
                    self._hear(event)
                cursor = page.cursor
                self._note_success()
                pause = PAUSE if page.events else 0.0
            except Exception as error:  # noqa: BLE001 - whatever it is, waits go on without
                pause = min(RETRY * 2.0 ** min(self._failures, 10), LONGEST_RETRY)
                self._note_failure(error)
                await self._close()
            await asyncio.sleep(pause)

    async def _listen(self, cursor: int | None) -> Page:
        if self._feed is None:
            secret = await self._read_secret()
            if not secret:
                raise FeedError(f"connection {self.conn_id!r} has no webhook_secret")
            self._feed = EventFeed(self.conn_id, secret, receiver_url())
        # the first request asks for the present end only, which it gets at once
        return await self._feed.listen(cursor, 0 if cursor is None else WAIT)

    async def _close(self) -> None:
        """Forget the feed: the next one has the secret of then."""
        if self._feed is not None:
            feed, self._feed = self._feed, None
            await feed.aclose()

    def _hear(self, event: KaizalaEvent) -> None:
        if event.group_id is None or event.event_id.startswith(PULLED):  # a poll has found it
            return
        # only a webhook of the group shows that its events arrive, and responses are found by the action that they name
        if event.object_type == "Group" and (event.action_id or not event.event_type.endswith("Response")):
            self._heard[bare(event.group_id), event.event_type] = time.monotonic()
        for account in self._accounts:
            account.ring(event)

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures != PATIENCE:
            return
        self.is_up = False
        log.warning(
            "Events of connection %r cannot be read now, so its waits go on polling at their own intervals: %s",
            self.conn_id,
            error if isinstance(error, FeedError) else f"{type(error).__name__}: {error}",
        )
        for account in self._accounts:
            account.wake()

    def _note_success(self) -> None:
        if not self.is_up:
            again = " again" if self._failures >= PATIENCE else ""
            log.info("Events of connection %r wake its waits%s", self.conn_id, again)
        self.is_up, self._failures = True, 0


def bare(group_id: str) -> str:
    """Return the id of a group as it can be compared: in lower case, and without its scale unit (``@1``), which events may leave out."""
    return group_id.lower().partition("@")[0]
