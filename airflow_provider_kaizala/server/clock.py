"""The one clock everything on the server reads."""

from __future__ import annotations

import threading
import time

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock:
    """Epoch milliseconds, which a test may freeze and advance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset_ms = 0
        self._frozen_at_ms: int | None = None

    def now_ms(self) -> int:
        """Return the server's time in epoch milliseconds."""
        with self._lock:
            if self._frozen_at_ms is not None:
                return self._frozen_at_ms
            return time.time_ns() // 1_000_000 + self._offset_ms

    @property
    def is_frozen(self) -> bool:
        """Whether time stands still."""
        with self._lock:
            return self._frozen_at_ms is not None

    def freeze(self, at_ms: int | None = None) -> int:
        """Stop the clock, now or at a given moment, and return that moment."""
        now = self.now_ms() if at_ms is None else at_ms
        with self._lock:
            self._frozen_at_ms = now
        return now

    def advance(self, by_ms: int) -> int:
        """Move the clock, frozen or running, and return the new time."""
        with self._lock:
            if self._frozen_at_ms is not None:
                self._frozen_at_ms += by_ms
            else:
                self._offset_ms += by_ms
        return self.now_ms()

    def resume(self) -> int:
        """Let a frozen clock run on from where it stands."""
        with self._lock:
            if self._frozen_at_ms is not None:
                self._offset_ms = self._frozen_at_ms - time.time_ns() // 1_000_000
                self._frozen_at_ms = None
        return self.now_ms()

    def reset(self) -> int:
        """Go back to real time."""
        with self._lock:
            self._offset_ms = 0
            self._frozen_at_ms = None
        return self.now_ms()
