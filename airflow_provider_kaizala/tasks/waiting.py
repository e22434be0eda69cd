"""How a task waits: in its worker, or in the triggerer; with one deadline and one ending. For sensors and ask operators."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.tasks.wait import Wait
from airflow_provider_kaizala.templating import is_literal
from airflow_provider_kaizala.waiting.answers import called
from airflow_provider_kaizala.waiting.forms import read_rule

if TYPE_CHECKING:
    from datetime import datetime
    from functools import cached_property

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.waiting.answers import ResultDict
    from airflow_provider_kaizala.waiting.rule import Rule

#: the trigger watches the deadline itself; Airflow's own timeout of a deferral only catches a triggerer that is gone
GRACE = timedelta(minutes=10)
ON_TIMEOUT = ("fail", "skip", "return")


check_on_timeout = checks.one_of(*ON_TIMEOUT)


def check_times(interval: float, timeout: float, interval_name: str) -> None:
    """Refuse a timeout within which nobody would look twice.

    :param interval_name: what the task calls its interval
    :raises KaizalaInputError: says both
    """
    if timeout < interval:
        raise KaizalaInputError(
            f"timeout: {timeout:g} s is shorter than {interval_name}, {interval:g} s; make the one longer or the other shorter"
        )


def known_rule(until: Any) -> Rule | None:
    """Return the rule, None if only the run will tell it. A function is refused now, wherever in it one stands.

    :raises KaizalaInputError: if it is no rule
    """
    function = _function_in(until)
    if function is not None:
        return read_rule(function)
    return read_rule(until) if is_literal(until) else None


def _function_in(until: Any) -> Any:
    """Return a function that stands in a rule, None if there is none; what resolves when the task runs is none."""
    if callable(until) and not hasattr(until, "resolve"):
        return until
    inside = until.values() if isinstance(until, Mapping) else until
    if isinstance(inside, str) or not isinstance(inside, Iterable) or hasattr(until, "resolve"):
        return None
    return next((found for each in inside if (found := _function_in(each)) is not None), None)


class WaitsForPeople:
    """Mixin of tasks that wait."""

    if TYPE_CHECKING:
        kaizala_conn_id: str
        on_timeout: str
        timeout: float
        log: Any
        defer: Any

        @cached_property
        def hook(self) -> KaizalaHook:
            """The hook of this task."""

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Turn what came into what the task returns."""
        return dict(result)

    def next_waking(self, wait: Wait) -> datetime | None:
        """Return when the task wants to be woken in between."""
        return None

    def wake(self, wait: Wait, context: Context) -> None:
        """Do what it was woken for."""

    def carried(self) -> dict[str, Any]:
        """Return what travels with the deferred task beside the wait, plain."""
        return {}

    def take_up(self, carried: Mapping[str, Any]) -> None:
        """Take up what was carried."""

    # --- in the worker ---------------------------------------------------------------------------------------------------

    def look_once(self, wait: Wait, context: Context) -> tuple[bool, Any]:
        """Look; return whether the wait is over, and what the task then returns.

        :raises AirflowSensorTimeout: if time is up, or :class:`AirflowSkipException`, as ``on_timeout`` says
        """
        last = wait.seconds_left() <= 0  # before the look, so that one comes after the deadline
        result = wait.look(self.hook)
        if result is not None and result["complete"]:
            return True, self.finish(result, context)
        if last:
            return True, self.out_of_time(wait.seen, context)
        return False, None

    def wait_in_worker(self, wait: Wait, context: Context) -> Any:
        """Look again and again."""
        while True:
            over, value = self.look_once(wait, context)
            if over:
                return value
            self._wake_if_due(wait, context)
            self.pause(wait)

    @staticmethod
    def pause(wait: Wait) -> None:
        """Sleep until the next look."""
        time.sleep(min(wait.interval, wait.seconds_left()))

    def _wake_if_due(self, wait: Wait, context: Context) -> None:
        waking = self.next_waking(wait)
        if waking is not None and waking <= wait.now():
            self.wake(wait, context)

    def out_of_time(self, result: ResultDict | None, context: Context) -> Any:
        """End a wait whose time is up, as ``on_timeout`` says."""
        told = f"No end within {self.timeout:g} s. {_so_far(result)}"
        if self.on_timeout == "skip":
            raise AirflowSkipException(told)
        if self.on_timeout == "return" and result is not None:
            self.log.info("%s Going on with that", told)
            return self.finish(result, context)
        raise AirflowSensorTimeout(told)

    # --- in the triggerer ------------------------------------------------------------------------------------------------

    def park(self, wait: Wait) -> None:
        """Leave the worker; the task goes on in :meth:`execute_complete`.

        What it needs then travels with the trigger, since ``dag.test()`` loses what Airflow offers for that.
        """
        carry = {"wait": wait.to_wire(), **self.carried()}
        self.defer(
            trigger=wait.trigger(self.kaizala_conn_id, carry, self.next_waking(wait)),
            method_name="execute_complete",
            timeout=timedelta(seconds=wait.seconds_left()) + GRACE,
        )

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Go on with what the trigger brought: end, or do what was to be done in between and wait on.

        :raises AirflowSensorTimeout: if time is up
        :raises AirflowFailException: for what waiting does not mend
        """
        known: Mapping[str, Any] = event if hasattr(event, "get") else {}
        result, carry = known.get("result"), known.get("carry")
        try:
            if known.get("status") == "error":
                raise AirflowFailException(str(known.get("message")))
            if not carry:
                raise AirflowFailException(f"unknown event {event!r}")
            self.take_up(carry)
            wait = Wait.from_wire(carry["wait"])
            match known.get("status"):
                case "success" if result:
                    self.log.info(
                        "%d answers to %r", len(result["answers"]), result["title"] or wait.subject.id
                    )
                    return self.finish(result, context)
                case "timeout":
                    # read here once more: the trigger's last look is up to an interval old
                    wait.seen = result
                    wait.deadline = min(wait.deadline, wait.now())
                    return self.look_once(wait, context)[1]
                case "wake":
                    over, value = self.look_once(wait, context)
                    if over:
                        return value
                    self._wake_if_due(wait, context)
                    return self.park(wait)
                case _:
                    raise AirflowFailException(f"unknown event {event!r}")
        finally:
            self.hook.close()


class EndsInTime(WaitsForPeople):
    """Mixin of tasks whose wait ends as ``on_timeout`` says, also if no triggerer was there when time was up.

    Airflow then ends the deferral itself, some time later, and brings nothing of it back.
    """

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on, with an ending of our own where Airflow would fail the task."""
        if next_method == "__fail__" and "timeout" in str((next_kwargs or {}).get("error")).lower():
            next_method, next_kwargs = "end_late", {}
        return super().resume_execution(next_method, next_kwargs, context)  # type: ignore[misc]

    def end_late(self, context: Context) -> Any:
        """Look a last time, and end.

        :raises AirflowSensorTimeout: or :class:`AirflowSkipException`, as ``on_timeout`` says
        """
        self.log.warning("No triggerer ran when time was up: Airflow has ended the wait")
        try:
            wait = self.kept_wait(context)
            if wait is None:
                return self.out_of_time(None, context)
            wait.deadline = min(wait.deadline, wait.now())
            return self.look_once(wait, context)[1]
        finally:
            self.hook.close()

    def kept_wait(self, context: Context) -> Wait | None:
        """Return the wait as it was, None if nobody knows."""
        raise NotImplementedError


def _so_far(result: ResultDict | None) -> str:
    if result is None:
        return "Kaizala could not be read."
    from airflow_provider_kaizala.client.models import Person

    answered = called(Person(each["responder"], each["responder_name"]) for each in result["answers"])
    missing = called(Person(each["mobile_number"], each["name"]) for each in result["missing"])
    return f"Answered: {answered}. Missing: {missing}."
