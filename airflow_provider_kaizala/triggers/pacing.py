"""Limits how many calls a minute the waits of one triggerer make with a connector; urgent calls go first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kaizala.client.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.client.settings import Settings

#: urgencies, most urgent first: read what has changed, list what may have changed, read again what shows no change
DETAIL, LIST, SWEEP = range(3)
SECTION = "kaizala"
#: seconds over which calls are spread, so that a burst does not use up a whole minute
WINDOW = 10.0
#: part of the calls that looks may use which events cause; the rest is for what they find, and for other polls
RUNG = 0.5


class Pacer:
    """Queues the calls of waits and allows at most *per_minute*, so that posts have the rest; 0 means no limit."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._turns = itertools.count()
        self.queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._budgets, self._rung = (Budget(0), Budget(0)), Budget(0)
        self.sweepers: set[Sweeps] = set()
        self.set(per_minute)

    def set(self, per_minute: float) -> None:
        """Change the limit."""
        self.per_minute = per_minute
        for budget, window in zip(self._budgets, (60.0, WINDOW), strict=True):
            _limit(budget, per_minute, window)
        _limit(self._rung, per_minute * RUNG, WINDOW)

    def _reserve(self) -> float:
        """Return how many seconds to wait for the next free place, and take it if that is now."""
        now = self.now()
        wait = max(budget.reserve(now, patience=0) for budget in self._budgets)
        if wait == 0:
            for budget in self._budgets:
                budget.reserve(now)
        return wait

    def ring(self) -> float:
        """Return how many seconds to wait before a look that an event causes, and count that look if it may be made now."""
        wait = self._rung.reserve(self.now(), patience=0)
        if wait == 0:
            self._rung.reserve(self.now())
        return wait

    async def turn(self, urgency: int) -> bool:
        """Wait until a call may be made: urgent calls first, else in order; return whether it had to wait."""
        if not self.queue and self._reserve() == 0:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.queue, (urgency, next(self._turns), turn))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._let_go())
        await turn
        return True

    async def _let_go(self) -> None:
        while self.queue:
            wait = self._reserve()
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            while self.queue:
                turn = heapq.heappop(self.queue)[2]
                if not turn.done():  # else its wait was cancelled
                    turn.set_result(None)
                    break


def _limit(budget: Budget, per_minute: float, window: float) -> None:
    """Let so many calls through, spread over a window of so many seconds."""
    calls = max(per_minute, 0.0) * window / 60
    budget.limit = math.ceil(calls)
    if calls > 0:  # a window of whole calls, so that no part of one is lost
        budget.seconds = window * budget.limit / calls


class Sweeps:
    """The calls that one poll may spend on what shows no change: an equal part of a tenth of the budget."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._since = pacer.now()
        pacer.sweepers.add(self)

    def end(self) -> None:
        """Give its part to the other polls."""
        self._pacer.sweepers.discard(self)

    def take(self, most: int) -> int:
        """Return how many of *most* calls may be made now; one if there is no limit. Unused calls do not pile up."""
        if self._pacer.queue or not most:
            return 0
        if self._pacer.per_minute <= 0:
            return 1
        each = 600 / self._pacer.per_minute * len(self._pacer.sweepers)
        now = self._pacer.now()
        due = int((now - self._since) / each)
        self._since = now if due > most else self._since + due * each
        return min(due, most)


def share_of_waits(settings: Settings) -> float:
    """Return how many calls a minute the waits of this triggerer may make, so that posts and other triggerers have the rest."""
    share = float(conf.getfloat(SECTION, "share_of_waits", fallback=0.7))
    triggerers = int(conf.getint(SECTION, "triggerers", fallback=1))
    return settings.calls_per_minute * min(max(share, 0.01), 1.0) / max(triggerers, 1)


_pacers: dict[tuple[str, str], Pacer] = {}


def pacer_for(settings: Settings) -> Pacer:
    """Return the one pacer of a connector in this process, whichever Airflow connection leads to it."""
    key = (settings.api_root, settings.connector_id)
    per_minute = share_of_waits(settings)
    pacer = _pacers.setdefault(key, Pacer(per_minute))
    pacer.set(per_minute)
    return pacer
