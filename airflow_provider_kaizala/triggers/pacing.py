"""How the waits of one triggerer share a connector's calls: so many a minute, the urgent ones first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kaizala.client.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.client.settings import Settings

#: reading an answer that has come goes before asking whether one has, and that before looking again at what is known
DETAIL, LIST, SWEEP = range(3)
SECTION = "kaizala"
#: seconds over which calls are spread, so that a burst does not use up a whole minute
WINDOW = 10.0


class Pacer:
    """Lets the calls of waits go, at most *per_minute* of them; 0 for no limit.

    :param per_minute: what waits may use; posts have the rest
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turns = itertools.count()
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._budget, self._sweeps = Budget(0), Budget(0)
        self.set(per_minute)

    def set(self, per_minute: float) -> None:
        """Change the limit."""
        if per_minute <= 0:
            self._budget.limit = self._sweeps.limit = 0
            return
        seconds = max(WINDOW, 60 / per_minute)
        self._budget.limit, self._budget.seconds = max(1, int(per_minute * seconds / 60)), seconds
        # a tenth of it
        self._sweeps.limit, self._sweeps.seconds = 1, 600 / per_minute

    def may_sweep(self) -> bool:
        """Tell whether a call may be spent on what is known already; nothing waits for it, and it is never queued."""
        return not self._queue and self._sweeps.reserve(self._clock(), patience=1e-9) == 0

    async def turn(self, urgency: int) -> None:
        """Wait until a call may go: the urgent before the others, else in order."""
        if not self._queue and self._budget.reserve(self._clock(), patience=1e-9) == 0:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (urgency, next(self._turns), turn))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._let_go())
        await turn

    async def _let_go(self) -> None:
        while self._queue:
            wait = self._budget.reserve(self._clock(), patience=1e-9)
            if wait > 0:
                await asyncio.sleep(wait)
                continue
            while self._queue:
                turn = heapq.heappop(self._queue)[2]
                if not turn.done():  # else whoever waited has gone
                    turn.set_result(None)
                    break


def share_of_waits(settings: Settings) -> float:
    """Return how many calls a minute the waits of this triggerer may make.

    A share of the connector's, so that posts find room; divided among the triggerers.
    """
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
