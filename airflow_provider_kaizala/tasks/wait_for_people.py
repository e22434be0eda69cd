"""How a task waits: in its worker, rescheduled, or deferred; with one deadline and one ending. For sensors and asking operators."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from airflow_provider_kaizala import triggers
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.hooks import telemetry
from airflow_provider_kaizala.tasks.arguments import is_literal
from airflow_provider_kaizala.tasks.base import KaizalaGroupTask
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.waiting.people import rule_error
from airflow_provider_kaizala.waiting.rules import Rule, read_rule
from airflow_provider_kaizala.waiting.wait import LAST_LOOK, Update, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import ActionDetails
    from airflow_provider_kaizala.waiting.results import ResultDict

#: anything that :func:`~airflow_provider_kaizala.waiting.rules.read_rule` reads
Until: TypeAlias = "str | int | Sequence[str] | Mapping[str, Any] | Rule"

#: the trigger watches the deadline itself; Airflow's own timeout of a deferral only catches a triggerer that is gone
GRACE = timedelta(minutes=10)
check_on_timeout = checks.one_of("fail", "skip", "return")


def check_times(interval: float, timeout: float, remind_every: float | None = None) -> None:
    """Refuse intervals that are longer than the wait.

    :raises KaizalaInputError: names both
    """
    for name, length in (("poke_interval", interval), ("remind_every", remind_every)):
        if length is not None and timeout < length:
            raise KaizalaInputError(
                f"{name}: {length:g} s is longer than timeout, {timeout:g} s; shorten the one or lengthen the other"
            )


def literal_rule(until: Any) -> Rule | None:
    """Return the rule, None if it is only known when the task runs. A function anywhere in it is refused now.

    :raises KaizalaInputError: if it is not a rule
    """
    function = _function_in(until)
    if function is not None:
        return read_rule(function)
    return read_rule(until) if is_literal(until) else None


def _function_in(until: Any) -> Any:
    if hasattr(until, "resolve"):
        return None
    if callable(until):
        return until
    inside = until.values() if isinstance(until, Mapping) else until
    if isinstance(inside, str) or not isinstance(inside, Iterable):
        return None
    return next((found for each in inside if (found := _function_in(each)) is not None), None)


class WaitMixin(KaizalaGroupTask):
    """Mixin of tasks that wait."""

    deferrable: bool = False
    on_timeout: str
    timeout: float
    _last: Update | None = None
    _has_looked = False
    _unreadable = ""
    _ends_by: datetime | None = None
    if TYPE_CHECKING:
        defer: Any
        execution_timeout: timedelta | None

    # --- what a subclass may add -----------------------------------------------------------------------------------------

    @property
    def rule_argument(self) -> str:
        """The argument that the rule comes from."""
        return "until"

    def kept_wait(self, context: Context) -> Wait | None:
        """Return the wait as it was, None if it was not kept."""
        raise NotImplementedError

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Turn the result of the wait into what the task returns."""
        return dict(result)

    def next_waking(self, wait: Wait) -> datetime | None:
        """Return when the task has something to do while it waits, such as reminding the group."""
        return None

    def wake(self, wait: Wait, context: Context) -> None:
        """Do what is due at :meth:`next_waking`."""

    def carried(self) -> dict[str, Any]:
        """Return what the deferred task needs beside the wait, plain."""
        return {}

    def take_up(self, carried: Mapping[str, Any], context: Context) -> None:
        """Take up what was carried."""

    def read_once(self, wait: Wait) -> tuple[Wait, ActionDetails]:
        """Read what the wait is about; return the settled wait, and what was read.

        :raises KaizalaError: if it cannot be read
        """
        return self.hook.read(wait.look())

    def pause(self, wait: Wait, looks: int, began: datetime, context: Context) -> None:
        """Sleep until the next look.

        :param looks: how many looks there were in this process, since *began*
        """
        time.sleep(min(wait.interval, _left(wait, wait.interval)))

    # --- metrics ---------------------------------------------------------------------------------------------------------

    def count_begin(self, wait: Wait) -> None:
        """Count a wait that begins."""
        telemetry.count("kaizala.wait.start", kind=wait.subject.kind)

    def count_end(self, wait: Wait | None, outcome: str) -> None:
        """Count a wait that ends.

        :param outcome: ``"met"``, ``"not_met"`` if its rule can no longer be met, ``"timeout"`` or ``"error"``
        """
        telemetry.count("kaizala.wait.end", kind=wait.subject.kind if wait else "unknown", outcome=outcome)

    # --- in the worker ---------------------------------------------------------------------------------------------------

    def wait_for_people(self, wait: Wait, context: Context) -> Any:
        """Look until the wait is over, and return what the task returns; if deferrable, leave the worker after the first look."""
        state, looks, began = TaskState(context), 0, Wait.now()
        if not self._has_looked:
            self.count_begin(wait)
        while True:
            settled = wait.settled
            wait, over, value = self.look(wait, context)
            if over:
                return value
            if wait.settled and not settled:
                state.set("wait", wait.to_wire())  # every later look asks the same people
            if self.deferrable and (wait.settled or not wait.subject.first_look_counts):
                return self.park(wait, context)
            self._wake_if_due(wait, context)
            looks += 1
            self.pause(wait, looks, began, context)

    def look(self, wait: Wait, context: Context) -> tuple[Wait, bool, Any]:
        """Look once; return the wait as it is known now, whether it is over, and what the task then returns.

        :raises AirflowSensorTimeout: if time is up, or :class:`AirflowSkipException`, as ``on_timeout`` says
        """
        last = wait.seconds_left() == 0  # asked before the look, so that one comes after the end
        wait = self.read(wait)
        seen = self._last
        if seen is not None and seen.progress is not None and seen.progress.over:
            self.count_end(wait, "met" if seen.result["met"] else "not_met")
            return wait, True, self.finish(seen.result, context)
        if last:
            return wait, True, self.out_of_time(wait, context)
        return wait, False, None

    def read(self, wait: Wait) -> Wait:
        """Read how far the wait has come, and log it if it is news.

        If Kaizala cannot be read now, or from the second look on the connection, the wait is returned as it was.

        :raises AirflowFailException: for errors that waiting cannot fix: a deleted action, a revoked grant, a rule that does not fit
        """
        left = wait.seconds_left()
        try:
            _ = self.hook.connection
        except KaizalaError as error:
            self.count_end(wait, "error")
            raise AirflowFailException(str(error)) from error
        except Exception as error:
            if not self._has_looked:
                raise
            self._warn_unreadable(error)
            return wait
        try:
            with self.hook.within(LAST_LOOK if left == 0 else left):
                wait, details = self.read_once(wait)
            self._last = wait.update(details, self._last)
        except KaizalaError as error:
            if not error.is_transient:
                self.count_end(wait, "error")
                raise AirflowFailException(rule_error(error, self.rule_argument)) from error
            self._warn_unreadable(error)
        else:
            self._has_looked = True
            self._unreadable = ""
            if self._last.news:
                self.log.info("%s", self._last.news)
        return wait

    def _warn_unreadable(self, error: Exception) -> None:
        if self._unreadable != str(error):
            self._unreadable = str(error)
            self.log.warning("Kaizala cannot be read now; polling again: %s", error)

    def _wake_if_due(self, wait: Wait, context: Context) -> None:
        waking = self.next_waking(wait)
        if waking is not None and waking <= Wait.now():
            self.wake(wait, context)

    def out_of_time(self, wait: Wait | None, context: Context) -> Any:
        """End a wait whose time is up, as ``on_timeout`` says."""
        self.count_end(wait, "timeout")
        why = wait.why_it_ends(self.timeout) if wait else f"Timed out after {self.timeout:g} s"
        seen = self._last
        text = f"{why}: {seen.text if seen else 'Kaizala could not be read'}"
        if self.on_timeout == "skip":
            raise AirflowSkipException(text)
        if self.on_timeout == "return" and seen is not None:
            self.log.info("%s. Continuing, as on_timeout says", text)
            return self.finish(seen.result, context)
        raise AirflowSensorTimeout(text)

    # --- in the triggerer ------------------------------------------------------------------------------------------------

    def park(self, wait: Wait, context: Context) -> Any:
        """Leave the worker; the task continues in :meth:`execute_complete`.

        What it needs then travels with the trigger, since ``dag.test()`` loses what Airflow offers for that.
        """
        if self._ends_by is None and self.execution_timeout:
            started = getattr(context.get("ti"), "start_date", None) or Wait.now()
            self._ends_by = started + self.execution_timeout
        ends_by = self._ends_by.isoformat() if self._ends_by else None
        carry = {**self.carried(), "ends_by": ends_by}
        wake_at = min((each for each in (self.next_waking(wait), self._ends_by) if each), default=None)
        left = wait.seconds_left()
        self.defer(
            trigger=self.trigger(wait, wake_at, carry, context),
            method_name="execute_complete",
            kwargs=self.resume_arguments(carry),
            timeout=None if left is None else timedelta(seconds=left) + GRACE,
        )

    def trigger(
        self, wait: Wait, wake_at: datetime | None, carry: dict[str, Any], context: Context
    ) -> triggers.KaizalaWaitTrigger:
        """Return the trigger that waits in the triggerer."""
        return triggers.KaizalaWaitTrigger(
            wait=wait.to_wire(),
            kaizala_conn_id=self.kaizala_conn_id,
            wake_at=wake_at.isoformat() if wake_at else None,
            carry=carry,
        )

    def resume_arguments(self, carry: dict[str, Any]) -> dict[str, Any] | None:
        """Return arguments with which Airflow calls :meth:`execute_complete`, beside the event."""
        return None

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Continue with what the trigger has found: end, or do what is due in between and keep waiting.

        :raises AirflowSensorTimeout: if time is up
        :raises AirflowFailException: for errors that waiting cannot fix
        :raises AirflowTaskTimeout: if the task's ``execution_timeout`` is over
        """
        known: Mapping[str, Any] = event if isinstance(event, Mapping) else {}
        try:
            if known.get("status") == "error":
                self.count_end(Wait.from_wire(known["wait"]) if known.get("wait") else None, "error")
                raise AirflowFailException(rule_error(known.get("message"), self.rule_argument))
            if "carry" not in known or "wait" not in known:
                raise AirflowFailException(f"unexpected event {event!r}")
            wait = self.resume(known, context)
            match known.get("status"):
                case "success" if self._last is not None:
                    self.count_end(wait, "met" if self._last.result["met"] else "not_met")
                    self.log.info("The wait for %r is over: %s", wait.subject.id, self._last.text)
                    return self.finish(self._last.result, context)
                case "timeout":
                    # read once more: the trigger's last look is up to an interval old
                    time.sleep(_left(wait, 0))
                    return self.look(wait, context)[2]
                case "wake":
                    return self._woken(wait, context)
                case _:
                    raise AirflowFailException(f"unexpected event {event!r}")
        finally:
            self.hook.close()

    def resume(self, event: Mapping[str, Any], context: Context) -> Wait:
        """Take up the wait as the trigger has left it."""
        carry = event["carry"]
        self._ends_by = datetime.fromisoformat(carry["ends_by"]) if carry.get("ends_by") else None
        self._last = Update.from_wire(event["seen"]) if event.get("seen") else None
        self._has_looked = True
        self.take_up(carry, context)
        return Wait.from_wire(event["wait"])

    def check_execution_timeout(self, wait: Wait) -> None:
        """End a try that was deferred for too long, as Airflow ends one in a worker.

        :raises AirflowTaskTimeout: if the task's ``execution_timeout`` is over
        """
        if self._ends_by is not None and self._ends_by <= Wait.now():
            self.count_end(wait, "timeout")
            raise AirflowTaskTimeout(
                f"The wait has lasted longer than execution_timeout, {self.execution_timeout}: "
                f"{self._last.text if self._last else 'Kaizala could not be read'}"
            )

    def _woken(self, wait: Wait, context: Context) -> Any:
        self.check_execution_timeout(wait)
        wait, over, value = self.look(wait, context)
        if over:
            return value
        self._wake_if_due(wait, context)
        return self.park(wait, context)


def deferral_is_over(next_method: str, next_kwargs: Mapping[str, Any] | None) -> bool:
    """Return whether Airflow resumes a task because it was deferred for too long, which it does by failing the task."""
    return next_method == "__fail__" and "timeout" in str((next_kwargs or {}).get("error")).lower()


class TimeoutMixin(WaitMixin):
    """Mixin of tasks whose wait ends as ``on_timeout`` says, even if no triggerer ran when time was up.

    Airflow then ends the deferral itself, some time later, and brings nothing of it back.
    """

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue, with an ending of our own where Airflow would fail the task."""
        if deferral_is_over(next_method, next_kwargs):
            next_method, next_kwargs = "end_late", {}
        return super().resume_execution(next_method, next_kwargs, context)

    def end_late(self, context: Context) -> Any:
        """Look one last time, and end.

        :raises AirflowSensorTimeout: or :class:`AirflowSkipException`, as ``on_timeout`` says
        """
        self.log.warning("No triggerer ran when time was up, so Airflow has ended the wait")
        try:
            wait = self.kept_wait(context)
            if wait is None:
                return self.out_of_time(None, context)
            now = Wait.now()  # without task state, the deadline of the wait begins anew
            return self.look(replace(wait, deadline=min(wait.deadline or now, now)), context)[2]
        finally:
            self.hook.close()


def _left(wait: Wait, otherwise: float) -> float:
    left = wait.seconds_left()
    return otherwise if left is None else left
