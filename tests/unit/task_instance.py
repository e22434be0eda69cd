"""A task instance, as far as operators and sensors look at it outside of a DAG run."""

from __future__ import annotations

from types import SimpleNamespace


def task_instance(**given):
    """Return one that was never rescheduled, and forgets its XComs."""
    return SimpleNamespace(
        **{
            "map_index": -1,
            "xcom_push": lambda **_: None,
            "get_first_reschedule_date": lambda context: None,
            **given,
        }
    )
