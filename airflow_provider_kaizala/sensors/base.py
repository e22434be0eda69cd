"""What all sensors have in common: one contract in poke, reschedule and deferrable mode."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cached_property
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
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.memory import Memory, deadline
from airflow_provider_kaizala.tasks.wait import Wait, new_wait
from airflow_provider_kaizala.tasks.waiting import EndsInTime, check_on_timeout, check_times, known_rule
from airflow_provider_kaizala.templating import TEMPLATE_EXT, ChecksArguments, is_literal
from airflow_provider_kaizala.waiting.forms import read_rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.rule import Rule
    from airflow_provider_kaizala.waiting.subjects import Subject

    Until = str | int | Sequence[str] | Mapping[str, Any] | Rule


class KaizalaSensor(EndsInTime, ChecksArguments, BaseSensorOperator):
    """Base of the sensors. A subclass says in :meth:`subject` what it waits on.

    The same in every mode: what it returns, which failures it sits out (a throttle, a 5xx, a network that fails), which end it
    at once (a deleted action, a revoked grant), and the deadline: *timeout* seconds after the first try began. On Airflow 3.3
    a retry keeps that deadline; before, it begins anew.

    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param until: ``"any"`` answer, a count of people, ``"all"`` who must, a list of phone numbers, or a rule such as
        ``{"kind": "quorum", "option": "Yes", "count": 2}``, see :mod:`airflow_provider_kaizala.waiting.rules` (templated)
    :param on_timeout: ``"fail"``, ``"skip"``, or ``"return"`` what has come, with ``complete`` False
    :param mode: as of all sensors; ``"reschedule"`` keeps the worker for pauses of less than 8 seconds, which Airflow takes badly
    :param deferrable: wait in the triggerer, without a worker slot; one poll reads for all waits in a group
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: the answers, as :class:`airflow_provider_kaizala.waiting.answers.ResultDict`
    """

    template_fields: Sequence[str] = ("group_id", "until", "kaizala_conn_id")
    template_ext: Sequence[str] = TEMPLATE_EXT
    ui_color = "#e6f4d7"
    decisive: ClassVar[Sequence[str]] = ("group_id",)

    def __init__(
        self,
        *,
        group_id: str | None = None,
        until: Until = "any",
        on_timeout: str = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        kaizala_conn_id: str = KaizalaHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id
        self.until = until
        self.on_timeout = check_on_timeout("on_timeout", on_timeout)
        self.deferrable = deferrable
        self.kaizala_conn_id = kaizala_conn_id
        self._wait: Wait | None = None
        if self.on_timeout != "fail" and self.soft_fail:
            raise KaizalaInputError(
                f"on_timeout={self.on_timeout!r} and soft_fail=True both say what happens when time is up; give one of them"
            )
        check_times(float(self.poke_interval), float(self.timeout), "poke_interval")
        if group_id is not None and is_literal(group_id):
            checks.group_id("group_id", group_id)
        rule = known_rule(until)
        if rule is not None:
            self.until = rule.to_wire()

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule that what is waited on can never meet, whoever does what.

        :raises KaizalaInputError: says why
        """

    def check_literals(self) -> None:
        """Check the arguments that are known now, and the rule with them. Each subclass calls it at the end of ``__init__``.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        super().check_literals()
        if is_literal(self.until):
            self.check_rule(read_rule(self.until))

    def checked(self, name: str) -> Any:
        """Return an argument, checked, without what a template left around it."""
        value = super().checked(name)
        return value.strip() if isinstance(value, str) else value

    @cached_property
    def hook(self) -> KaizalaHook:
        """The hook of this task."""
        return KaizalaHook(self.kaizala_conn_id)

    def subject(self, group_id: str, context: Context) -> Subject:
        """Return what is waited on.

        :raises KaizalaInputError: for a wrong argument
        """
        raise NotImplementedError

    def _begin(self, context: Context) -> Wait:
        """Begin the wait, or take up the one of an earlier look."""
        memory = Memory(context)
        end = deadline(context, float(self.timeout), memory)
        kept = memory.get("wait")
        if kept is not None:
            return Wait.from_wire(kept)
        try:
            group_id = checks.group_id("group_id", self.hook.group(self.there("group_id")))
            self.check_rule(read_rule(self.until))
            subject = self.subject(group_id, context)
            if subject.needs_first_look and self.reschedule and not self.deferrable and not memory.lasts:
                raise KaizalaInputError(
                    "mode: before Airflow 3.3 nothing is kept between the looks of mode='reschedule', so it would be forgotten "
                    "who was there at the first; take deferrable=True or mode='poke'"
                )
            return new_wait(subject, self.until, end, float(self.poke_interval))
        except KaizalaError as error:
            raise AirflowFailException(str(error)) from error

    def kept_wait(self, context: Context) -> Wait | None:
        """Return the wait; what nobody has kept, the arguments tell."""
        return self._begin(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        memory = Memory(context)
        keeps = self.on_timeout == "return" and self.reschedule  # the next look has another process
        if self._wait is None:
            self._wait = self._begin(context)
            self._wait.seen = memory.get("seen") if keeps else None
        wait, settled, seen = self._wait, self._wait.settled, self._wait.seen
        over, value = self.look_once(wait, context)
        if wait.settled and not settled:
            memory.set("wait", wait.to_wire())  # so that each look of this wait asks the same
        if keeps and not over and wait.seen != seen:
            memory.set("seen", wait.seen)
        return PokeReturnValue(is_done=over, xcom_value=value)

    def execute(self, context: Context) -> Any:
        """Wait, in the mode that was chosen."""
        try:
            return self._execute(context)
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            # as Airflow does it
            if self.soft_fail or self.never_fail:
                which = "soft_fail" if self.soft_fail else "never_fail"
                raise AirflowSkipException(f"Skipping, since {which} is set: {error}") from error
            raise
        finally:
            self.hook.close()

    def _execute(self, context: Context) -> Any:
        looks = 0
        began = Wait.now()
        while True:
            seen = self.poke(context)
            if seen.is_done:
                return seen.xcom_value
            wait = self._wait
            assert wait is not None  # noqa: S101  poke has made it
            if self.deferrable and wait.may_travel:
                return self.park(wait)
            looks += 1
            pause = self._get_next_poke_interval(began, (Wait.now() - began).total_seconds, looks)
            pause = min(float(pause), wait.seconds_left())
            # a shorter pause would neither pay nor end well
            if self.reschedule and not self.deferrable and pause >= compat.PARKING:
                raise compat.reschedule_exception()(Wait.now() + timedelta(seconds=pause))
            time.sleep(pause)
