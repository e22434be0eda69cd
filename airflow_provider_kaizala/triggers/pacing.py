"""Limits how many calls a minute the waits of one triggerer, or of all, make with a connector; urgent calls go first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.hooks.budget import SECTION, budget_name, shared_counter

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.client.redis_budget import RedisCounter
    from airflow_provider_kaizala.client.settings import Settings

#: urgencies, most urgent first: read what has changed, list what may have changed, read again what shows no change
DETAIL, LIST, SWEEP = range(3)
#: seconds over which calls are spread, so that a burst does not use up a whole minute
WINDOW = 10.0
#: part of the calls that looks may use which events cause; the rest is for what they find, and for other polls
RUNG = 0.5
#: seconds of patience that take a place only if it is free now
ONLY_NOW = 1e-6


class Pacer:
    """Queues the calls of waits and allows at most *per_minute*, so that posts have the rest; 0 means no limit.

    :param shared: counts the calls of all triggerers, and the name under which it does; else this triggerer counts its own
    """

    def __init__(
        self,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        shared: tuple[RedisCounter, str] | None = None,
    ) -> None:
        self.now = clock
        self._turns = itertools.count()
        self.queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._budgets, self._rung = (Budget(0), Budget(0)), Budget(0)
        self._shared = shared
        self._shared_windows: list[tuple[int, float]] = []
        self.sweepers: set[Sweeps] = set()
        self.set(per_minute)

    def set(self, per_minute: float, of_all: float | None = None) -> None:
        """Change the limit.

        :param of_all: that of all triggerers together, if their calls are counted
        """
        self.per_minute = per_minute
        for budget, (limit, seconds) in zip(self._budgets, _windows(per_minute), strict=True):
            budget.limit, budget.seconds = limit, seconds
        self._rung.limit, self._rung.seconds = _window(per_minute * RUNG, WINDOW)
        self._shared_windows = _windows(per_minute if of_all is None else of_all)

    async def _reserve(self) -> float:
        """Return how many seconds to wait for the next free place, and take it if that is now."""
        wait = None
        if self._shared is not None and self.per_minute > 0:
            counter, name = self._shared
            # in a thread, since Redis may take a second to answer
            wait = await asyncio.to_thread(counter.reserve, name, self._shared_windows, ONLY_NOW)
        now = self.now()
        if wait is None:
            wait = max(budget.reserve(now, patience=0) for budget in self._budgets)
        if wait == 0:
            for budget in self._budgets:
                budget.note(now, now)
        return wait

    def ring(self) -> float:
        """Return how many seconds to wait before a look that an event causes, and count that look if it may be made now."""
        return self._rung.reserve(self.now(), ONLY_NOW)

    async def turn(self, urgency: int) -> bool:
        """Wait until a call may be made: urgent calls first, else in order; return whether it had to wait."""
        if not self.queue and await self._reserve() == 0:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.queue, (urgency, next(self._turns), turn))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._let_go())
        await turn
        return True

    async def _let_go(self) -> None:
        while self.queue:
            wait = await self._reserve()
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            while self.queue:
                turn = heapq.heappop(self.queue)[2]
                if not turn.done():  # else its wait was cancelled
                    turn.set_result(None)
                    break


def _windows(per_minute: float) -> list[tuple[int, float]]:
    """Return how many calls are allowed in how many seconds: in about a minute, and in about ten seconds."""
    return [_window(per_minute, 60.0), _window(per_minute, WINDOW)]


def _window(per_minute: float, seconds: float) -> tuple[int, float]:
    calls = max(per_minute, 0.0) * seconds / 60
    limit = math.ceil(calls)
    # a window of whole calls, so that no part of one is lost
    return limit, seconds * limit / calls if calls > 0 else seconds


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
    """Return how many calls a minute the waits of all triggerers may make, so that posts have the rest."""
    share = float(conf.getfloat(SECTION, "share_of_waits", fallback=0.7))
    return settings.calls_per_minute * min(max(share, 0.01), 1.0)


_pacers: dict[tuple[str, RedisCounter | None], Pacer] = {}


def pacer_for(settings: Settings) -> Pacer:
    """Return the one pacer of a connector in this process, whichever Airflow connection leads to it.

    :raises KaizalaInputError: if ``[kaizala] budget_url`` is invalid
    """
    counter, name = shared_counter(), budget_name(settings)
    pacer = _pacers.get((name, counter))
    if pacer is None:
        shared = (counter, f"{name}:waits") if counter else None
        pacer = _pacers[name, counter] = Pacer(0, shared=shared)
    of_all = share_of_waits(settings)
    triggerers = max(int(conf.getint(SECTION, "triggerers", fallback=1)), 1)
    pacer.set(of_all / triggerers, of_all)
    return pacer
