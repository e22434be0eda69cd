"""Metrics and traces of Airflow: which there are is documented in ``docs/metrics.md``.

No name and no tag holds an id, a name of a person or a text, so there are few series, and no secrets. Nothing here fails a task.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.client.calls import Call


def count(metric: str, **tags: str) -> None:
    """Add 1 to a counter."""
    with suppress(Exception):
        compat.stats().incr(metric, tags=tags)


def measure(metric: str, seconds: float, **tags: str) -> None:
    """Note a duration."""
    with suppress(Exception):
        compat.stats().timing(metric, timedelta(seconds=seconds), tags=tags)


def throttled(operation: str, seconds: float, by: str) -> None:
    """Take note that a call has to wait *seconds*."""
    measure("kaizala.throttle", seconds, operation=operation, by=by)


class AirflowObserver(Observer):
    """Measures each call, with all its repeats, and puts a span around it where Airflow traces."""

    @contextmanager
    def call(self, call: Call[Any]) -> Iterator[None]:
        """Measure a call."""
        began, outcome = time.monotonic(), "success"
        tracer = compat.tracer()
        span: Any = nullcontext() if tracer is None else _span(tracer, call)
        with span as current:
            try:
                yield
            except BaseException as error:
                outcome = type(error).__name__ if isinstance(error, KaizalaError) else "other"
                raise
            finally:
                if current is not None:
                    current.set_attribute("kaizala.outcome", outcome)
                    if outcome != "success":
                        compat.mark_failed(current)
                measure("kaizala.call", time.monotonic() - began, operation=call.operation, outcome=outcome)

    def throttled(self, call: Call[Any], seconds: float, by: str) -> None:
        """Measure a throttle."""
        throttled(call.operation, seconds, by)


def _span(tracer: Any, call: Call[Any]) -> Any:
    given = {"kaizala.operation": call.operation, "http.request.method": call.method}
    return tracer.start_as_current_span(
        f"kaizala {call.operation}", attributes=given, record_exception=False, set_status_on_exception=False
    )
