"""One budget of calls for processes on several machines, counted in Redis. Needs the package ``redis``."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from airflow_provider_kaizala.client.budget import Budget
from airflow_provider_kaizala.client.errors import KaizalaInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

SCHEMES = ("redis", "rediss", "unix")
#: seconds that one request to Redis may take, unless the URL says ``socket_timeout``
TIMEOUT = 1.0
#: seconds for which a process does not ask again after Redis has failed
PAUSE = 10.0
#: seconds that no call waits for its place
LONGEST_WAIT = 86_400.0

# Each key is a window: a sorted set of the moments of calls, reserved ones included, in milliseconds of Redis's own clock. A call gets
# the first moment that fits all windows. What lies behind a window is removed, and a key that is not used any more expires.
# ARGV: a name for the call, the milliseconds that it waits for less than, and of each window its limit and its milliseconds.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local start = now
for i, key in ipairs(KEYS) do
  local limit, length = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - length)
  local oldest = redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')[2]
  if oldest then start = math.max(start, oldest + length) end
end
if start - now < tonumber(ARGV[2]) then
  for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, start, ARGV[1])
    redis.call('PEXPIRE', key, start - now + ARGV[2 * i + 2] + 1000)
  end
end
return start - now
"""


class RedisCounter:
    """Counts calls for all processes that name the same Redis. Thread-safe.

    While Redis cannot be reached, nothing is counted; the log says so once, and once when it is back.

    :param url: ``redis://``, ``rediss://`` or ``unix://``, as package redis reads it; it may hold a password, which is never logged
    :raises KaizalaInputError: if the URL is not one of these
    """

    def __init__(self, url: str) -> None:
        scheme = ""
        try:
            parts = urlsplit(url)
            scheme, self._password = parts.scheme, parts.password
            if scheme not in SCHEMES:
                raise ValueError(scheme)
            # once more on a connection that has ended meanwhile, not after a timeout
            retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
            self._redis = Redis.from_url(
                url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=retry
            )
        except ValueError:  # its text may quote the password
            known = ", ".join(f"{each}://" for each in SCHEMES)
            raise KaizalaInputError(
                f"budget_url is not a valid URL of a Redis (its scheme is {scheme!r}); it must begin with one of {known}, such as "
                "redis://:password@redis.example:6379/0"
            ) from None
        self._reserve = self._redis.register_script(_RESERVE)
        self._lock = threading.Lock()
        self._asks_again = -math.inf
        self._is_away = False

    def reserve(self, name: str, windows: Sequence[tuple[int, float]], patience: float) -> float | None:
        """Return the seconds until the next call is allowed, and reserve it if that is less than *patience*.

        :param name: of what is counted
        :param windows: how many calls are allowed in how many seconds; all of them apply
        :return: None if Redis cannot be reached
        """
        if time.monotonic() < self._asks_again:
            return None
        keys = [f"kaizala:{{{name}}}:{at}" for at in range(len(windows))]
        lengths = [part for limit, seconds in windows for part in (limit, round(seconds * 1000))]
        call = secrets.token_hex(8)
        try:
            wait = self._reserve(keys, [call, min(patience, LONGEST_WAIT) * 1000, *lengths])
        except (RedisError, OSError) as error:
            self._set_away(error)
            return None
        self._set_away(None)
        return int(wait) / 1000

    def budget(self, name: str) -> RedisBudget:
        """Return the budget of this name."""
        return RedisBudget(self, name)

    def _set_away(self, error: Exception | None) -> None:
        with self._lock:
            told, self._is_away = self._is_away, error is not None
            if error is None:
                if told:
                    log.info("The Redis of budget_url answers again: all processes share the budget of calls")
                return
            self._asks_again = time.monotonic() + PAUSE
            if not told:
                detail = str(error).replace(self._password, "***") if self._password else str(error)
                log.warning(
                    "The Redis of budget_url cannot be used (%s: %s), so this process counts its calls alone. It asks every %.0f s",
                    type(error).__name__,
                    detail,
                    PAUSE,
                )


class RedisBudget(Budget):
    """A budget for all processes that name the same Redis; while it cannot be reached, one of this process alone."""

    blocks = True

    def __init__(self, counter: RedisCounter, name: str, limit: int = 0) -> None:
        super().__init__(limit)
        self._counter, self._name = counter, name

    def reserve(self, now: float, patience: float = math.inf) -> float:
        """Return the seconds until the next call is allowed, and reserve it if that is less than *patience*."""
        if self.limit <= 0:
            return 0.0
        wait = self._counter.reserve(self._name, [(self.limit, self.seconds)], patience)
        if wait is None:
            return super().reserve(now, patience)
        if wait < patience:
            self.note(now, now + wait)
        return wait
