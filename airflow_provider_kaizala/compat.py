"""The one place that asks which Airflow this is, and smooths what differs."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from inspect import signature
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import conf
from airflow.providers.common.compat.version_compat import (
    AIRFLOW_V_3_0_PLUS,
    AIRFLOW_V_3_1_PLUS,
    AIRFLOW_V_3_2_PLUS,
    AIRFLOW_V_3_3_PLUS,
)

if TYPE_CHECKING or AIRFLOW_V_3_0_PLUS:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial
else:
    from airflow.models.mappedoperator import OperatorPartial

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["OperatorPartial"]

log = logging.getLogger(__name__)

#: seconds after which Airflow surely knows that a task has left its worker: the worker's supervisor may say so
#: ``min_heartbeat_interval`` late, then the scheduler has to hear it. A task that continues earlier is marked as failed:
#: "Executor reported that the task instance finished with state success, but the task instance's state attribute is queued"
PARKING = conf.getint("workers", "min_heartbeat_interval", fallback=5) + 3


def get_variable(key: str) -> str | None:
    """Return an Airflow Variable, or None."""
    variable = _variable()
    absent = "default_var" if variable.__module__ == "airflow.models.variable" else "default"
    value: str | None = variable.get(key, **{absent: None})
    return value


def set_variable(key: str, value: str, description: str) -> None:
    """Set an Airflow Variable."""
    _variable().set(key, value, description=description)


def _variable() -> Any:
    """Return the Variable class that works in this process.

    On Airflow 3 a task, a trigger and a callback have a supervisor, which the Task SDK's class asks. The API server, which runs
    the connection test, has none, and neither do the scheduler, the worker that runs a connection test, the CLI and plain scripts:
    there the metadata database is reached directly, if at all.
    """
    if hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS"):
        from airflow.sdk import Variable
    else:
        from airflow.models.variable import Variable
    return Variable


def stored_connection(conn_id: str) -> Any:
    """Return an Airflow connection in a command or a script, which reach the metadata database directly.

    There, ``BaseHook.get_connection`` of Airflow 3 finds only connections in environment variables and secrets backends.
    """
    from airflow.models.connection import Connection

    return Connection.get_connection_from_secrets(conn_id)


def stats() -> Any:
    """Return Airflow's metrics, with ``incr`` and ``timing``.

    Since Airflow 3.2 there are two, that of the Task SDK and that of the core; a task sets up the former, a triggerer the latter.
    """
    if "airflow.jobs.triggerer_job_runner" in sys.modules:
        with suppress(ImportError):  # before Airflow 3.2
            from airflow.observability.stats import Stats as CoreStats

            return CoreStats
    from airflow.providers.common.compat.sdk import Stats

    return Stats


def tracer() -> Any:
    """Return a tracer of OpenTelemetry; None if Airflow does not trace, or is older than 3.2, which keeps its tracer to itself."""
    if not AIRFLOW_V_3_2_PLUS or not conf.getboolean("traces", "otel_on", fallback=False):
        return None
    from opentelemetry.trace import get_tracer

    return get_tracer("airflow_provider_kaizala")


def mark_failed(span: Any) -> None:
    """Mark a span of OpenTelemetry as failed, without the error's text: it may quote what people wrote."""
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)


def notifier_context(context: Any) -> dict[str, Any]:
    """Return the arguments of ``BaseNotifier.__init__``: it takes the context since Airflow 3.1."""
    return {"context": context} if AIRFLOW_V_3_1_PLUS else {}


def task_store(context: Any) -> Any:
    """Return what a task remembers over its tries, with ``get`` and ``set``; None before Airflow 3.3, which has no such thing."""
    return context.get("task_state_store") if context is not None else None


#: states of a task instance that has ended
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


def is_last_try(context: Any) -> bool:
    """Return whether Airflow does not retry the running task if it fails."""
    ti = context.get("ti")
    number, most = getattr(ti, "try_number", None), getattr(ti, "max_tries", None)
    return number is None or most is None or number > most


def state_of_task(ti: Any) -> str | None:
    """Return the state that Airflow's database has for a task instance now, in a task or a trigger of Airflow 3; None for none."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    found = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    states = list(found.get(ti.run_id, {}).values())
    return str(getattr(states[0], "value", states[0])) if states and states[0] else None


def reschedule_exception() -> type[Exception]:
    """Return what a sensor raises to be rescheduled."""
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # Airflow 2 and 3.0
        from airflow.exceptions import AirflowRescheduleException
    kind: type[Exception] = AirflowRescheduleException
    return kind


def first_look(context: Any) -> datetime | None:
    """Return when a task that was rescheduled since looked first, over all its tries; None if it was not."""
    ti: Any = context.get("ti") if context is not None else None
    if hasattr(ti, "get_first_reschedule_date"):
        began = ti.get_first_reschedule_date(context)
    elif ti is None or AIRFLOW_V_3_0_PLUS:
        return None
    else:
        from airflow.sensors.base import _orig_start_date

        first_try = (ti.max_tries or 0) - (ti.task.retries or 0) + 1
        began = _orig_start_date(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, first_try)
    if isinstance(began, str):  # so dag.test() of Airflow 3.0 has it
        began = datetime.fromisoformat(began)
    return began if isinstance(began, datetime) else None


#: execution options of a query: since Airflow 3.4 it finds only the last try of a task otherwise
EARLIER_TRIES_TOO = {"include_all_attempts": True}


def recorded_tries() -> tuple[tuple[Any, Any], ...]:
    """Return the columns in which Airflow 3 keeps the id and the state of each try."""
    from airflow.models.taskinstance import TaskInstance

    last = (TaskInstance.id, TaskInstance.state)
    try:
        from airflow.models.taskinstancehistory import TaskInstanceHistory
    except ImportError:  # since Airflow 3.4 earlier tries are among the task instances
        return (last,)
    return last, (TaskInstanceHistory.task_instance_id, TaskInstanceHistory.state)


def push_result(operator: Any, context: Any, result: Mapping[str, Any]) -> None:
    """Push what a task returns, before it skips others: on Airflow 3 it does that by an exception, and so returns nothing."""
    if not operator.do_xcom_push:
        return
    if operator.multiple_outputs:
        _push_outputs(context, result)
    context["ti"].xcom_push(key="return_value", value=dict(result))


def returned(operator: Any, context: Any, result: Any) -> Any:
    """Return what a task returns. On Airflow 3.0, push its outputs first, since Airflow would fail at those that are None."""
    if _refuses_none() and operator.do_xcom_push and operator.multiple_outputs and isinstance(result, dict):
        _push_outputs(context, result)
        operator.multiple_outputs = False  # they are pushed
    return result


def _push_outputs(context: Any, result: Mapping[str, Any]) -> None:
    for name, value in result.items():
        # to whoever reads it, an XCom that is missing is None too
        if value is not None or not _refuses_none():
            context["ti"].xcom_push(key=name, value=value)


def _refuses_none() -> bool:
    """Tell whether this Airflow cannot push an XCom of None: 3.0 sends a request without a body, and its API refuses that (422)."""
    return bool(AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_1_PLUS)


class SkipBelow:
    """Mixin, before Airflow's ``SkipMixin``: skips the tasks below a task that is mapped by its task group too.

    Airflow leaves those to a later check (``NotPreviouslySkippedDep``), which looks at the wrong map index for them, so they run. Of
    the tasks below any other mapped task none can be skipped, since they wait for all of its instances.
    """

    inherits_from_skipmixin = True

    def skip_below(self, context: Any, tasks: Collection[Any]) -> None:
        """Skip tasks of this run. Airflow 3 ends the task here, with success."""
        operator: Any = self
        ti = context["ti"]
        if not tasks or not self._can_skip(ti):
            return
        if ti.map_index >= 0:
            tasks = [each for each in tasks if self._is_of_this_instance(each)]
        if not tasks:
            return
        operator.log.info("Skipping %s", ", ".join(sorted(each.task_id for each in tasks)))
        if AIRFLOW_V_3_0_PLUS:
            operator.skip(ti=ti, tasks=tasks)
        elif ti.map_index < 0:
            run = context["dag_run"]
            operator.skip(dag_run=run, execution_date=run.execution_date, tasks=tasks)
        else:
            from airflow.models.skipmixin import SkipMixin
            from airflow.utils.session import create_session

            skipped = [(each.task_id, ti.map_index) for each in tasks]
            with create_session() as session:
                SkipMixin._set_state_to_skipped(context["dag_run"], skipped, session)

    def branch_below(self, context: Any, branch: Collection[str]) -> None:
        """Skip all tasks directly below that do not belong to *branch*. Airflow 3 ends the task here, with success."""
        operator: Any = self
        if self._can_skip(context["ti"]):
            operator.do_branch(context, branch)

    def _can_skip(self, ti: Any) -> bool:
        operator: Any = self
        if ti.map_index < 0 or operator.get_closest_mapped_task_group() is not None:
            return True
        operator.log.warning(
            "The tasks below %s are not skipped: they wait for all instances of this mapped task, so one instance cannot skip them. "
            "Map a task group that holds both instead",
            operator.task_id,
        )
        return False

    def _is_of_this_instance(self, task: Any) -> bool:
        """Return whether a task is mapped by the same task group as this one."""
        operator: Any = self
        found: Any = task.get_closest_mapped_task_group()
        return found is operator.get_closest_mapped_task_group()

    if not TYPE_CHECKING:  # a static method of SkipMixin, which calls it on itself

        def _set_state_to_skipped(self, tasks: Sequence[Any], map_index: int) -> None:
            """Skip the tasks of a mapped instance where Airflow 3's ``SkipMixin`` does nothing."""
            if map_index < 0:
                super()._set_state_to_skipped(tasks, map_index)
            from airflow.providers.common.compat.sdk import DownstreamTasksSkipped

            below = (self.dag.get_task(each if isinstance(each, str) else each[0]) for each in tasks)
            skipped = [(each.task_id, map_index) for each in below if self._is_of_this_instance(each)]
            if skipped:
                raise DownstreamTasksSkipped(tasks=skipped)


# --- Human-in-the-loop ---------------------------------------------------------------------------------------------------


def has_hitl() -> bool:
    """Tell whether this Airflow has Human-in-the-loop."""
    return bool(AIRFLOW_V_3_1_PLUS)


def need_hitl() -> None:
    """Refuse an Airflow without Human-in-the-loop.

    :raises AirflowOptionalProviderFeatureException: says what is missing
    """
    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

    if not AIRFLOW_V_3_1_PLUS:
        from airflow import __version__

        raise AirflowOptionalProviderFeatureException(
            f"KaizalaHITLOperator and KaizalaHITLApprovalOperator need Airflow 3.1 or newer (Human-in-the-loop); this is {__version__}"
        )
    try:
        import airflow.providers.standard.operators.hitl  # noqa: F401
    except ImportError as error:
        raise AirflowOptionalProviderFeatureException(
            "KaizalaHITLOperator and KaizalaHITLApprovalOperator need apache-airflow-providers-standard, which comes with Airflow 3: "
            f"pip install apache-airflow-providers-standard ({error})"
        ) from error


def hitl_arguments(response_timeout: timedelta | None) -> dict[str, Any]:
    """Return ``response_timeout`` for Airflow's ``HITLOperator``; nothing where the standard provider is too old to take it."""
    from airflow.providers.standard.operators.hitl import HITLOperator

    is_known = "response_timeout" in signature(HITLOperator.__init__).parameters
    return {"response_timeout": response_timeout} if is_known else {}


def add_to_hitl_summary(operator: Any, **facts: Any) -> None:
    """Add to what listeners are told of a question; older standard providers have one dict for all of it."""
    extra = getattr(operator, "hitl_summary_extra", None)
    (operator.hitl_summary if extra is None else extra).update(facts)


def required_action(context: Any) -> str:
    """Return the address at which a question of Airflow's ``HITLOperator`` is answered in its UI; empty if the task asks nothing now."""
    task, ti = context.get("task"), context.get("ti")
    base = conf.get("api", "base_url", fallback=None)
    runs = getattr(ti, "state", None) in (None, "running")  # a task does not know its state until it ends
    of_dag = bool(context.get("reason"))  # a callback of the DAG, which brings some task of the run
    if not base or not runs or of_dag or not hasattr(task, "generate_link_to_ui"):
        return ""
    link = urlsplit(str(task.generate_link_to_ui(task_instance=ti, base_url=base)))
    below = urlsplit(base).path.rstrip("/")  # Airflow may be served below a path, which it leaves out here
    return link._replace(path=link.path if link.path.startswith(f"{below}/") else below + link.path).geturl()


def hitl_waits() -> tuple[type[BaseException], ...]:
    """Return what Airflow's own HITL operator raises once it has asked, to wait."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    if not AIRFLOW_V_3_3_PLUS:
        return (TaskDeferred,)
    from airflow.sdk.exceptions import TaskAwaitingInput

    return TaskDeferred, TaskAwaitingInput


def hitl_look_interval() -> float:
    """Return the seconds between two looks for an answer in Airflow.

    From 3.3 on, Airflow wakes a deferred task itself as soon as it is answered; looking is for what came before it was deferred.
    """
    return 30.0 if AIRFLOW_V_3_3_PLUS else 5.0


# --- Webhooks --------------------------------------------------------------------------------------------------------------


def has_push() -> bool:
    """Tell whether this Airflow can receive webhooks: Airflow 2 has no apps of plugins in an API server."""
    return bool(AIRFLOW_V_3_0_PLUS)


def need_push(what: str) -> None:
    """Refuse an Airflow that cannot receive webhooks.

    :param what: what needs them
    :raises AirflowOptionalProviderFeatureException: says what is missing
    """
    from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

    if not AIRFLOW_V_3_0_PLUS:
        from airflow import __version__

        raise AirflowOptionalProviderFeatureException(
            f"{what} needs Airflow 3.0 or newer; this is {__version__}"
        )


def has_page() -> bool:
    """Tell whether this Airflow shows pages of plugins in its UI: Airflow 3.0 has no external views."""
    return bool(AIRFLOW_V_3_1_PLUS)


def task_state_model() -> Any:
    """Return the table in which tasks keep their state; None before Airflow 3.3, which has no such thing."""
    if not AIRFLOW_V_3_3_PLUS:
        return None
    from airflow.models.task_state_store import TaskStateStoreModel

    return TaskStateStoreModel


def columns_of_task(record: Any) -> dict[str, str]:
    """Return by which columns a record in Airflow's database belongs to a task instance, each with the task instance's column."""
    names = set(record.__table__.columns.keys())
    if "task_instance_id" in names:  # arguments of tasks, since Airflow 3.4
        return {"task_instance_id": "id"}
    instance = ("region_id", "region_index") if "region_id" in names else ("map_index",)
    return {name: name for name in ("dag_id", "run_id", "task_id", *instance)}


def warn_without_push() -> None:
    """Log a warning if ``[kaizala] webhook_connections`` is set, but this Airflow cannot receive webhooks."""
    if not AIRFLOW_V_3_0_PLUS and conf.get("kaizala", "webhook_connections", fallback=""):
        from airflow import __version__

        log.warning(
            "Kaizala's webhooks need Airflow 3.0 or newer, this is %s: [kaizala] webhook_connections has no effect",
            __version__,
        )
