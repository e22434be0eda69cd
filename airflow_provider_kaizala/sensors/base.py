"""What all sensors have in common: one contract in poke, reschedule and deferrable mode."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.arguments import TaskArguments, is_literal
from airflow_provider_kaizala.tasks.links import KaizalaGroupLink, push_links
from airflow_provider_kaizala.tasks.state import TaskState, deadline
from airflow_provider_kaizala.tasks.wait_for_people import (
    TimeoutMixin,
    Until,
    check_on_timeout,
    check_times,
    literal_rule,
)
from airflow_provider_kaizala.waiting.rules import read_rule
from airflow_provider_kaizala.waiting.wait import Update, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.rules import Rule
    from airflow_provider_kaizala.waiting.subjects import Subject


class AirflowSensorArguments(TaskArguments, total=False):
    """Arguments that Airflow's sensor takes as they are, see :class:`airflow.sdk.BaseSensorOperator`."""

    soft_fail: bool
    mode: str
    exponential_backoff: bool
    max_wait: timedelta | float | None
    silent_fail: bool
    never_fail: bool


class SensorArguments(AirflowSensorArguments, total=False):
    """Arguments of every Kaizala sensor, see :class:`KaizalaSensor`."""

    group_id: str | None
    until: Until
    on_timeout: str
    deferrable: bool
    kaizala_conn_id: str
    poke_interval: float | timedelta
    timeout: float | timedelta | None


class KaizalaSensor(TimeoutMixin, BaseSensorOperator):
    """Base of the sensors. A subclass says in :meth:`subject` what it waits for.

    All modes are alike in what they return, in the errors after which they keep polling (a throttle, a 5xx, a network failure), in
    the errors that end them at once (a deleted action, a revoked grant), and in the deadline: *timeout* seconds after the first
    try began. On Airflow 3.3 and newer a retry keeps that deadline; before, it begins anew. ``execution_timeout`` ends a try, in
    poke and deferrable mode alike; in reschedule mode it bounds a single look, as for every Airflow sensor.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param until: ``"any"`` answer, a count of people, ``"all"`` who must, a list of phone numbers, or a rule such as
        ``{"kind": "quorum", "option": "Yes", "count": 2}``, see :mod:`airflow_provider_kaizala.waiting.rules` (templated)
    :param on_timeout: ``"fail"``, ``"skip"``, or ``"return"`` the answers so far, with ``complete`` False; also for a question that ends
        before the timeout
    :param deferrable: wait in the triggerer, without a worker slot; one poll reads for all waits in a group
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    :param poke_interval: seconds or a timedelta between two looks
    :param timeout: seconds or a timedelta; None for Airflow's ``[sensors] default_timeout``, 7 days
    :param mode: ``"poke"`` or ``"reschedule"``; the latter keeps the worker for pauses of less than 8 seconds, which Airflow handles
        badly
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict`, each field also by itself: ``wait.output["winner"]``
    """

    template_fields: Sequence[str] = ("group_id", "until", "kaizala_conn_id")
    ui_color = "#e6f4d7"
    operator_extra_links = (KaizalaGroupLink(),)
    required_if_given: ClassVar[Sequence[str]] = ("until",)

    def __init__(
        self,
        *,
        group_id: str | None = None,
        until: Until = "any",
        on_timeout: str = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        kaizala_conn_id: str = KaizalaHook.default_conn_name,
        poke_interval: float | timedelta = 60,
        timeout: float | timedelta | None = None,
        **kwargs: Unpack[AirflowSensorArguments],
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)  # so that wait.output["winner"] works
        if deferrable and kwargs.get("mode") == "reschedule":
            raise KaizalaInputError(
                "deferrable=True and mode='reschedule' both free the worker; give one of them"
            )
        if timeout is None:
            timeout = conf.getfloat("sensors", "default_timeout")
        super().__init__(
            poke_interval=checks.seconds("poke_interval", poke_interval),
            timeout=checks.seconds("timeout", timeout),
            **kwargs,
        )
        self.group_id = group_id
        rule = literal_rule(until)
        self.until = until if rule is None else rule.to_wire()
        self.on_timeout = check_on_timeout("on_timeout", on_timeout)
        self.deferrable = checks.boolean("deferrable", deferrable)
        self.kaizala_conn_id = kaizala_conn_id
        self._wait: Wait | None = None
        if self.on_timeout != "fail" and self.soft_fail:
            raise KaizalaInputError(
                f"on_timeout={self.on_timeout!r} and soft_fail=True both say what happens when time is up; give one of them"
            )
        check_times(float(self.poke_interval), float(self.timeout))

    # --- what a subclass says --------------------------------------------------------------------------------------------

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return what the sensor waits for.

        :raises KaizalaInputError: for a wrong argument
        """
        raise NotImplementedError

    def since_when(self, context: Context) -> datetime:
        """Return the argument ``since`` of those that have it; by default the start of the DAG run."""
        started: datetime | None = getattr(context.get("dag_run"), "start_date", None)
        return self.checked("since") or started or compat.first_look(context) or Wait.now()

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule that can never be met, whatever people do.

        :raises KaizalaInputError: says why
        """

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed, and the rule with them."""
        super().check_arguments()
        if is_literal(self.until):
            self.check_rule(read_rule(self.until))

    # --- waiting ---------------------------------------------------------------------------------------------------------

    def run_task(self, context: Context) -> Any:
        """Wait, in the mode that was chosen."""
        with self._as_soft_fail():
            wait = self._begin(context)
            push_links(self, context, wait.subject.group_id)
            return self.wait_for_people(wait, context)

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Continue with what the trigger has found."""
        with self._as_soft_fail():
            return super().execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue, and keep the reason of a skip, which Airflow would replace with "soft_fail is set"."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSkipException as skip:
            if isinstance(skip.__cause__, AirflowSkipException):
                raise skip.__cause__ from None
            raise

    @contextmanager
    def _as_soft_fail(self) -> Iterator[None]:
        """Skip instead of failing, as Airflow's own sensors do, with the reason."""
        try:
            yield
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException, KaizalaInputError) as error:
            if self.soft_fail or self.never_fail:
                which = "soft_fail" if self.soft_fail else "never_fail"
                raise AirflowSkipException(f"Skipping, since {which} is set: {error}") from error
            raise

    def _begin(self, context: Context) -> Wait:
        """Return the wait: the one that an earlier look has left, or a new one."""
        state = TaskState(context)
        end = deadline(context, float(self.timeout), state)
        if self.reschedule and self.on_timeout == "return" and state.get("seen"):
            self._last = Update.from_wire(state.get("seen"))
        kept = state.get("wait")
        if kept is not None:
            self._has_looked = True
            return Wait.from_wire(kept)
        self._has_looked = compat.first_look(context) is not None
        group_id = self.group()
        rule = read_rule(self.resolved("until"))
        self.check_rule(rule)
        subject = self.subject(group_id, context)
        if subject.first_look_counts and self.reschedule and not state.is_kept:
            raise KaizalaInputError(
                "mode: before Airflow 3.3 nothing is kept between the looks of mode='reschedule', so the members that the first one "
                "finds would be forgotten; use deferrable=True or mode='poke'"
            )
        return Wait(subject=subject, rule=rule, deadline=end, interval=float(self.poke_interval))

    def kept_wait(self, context: Context) -> Wait | None:
        """Return the wait; what was not kept follows from the arguments."""
        return self._begin(context)

    def pause(self, wait: Wait, looks: int, began: datetime, context: Context) -> None:
        """Leave the worker until the next look, or sleep if the pause is short.

        :raises AirflowRescheduleException: to leave the worker
        """
        elapsed = (Wait.now() - began).total_seconds()
        seconds = float(self._get_next_poke_interval(began, lambda: elapsed, looks))
        left = wait.seconds_left()
        seconds = seconds if left is None else min(seconds, left)
        # a shorter pause would not free the worker for long, and may make Airflow fail the task
        if self.reschedule and not self.deferrable and seconds >= compat.PARKING:
            if self.on_timeout == "return" and self._last is not None:
                TaskState(context).set("seen", self._last.to_wire())
            raise compat.reschedule_exception()(Wait.now() + timedelta(seconds=seconds))
        time.sleep(seconds)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once, for those who call a sensor by hand."""
        self._wait = self._wait or self._begin(context)
        self._wait, over, value = self.look(self._wait, context)
        return PokeReturnValue(is_done=over, xcom_value=value)
