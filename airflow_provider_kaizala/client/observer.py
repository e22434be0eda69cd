"""What is told of calls as they are made, for metrics and traces."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.calls.call import Call


class Observer:
    """Ignores what it is told; a subclass may take note. It is told no secrets but those in a call's own arguments."""

    def call(self, call: Call[Any]) -> AbstractContextManager[None]:
        """Return a context in which a call is made, with all its repeats; its error passes through."""
        return nullcontext()

    def throttled(self, call: Call[Any], seconds: float, by: str) -> None:
        """Take note that a call has to wait.

        :param seconds: how long; 0 if no time is left, in which case the call fails
        :param by: ``"kaizala"`` for a throttle of the service, ``"calls_per_minute"`` for the limit of the connection
        """
