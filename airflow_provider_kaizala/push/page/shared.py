"""Values that are loaded in the background, once for all viewers, and kept for a while."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable

    Load = Callable[[Any], Awaitable[Any]]

log = logging.getLogger(__name__)

#: seconds after which a value that nobody wanted is forgotten
FORGOTTEN = 600.0


class NotNowError(Exception):
    """A value cannot be loaded now. The last one is kept, and is loaded again when somebody wants it next."""


class Seen(Value):
    """A value, as it was loaded last.

    :param value: None if that has never succeeded
    :param at: when that was
    :param problem: why it could not be loaded the last time, in words; None if it could
    """

    value: Any = None
    at: datetime | None = None
    problem: str | None = None


class Shared:
    """Keeps values by key, on one event loop.

    Who wants a value gets what was loaded last, however old that is. A load is not cancelled when its viewers stop waiting for it,
    since it may be receiving a new refresh token.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, Seen] = {}
        self._loaded_at: dict[Hashable, float] = {}
        self._wanted_at: dict[Hashable, float] = {}
        self._loading: dict[Hashable, asyncio.Task[None]] = {}

    def get(self, key: Hashable) -> Seen | None:
        """Return what was loaded last; None before the first load has ended. What is asked for is not forgotten."""
        self._wanted_at[key] = self._clock()
        return self._seen.get(key)

    def age(self, key: Hashable) -> float:
        """Return the seconds since the last load; infinite if there was none."""
        return self._clock() - self._loaded_at.get(key, -math.inf)

    def want(self, key: Hashable, fresh: float, load: Load) -> None:
        """Load a value, unless that is going on or was done less than *fresh* seconds ago.

        :param load: is given the last value, or None, and returns the new one. A :class:`KaizalaError` that it raises is shown to
            viewers, of any other only the type
        """
        self._wanted_at[key] = self._clock()
        if key not in self._loading and self.age(key) >= fresh:
            task = self._loading[key] = asyncio.create_task(self._load(key, load))
            task.add_done_callback(lambda _: self._loading.pop(key))

    async def wait(self, keys: Iterable[Hashable], seconds: float) -> None:
        """Wait until these values are loaded, but at most so many seconds."""
        loading = [self._loading[key] for key in keys if key in self._loading]
        if loading:
            await asyncio.wait(loading, timeout=seconds)

    async def _load(self, key: Hashable, load: Load) -> None:
        last = self._seen.get(key, Seen())
        try:
            seen = Seen(await load(last.value), datetime.now(tz=UTC))
        except NotNowError:
            return
        except KaizalaError as error:
            seen = replace(last, problem=str(error))
        except Exception as error:
            # its text may hold a secret, so viewers see only the type
            seen = replace(last, problem=f"it cannot be read now ({type(error).__name__}); see the log")
            if seen.problem != last.problem:
                log.exception("The page cannot load a value")
        self._seen[key] = seen
        self._loaded_at[key] = self._clock()

    def forget(self) -> None:
        """Forget what nobody has wanted for a while."""
        now = self._clock()
        for key in [key for key, at in self._wanted_at.items() if now - at > FORGOTTEN]:
            del self._wanted_at[key]
            self._seen.pop(key, None)
            self._loaded_at.pop(key, None)

    async def close(self) -> None:
        """Cancel all loads, at the end of the process."""
        loading = [*self._loading.values()]
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
