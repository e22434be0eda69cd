"""What one process remembers of who calls, in bounded memory: tokens that were good, and how often strangers came."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from airflow_provider_kaizala.server.clock import MINUTE

MAX_KNOWN = 10_000
KNOWN_FOR_MS = 10 * MINUTE
MAX_ADDRESSES = 10_000


@dataclass
class KnownTokens:
    """Access tokens and session tokens that were good a short while ago.

    Only the holder of one may make the server read a body. Whether it is still good is checked again by the transaction that
    does the work, so a token taken back meanwhile does nothing.
    """

    _until: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def add(self, token: str, now_ms: int) -> None:
        """Remember a token that was just found good."""
        self._until[token] = now_ms + KNOWN_FOR_MS
        self._until.move_to_end(token)
        if len(self._until) > MAX_KNOWN:
            self._until.popitem(last=False)

    def holds(self, token: str | None, now_ms: int) -> bool:
        """Tell whether a token was good within the last minutes."""
        return bool(token) and self._until.get(token or "", 0) > now_ms


@dataclass
class AddressLimit:
    """How many requests without a known token an address may send: so many at once, and so many again each minute."""

    a_minute: int
    _left: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def wait_seconds(self, address: str, now_ms: int) -> int:
        """Count a request; return 0, or in how many seconds the next one is taken."""
        if self.a_minute <= 0:
            return 0
        left, at_ms = self._left.pop(address, (float(self.a_minute), now_ms))
        left = min(self.a_minute, left + (now_ms - at_ms) * self.a_minute / MINUTE)
        is_taken = left >= 1
        self._left[address] = (left - is_taken, now_ms)
        if len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        return 0 if is_taken else int((1 - left) * MINUTE / self.a_minute / 1000) + 1
