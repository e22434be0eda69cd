"""Wait for people's answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_kaizala.client.errors import KaizalaError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.hooks.transient import is_transient
from airflow_provider_kaizala.templating import TEMPLATE_EXT, LiteralsStay, is_literal
from airflow_provider_kaizala.waiting.answers import called, result_dict
from airflow_provider_kaizala.waiting.rules import read_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.answers import ResultDict
    from airflow_provider_kaizala.waiting.rules import Rule

#: the trigger watches the deadline itself; Airflow's own timeout of a deferral only catches a triggerer that is gone
GRACE = timedelta(minutes=10)


class KaizalaResponseSensor(LiteralsStay, BaseSensorOperator):
    """Wait until people have answered a poll, a survey, a job, a meeting or a custom action.

    :param action_id: what they answer, ``ask.output["action_id"]`` say (templated)
    :param group_id: its group; by default the connection's ``default_group`` (templated)
    :param until: ``"any"`` answer, a count of people, ``"all"`` assignees of a job, a list of phone numbers, or a rule such as
        ``{"kind": "people", "people": [...], "need": "any"}``, see :mod:`airflow_provider_kaizala.waiting.rules` (templated)
    :param deferrable: wait in the triggerer, without a worker slot
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: the answers, as :class:`airflow_provider_kaizala.waiting.answers.ResultDict`
    """

    template_fields: Sequence[str] = ("group_id", "action_id", "until", "kaizala_conn_id")
    template_ext: Sequence[str] = TEMPLATE_EXT
    ui_color = "#e6f4d7"

    def __init__(
        self,
        *,
        action_id: str,
        group_id: str | None = None,
        until: str | int | Sequence[str] | Mapping[str, Any] | Rule = "any",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        kaizala_conn_id: str = KaizalaHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action_id = action_id
        self.group_id = group_id
        self.until = until
        self.deferrable = deferrable
        self.kaizala_conn_id = kaizala_conn_id
        self._said = ""
        if group_id is not None and is_literal(group_id):
            checks.group_id("group_id", group_id)
        if is_literal(action_id):
            checks.title("action_id", action_id)
        if is_literal(until) or callable(until):
            self.until = read_rule(until).to_wire()

    @cached_property
    def hook(self) -> KaizalaHook:
        """The hook of this task."""
        return KaizalaHook(self.kaizala_conn_id)

    def _where(self) -> tuple[str, str]:
        """Return group and action, without what a template left around them."""
        group_id = checks.group_id("group_id", self.hook.group(self.group_id))
        return group_id, checks.title("action_id", self.action_id).strip()

    def _look(self) -> ResultDict | None:
        """Read who has answered, and log it if it is news; None if Kaizala cannot be read now.

        :raises AirflowFailException: for what waiting does not mend: a deleted action, a revoked grant, a rule that does not fit
        """
        from airflow_provider_kaizala.client import calls

        try:
            rule = read_rule(self.until)
            group_id, action_id = self._where()
            action = self.hook.run(calls.get_action(group_id, action_id))
            progress = rule.progress(action)
        except KaizalaError as error:
            if is_transient(error):
                self.log.warning("Kaizala cannot be read now; looking again: %s", error)
                return None
            raise AirflowFailException(str(error)) from error
        if str(progress) != self._said:
            self._said = str(progress)
            self.log.info("%r: %s", action.title or action_id, progress)
        return result_dict(group_id, action_id, action, progress.missing, complete=progress.met)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        seen = self._look()
        if seen is None or not seen["complete"]:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=dict(seen))

    def execute(self, context: Context) -> Any:
        """Wait, in the mode that was chosen."""
        try:
            return self._wait_in_triggerer(context) if self.deferrable else super().execute(context)
        finally:
            self.hook.close()

    def _wait_in_triggerer(self, context: Context) -> Any:
        from airflow_provider_kaizala.triggers.response import KaizalaResponseTrigger

        deadline = datetime.now(tz=UTC) + timedelta(seconds=self.timeout)
        try:
            now = self.poke(context)
        except Exception as error:
            # as Airflow does it in the other modes
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowFailException)):
                which = "never_fail" if self.never_fail else "soft_fail"
                raise AirflowSkipException(f"Skipping, since {which} is set: {error}") from error
            raise
        if now.is_done:
            return now.xcom_value
        group_id, action_id = self._where()
        self.defer(
            trigger=KaizalaResponseTrigger(
                group_id=group_id,
                action_id=action_id,
                until=read_rule(self.until).to_wire(),
                poll_interval=float(self.poke_interval),
                deadline=deadline.isoformat(),
                kaizala_conn_id=self.kaizala_conn_id,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout) + GRACE,
        )
        return None

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Go on with what the trigger brought.

        :raises AirflowSensorTimeout: if the deadline has passed
        :raises AirflowFailException: for what waiting does not mend
        """
        known = event if isinstance(event, Mapping) else {}
        result = known.get("result")
        match known.get("status"):
            case "success" if result:
                self.log.info("%d answers to %r", len(result["answers"]), result["title"] or self.action_id)
                return result
            case "timeout":
                raise AirflowSensorTimeout(f"No end within {self.timeout:g} s. {self._so_far(result)}")
            case _:
                raise AirflowFailException(str(known.get("message") or f"unknown event {event!r}"))

    @staticmethod
    def _so_far(result: Mapping[str, Any] | None) -> str:
        if not result:
            return "Kaizala could not be read."
        from airflow_provider_kaizala.client.models import Person

        answered = called(Person(each["responder"], each["responder_name"]) for each in result["answers"])
        missing = called(Person(each["mobile_number"], each["name"]) for each in result["missing"])
        return f"Answered: {answered}. Missing: {missing}."
