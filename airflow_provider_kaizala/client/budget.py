"""A budget of calls per minute."""

from __future__ import annotations

import math
import threading
from collections import deque


class Budget:
    """Allows so many calls in any window of time. It has no clock: the caller passes the time.

    :param limit: how many calls; 0 for no limit
    :param seconds: length of the window
    """

    #: whether :meth:`reserve` may wait for others to answer, so that an event loop has to call it in a thread
    blocks = False

    def __init__(self, limit: int, seconds: float = 60.0) -> None:
        self.limit, self.seconds = limit, seconds
        self._calls: deque[float] = deque()
        self._lock = threading.Lock()

    def reserve(self, now: float, patience: float = math.inf) -> float:
        """Return the seconds until the next call is allowed, and reserve it if that is less than *patience*."""
        if self.limit <= 0:
            return 0.0
        with self._lock:
            self._forget(now)
            start = now
            if len(self._calls) >= self.limit:
                start = max(now, self._calls[-self.limit] + self.seconds)
            if start - now < patience:
                self._calls.append(start)
            return start - now

    def note(self, now: float, start: float) -> None:
        """Take note of a call that another budget has allowed from *start* on."""
        with self._lock:
            self._forget(now)
            self._calls.append(start)

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0] <= now - self.seconds:
            self._calls.popleft()
