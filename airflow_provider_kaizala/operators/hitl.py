"""One question in two places: in Airflow's Required Actions and in a group; the first answer decides. Airflow 3.1 and newer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.notifier import BaseNotifier
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala import compat, triggers
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Poll, Sent, Survey
from airflow_provider_kaizala.client.models.wire import iso, read_hours
from airflow_provider_kaizala.hooks import telemetry
from airflow_provider_kaizala.operators.plain_text import plain_text
from airflow_provider_kaizala.operators.question import Asked, KaizalaQuestionOperator, QuestionArguments
from airflow_provider_kaizala.tasks import farewell
from airflow_provider_kaizala.tasks.arguments import is_literal
from airflow_provider_kaizala.tasks.state import TaskState, deadline
from airflow_provider_kaizala.tasks.wait_for_people import check_times, deferral_is_over
from airflow_provider_kaizala.waiting.subjects import Responses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.operators.action import Due
    from airflow_provider_kaizala.waiting.wait import Wait

compat.need_hitl()

from airflow.providers.standard.exceptions import HITLTimeoutError  # noqa: E402
from airflow.providers.standard.operators.hitl import HITLOperator  # noqa: E402

#: when the question in the group ends by default, which is Kaizala's own default for polls
MONTH = timedelta(days=30)
_NO_TIMEOUT = (
    "give response_timeout; when it is over, the task continues with defaults, or fails if there are none"
)


def _body(name: str, value: Any) -> Any:
    """Check the text below a question; it may be empty."""
    blank = isinstance(value, str) and not value.strip()
    return value if blank else checks.title(name, value)


def _check_notifiers(value: Any) -> None:
    """Check the notifiers, which Airflow has put into a list if there was one."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(each, BaseNotifier):
            raise KaizalaInputError(
                f"notifiers must be a notifier, such as KaizalaNotifier(), or a list of them, not {checks.shown(each)}"
            )


def _users(name: str, value: Any) -> Sequence[Mapping[str, str]]:
    """Check users of Airflow, whom Airflow has put into a list if there was one."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(each, dict) or not all(isinstance(each.get(key), str) for key in ("id", "name")):
            raise KaizalaInputError(
                f"{name}: each user must be a dict of two texts, such as {{'id': '1', 'name': 'admin'}}, not {checks.shown(each)}"
            )
    return list(value)


class KaizalaHITLTimeoutError(AirflowFailException, HITLTimeoutError):
    """No one answered in time. The task is not retried: a retry would have the same deadline."""


class RequiredActionArguments(QuestionArguments, total=False):
    """Arguments of all that ask in a group and in Airflow's Required Actions."""

    notifiers: Any
    assigned_users: Any


class HITLArguments(RequiredActionArguments, total=False):
    """Arguments of :class:`KaizalaHITLOperator` that its subclasses take too."""

    body: str | None
    defaults: str | Sequence[str] | None
    response_timeout: float | timedelta | None
    due: Due


class KaizalaHITLOperator(KaizalaQuestionOperator, HITLOperator):
    """Ask people in a group and in Airflow's Required Actions at once; the first answer decides.

    It is an ``HITLOperator`` of Airflow, with its arguments and its result, whose question is also posted to a group: as a poll, or
    with ``multiple`` as a survey. Airflow's record of the question takes one answer, so there is one winner even if both sides
    answer at the same moment. The other side is informed: the Required Action is closed, with the name of the person who answered
    in the group; the group gets a reply to the question that says who answered in Airflow, and what.

    The task waits in the triggerer, which must run. On Airflow 3.3 and newer a retry continues to wait with the same question and
    the same deadline; before, a retry asks the group again. Give it a retry: Airflow itself may fail a task that is answered
    within the second in which it is deferred.

    When time is up, the ``defaults`` are chosen, and the group is informed; without any the task fails with Airflow's
    ``HITLTimeoutError``, without a retry. An answer that the group gave in time counts, even if no look has seen it yet.

    If the group can no longer be read, for example because the question was deleted there, the task keeps waiting for an
    answer in Airflow alone. A question that has ended in the group can still be answered in Airflow.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.base.KaizalaPostOperator`.

    :param subject: the question (templated)
    :param options: two or more different texts to choose from (templated)
    :param body: more about it, in Markdown; shown below the question, in the group as plain text, where both together may have 4,000
        characters (templated)
    :param defaults: the option that is chosen when time is up; with ``multiple`` one or more
    :param multiple: whether a person may choose several options
    :param params: form fields, which only Airflow's page can show; each needs a default, which it has after an answer in the group
    :param notifiers: Airflow notifiers that announce the question
    :param assigned_users: the users who may answer in Airflow, each ``{"id", "name"}``, one or a list; None for all who may work with
        the DAG
    :param response_timeout: how long to wait: seconds or a timedelta; None for no limit
    :param until: when the group has decided: ``"any"`` answer, the first of which then counts, or another rule, see
        :mod:`airflow_provider_kaizala.waiting.rules`. A quorum decides for its option, everything else for what most people chose;
        with ``multiple``, for what more than half of them did. A tie decides nothing: the wait continues (templated)
    :param due: when the question in the group ends: datetime, ISO 8601 text, or timedelta; by default with the
        ``response_timeout``, or else after 30 days (templated)
    :param remind_every: seconds or a timedelta between two reminders to the group; None for none
    :param tell_group: whether to reply in the group that it was answered in Airflow, that time was up, or that the task was stopped, has
        failed, or asks again. This cannot fail the task, and is not repeated if it is unknown whether it was posted
    :param poke_interval: seconds or a timedelta between two looks at the group
    :param when_cleared: what to do in the group if the task is cleared by hand after it has asked (Airflow 3.3): ``"resume"`` continues
        with the question that was posted, and counts the answers it already has; ``"ask_again"`` posts it again. On Airflow 3.4 as for
        :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskOperator`
    :return: ``chosen_options``, ``params_input``, ``responded_at`` (ISO 8601), ``responded_by_user`` (``{"id", "name"}``; the id of
        a person in the group is ``kaizala:`` and the phone number; None after a timeout), ``timedout``, ``answered_in``
        (``"kaizala"``, ``"airflow"``, or None), ``group_id``, ``action_id``, ``reference_id``; and as far as the group's answers were
        read when it ended, those of :class:`~airflow_provider_kaizala.waiting.results.ResultDict`
    """

    default_until = "any"
    arguments: ClassVar[Mapping[str, Check]] = {
        "subject": checks.text,
        "body": checks.optional(_body),
        "assigned_users": checks.optional(_users),
    }
    times = ("due",)
    refused: ClassVar[Mapping[str, str]] = {
        "timeout": _NO_TIMEOUT,
        "on_timeout": _NO_TIMEOUT,
        "deferrable": "it always waits in the triggerer",
        "voters": "give until a rule that names people",
    }
    template_fields: Sequence[str] = ("subject", "options", "body", "due")

    def __init__(
        self,
        *,
        subject: str,
        options: Sequence[str],
        body: str | None = None,
        defaults: str | Sequence[str] | None = None,
        multiple: bool = False,
        response_timeout: float | timedelta | None = None,
        due: Due = None,
        **kwargs: Unpack[RequiredActionArguments],
    ) -> None:
        if response_timeout is not None:
            response_timeout = timedelta(seconds=checks.seconds("response_timeout", response_timeout))
        super().__init__(
            subject=subject,
            options=list(options) if isinstance(options, (list, tuple)) else options,
            body=body,
            defaults=defaults if defaults is None or isinstance(defaults, str) else list(defaults),
            multiple=checks.flag("multiple", multiple),
            **compat.hitl_arguments(response_timeout),
            **kwargs,
        )
        self.response_timeout = getattr(self, "response_timeout", response_timeout)
        self.due = read_hours("response_timeout", self.response_timeout or MONTH) if due is None else due
        if self.response_timeout and self.remind_every:
            check_times(0, self.response_timeout.total_seconds(), self.remind_every)
        self._check_params()
        _check_notifiers(self.notifiers)

    # --- arguments -------------------------------------------------------------------------------------------------------

    def validate_options(self) -> None:
        """Check the options; those of another task are checked when the task runs."""
        if is_literal(self.options):
            checks.options("options", self.options)

    def validate_defaults(self) -> None:
        """Check that the defaults are among the options; templated options are compared when the task runs."""
        if is_literal(self.options):
            super().validate_defaults()

    def _check_params(self) -> None:
        """Refuse form fields without a value until a person fills them: people in the group cannot.

        :raises KaizalaInputError: names the field
        """
        if not hasattr(type(self.params), "filter_params_by_source"):
            return  # before Airflow 3.1.3 the params of the DAG are among them
        for name in self.params:
            try:
                _ = self.params[name]
            except Exception as error:
                reason = str(error).partition("\n")[0]
                raise KaizalaInputError(
                    f"params: {name!r} needs a default that is valid, since people in the group cannot fill form fields: {reason}"
                ) from error

    # --- the question ----------------------------------------------------------------------------------------------------

    @property
    def sends(self) -> type[Sent]:  # type: ignore[override]
        """What is posted: people can choose several options only in a survey."""
        return Survey if self.multiple else Poll

    def given(self, model: type[Sent]) -> dict[str, Any]:
        """Return the arguments that make up a model."""
        body = self.body
        if isinstance(body, str) and is_literal(body):
            body = plain_text(body)
        if model is Poll:
            question = self.subject
            if body and is_literal(body):
                question = f"{self.subject}\n\n{body}"
                if is_literal(self.subject):
                    checks.text("subject with body", question)
            return {
                "question": question,
                "options": self.options,
                "due": self.resolved("due"),
                "sender_only": False,
            }
        if model is Survey:
            if body and is_literal(body):
                checks.text("body", body)
            asked = {"title": self.subject, "type": "MultiOption", "options": self.options}
            return {
                "title": self.subject,
                "questions": [asked],
                "due": self.resolved("due"),
                "description": body or None,
            }
        return super().given(model)

    def offered(self) -> Sequence[str] | None:
        """Return the options."""
        return list(self.options) if is_literal(self.options) else None

    # --- asking ----------------------------------------------------------------------------------------------------------

    def run_task(self, context: Context) -> Any:
        """Ask in both places, and wait in the triggerer."""
        checks.options("options", self.options)
        HITLOperator.validate_defaults(self)
        for name in ("body", "assigned_users"):  # Airflow reads them only after the group was asked
            self.checked(name)
        state = TaskState(context)
        rule = self.rule()
        self.check_rule(rule)
        asked = self._asked = self.ask(context)
        answered = state.get("answer")
        if answered is not None:
            self.log.info("An earlier try was answered; continuing with that")
            return self._conclude(dict(answered), context)
        length = self.response_timeout.total_seconds() if self.response_timeout else None
        wait = self.begin(state, asked, rule, deadline(context, length, state) if length else None)
        if not self._has_looked:
            self.count_begin(wait)
        wait = self.read(wait)  # fails if the rule does not fit this group
        self.say_open_again(wait, context)
        # a question that has ended in the group can still be answered in Airflow
        wait = replace(wait, closes_at=None)
        with suppress(*compat.hitl_waits()):  # Airflow's operator asks too, and would then begin to wait
            HITLOperator.execute(self, context)
        if wait.deadline is not None:
            compat.add_to_hitl_summary(self, timeout_datetime=wait.deadline.isoformat())
        state.set("wait", wait.to_wire())
        return self.park(wait, context)

    def trigger(
        self, wait: Wait, wake_at: datetime | None, carry: dict[str, Any], context: Context
    ) -> triggers.KaizalaHITLTrigger:
        """Return the trigger that waits for both sides."""
        return triggers.KaizalaHITLTrigger(
            wait=wait.to_wire(),
            kaizala_conn_id=self.kaizala_conn_id,
            wake_at=wake_at.isoformat() if wake_at else None,
            carry=carry,
            ti_id=str(context["ti"].id),
            options=list(self.options),
            multiple=self.multiple,
            defaults=self.defaults,
            params_input=self.params.dump() if self.params else {},
            look_interval=compat.hitl_look_interval(),
        )

    def resume_arguments(self, carry: dict[str, Any]) -> dict[str, Any] | None:
        """Return what the task needs if it is answered in Airflow, which then resumes it without the trigger."""
        return {"carry": carry}

    # --- continuing ------------------------------------------------------------------------------------------------------

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue; if Airflow ended the wait because no triggerer ran when time was up, wait for a triggerer.

        Only the trigger can end the question in Airflow's record too.
        """
        wait = self.kept_wait(context) if deferral_is_over(next_method, next_kwargs) else None
        if wait is None:
            return super().resume_execution(next_method, next_kwargs, context)
        self.log.warning("No triggerer ran when time was up; waiting for one")
        return self.park(wait, context)

    def execute_complete(
        self, context: Context, event: Any = None, carry: Mapping[str, Any] | None = None
    ) -> Any:
        """Continue with the answer, or remind the group and keep waiting.

        :raises KaizalaHITLTimeoutError: if time is up, and there are no defaults
        :raises AirflowTaskTimeout: if the task's ``execution_timeout`` is over
        """
        known = dict(event) if hasattr(event, "keys") else {}
        try:
            if known.get("status") == "wake":
                wait = self.resume(known, context)
                self.check_execution_timeout(wait)
                self._wake_if_due(wait, context)
                return self.park(wait, context)
            carried = known.pop("carry", None) or carry
            if not carried or not known:
                raise AirflowFailException(f"unexpected event {event!r}")
            self.take_up(carried, context)
            late = known.get("timedout") or known.get("error_type") == "timeout"
            outcome = "timeout" if late else "error" if "error" in known else "met"
            telemetry.count("kaizala.wait.end", kind=Responses.kind, outcome=outcome)
            if known.get("error_type") == "timeout":
                self.say_farewell(farewell.TIME_IS_UP, context)
            if "error" not in known:  # a retry continues with this answer
                plain = {name: value for name, value in known.items() if name != "result"}
                at = plain.get("responded_at")  # a datetime in Airflow's own events, ISO 8601 in ours
                plain["responded_at"] = iso(at) if isinstance(at, datetime) else at
                TaskState(context).set("answer", plain)
            return self._conclude(known, context)
        finally:
            self.hook.close()

    def _conclude(self, event: dict[str, Any], context: Context) -> Any:
        at = event.get("responded_at")
        if isinstance(at, str):
            event["responded_at"] = datetime.fromisoformat(at)
        answer = HITLOperator.execute_complete(self, context, event)
        self._is_over = True
        user = answer["responded_by_user"]
        outcome = {
            **(event.get("result") or {}),
            "chosen_options": list(answer["chosen_options"]),
            "params_input": dict(answer["params_input"] or {}),
            "responded_at": iso(answer["responded_at"]),
            "responded_by_user": {"id": user["id"], "name": user["name"]} if user else None,
            "timedout": bool(event.get("timedout")),
            "answered_in": event.get("answered_in", "airflow" if user else None),
        }
        if self._asked is not None:
            outcome |= {
                name: getattr(self._asked, name) for name in ("group_id", "action_id", "reference_id")
            }
            if outcome["answered_in"] != "kaizala":
                self._tell(self._asked, outcome, context)
        return self.concluded(outcome, context)

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Fail without an answer.

        :raises KaizalaHITLTimeoutError: if time is up
        """
        if event["error_type"] == "timeout":
            raise KaizalaHITLTimeoutError(event["error"])
        super().process_trigger_event_error(event)

    def concluded(self, outcome: dict[str, Any], context: Context) -> Any:
        """Return what the task returns."""
        return outcome

    def _tell(self, asked: Asked, outcome: Mapping[str, Any], context: Context) -> None:
        """Tell the group that the question was answered elsewhere."""
        chosen, user = ", ".join(outcome["chosen_options"]), outcome["responded_by_user"]
        text = (
            f"Answered in Airflow by {user['name'] or user['id']}: {chosen}"
            if user
            else f"No one answered in time. Continuing with: {chosen}"
        )
        self.tell(asked, text, TaskState(context))
