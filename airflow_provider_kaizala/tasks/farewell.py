"""A question ends with its task: what the group is told when nobody waits for its answers any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_kaizala import compat

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.tasks.state import TaskState

_NO_LONGER = "Answers no longer count."
TIME_IS_UP = f"Time is up. {_NO_LONGER}"
STOPPED = f"This was stopped in Airflow. {_NO_LONGER}"
FAILED = f"The task that asked this has failed. {_NO_LONGER}"
ASKED_AGAIN = f"This is asked again. {_NO_LONGER}"
#: the one that is no farewell: one may have been said before the task was cleared
OPEN_AGAIN = "This is open again. Answers count."

#: errors after which Airflow does not retry a task
_FINAL = (AirflowFailException, AirflowSkipException, AirflowSensorTimeout)


def ends_question(error: BaseException, context: Context, state: TaskState) -> bool:
    """Return whether no later try of the task continues with its question."""
    return isinstance(error, _FINAL) or not state.is_kept or compat.is_last_try(context)


def kill_ends_question(context: Context, state: TaskState) -> bool:
    """Return whether no later try continues with the question of a task whose worker is told to stop.

    Airflow says so if a person marks the task, and also if it is cleared, or if the worker shuts down: then another try follows.
    """
    if not state.is_kept:
        return True
    now = compat.state_of_task(context["ti"])
    return now in compat.ENDED or (now == "running" and compat.is_last_try(context))
