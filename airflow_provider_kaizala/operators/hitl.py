"""One question in two places: in Airflow's Required Actions and in a group; whoever answers first decides. Airflow 3.1 and newer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, SkipMixin

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Audience, Message, Poll, Sent, Survey, checks
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.operators.ask import KaizalaQuestionOperator, seconds
from airflow_provider_kaizala.operators.decision import Approves
from airflow_provider_kaizala.operators.post import KaizalaPostOperator
from airflow_provider_kaizala.tasks.memory import Memory, deadline
from airflow_provider_kaizala.tasks.wait import Wait
from airflow_provider_kaizala.tasks.waiting import GRACE
from airflow_provider_kaizala.triggers.hitl import KaizalaHITLTrigger
from airflow_provider_kaizala.waiting.answers import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.operators.ask import Until
    from airflow_provider_kaizala.waiting.answers import AnswerDict

compat.need_hitl()

from airflow.providers.standard.operators.hitl import HITLOperator  # noqa: E402

#: the deadline of a wait that has none
NEVER = datetime.max.replace(tzinfo=UTC)
#: when the question in the group ends, if nothing says when; Kaizala's own default for polls
MONTH = timedelta(days=30)
#: seconds that telling the group may last with its repeats
TELLING = 60.0

_INSTEAD = {
    "timeout": "response_timeout",
    "on_timeout": "defaults: with them the task goes on, without it fails",
    "deferrable": "its docstring: it always waits in the triggerer",
    "until": "approvers and quorum",
    "options": "its docstring: they are Approve and Reject",
    "multiple": "its docstring: one approves or rejects",
}


def _plain(at: Any) -> Any:
    """Return a time as a task remembers it: Airflow's own events bring a datetime, those of our trigger ISO 8601."""
    return iso(at) if isinstance(at, datetime) else at


def _refuse(operator: Any, given: Mapping[str, Any], *names: str) -> None:
    """Refuse arguments that others of the family take.

    :raises KaizalaInputError: names the first, and what there is instead
    """
    for name in names:
        if name in given:
            raise KaizalaInputError(f"{name}: {type(operator).__name__} takes none; see {_INSTEAD[name]}")


class KaizalaHITLOperator(KaizalaQuestionOperator, HITLOperator):
    """Ask people in a group and in Airflow's Required Actions at once; whoever answers first decides.

    An ``HITLOperator`` of Airflow, with its arguments and its result, whose question is also posted to a group: as a poll, or with
    ``multiple`` as a survey. Airflow's record of the question takes one answer, so there is one winner also if both sides answer at
    the same moment; the other side is told: the Required Action is closed, with the name of who answered in the group; the group
    gets a reply to the question that says who answered in Airflow, and what.

    The task waits in the triggerer, which must run. On Airflow 3.3 and newer a retry waits on with the question that is in the
    group and with the same deadline; before, a retry asks the group again. Give it a retry: Airflow itself may fail a task that is
    answered within the second in which it goes to wait.

    When time is up, the ``defaults`` are chosen, as if somebody had, and the group is told; without any the task fails with
    Airflow's ``HITLTimeoutError``. An answer that the group has given before, but nobody has looked at, counts.

    If the group can no longer be read, say the question was deleted there, the task waits on for an answer in Airflow alone.

    :param subject: the question (templated)
    :param options: two or more different texts to choose from
    :param body: more about it, in Markdown; stands below the question, in the group as plain text (templated)
    :param defaults: the option that is chosen when time is up; with ``multiple`` one or more
    :param multiple: whether one may choose several options
    :param params: form fields, which only Airflow's page can show; each needs a default, which it has after an answer in the group
    :param notifiers: Airflow notifiers that tell of the question
    :param assigned_users: those users who may answer in Airflow; None for all who may work with the DAG
    :param response_timeout: how long to wait: seconds or a timedelta; None for ever
    :param group_id: the group; by default the connection's ``default_group`` (templated)
    :param until: when the group has decided: ``"any"`` answer, the first of which then counts, or another rule, see
        :mod:`airflow_provider_kaizala.waiting.rules`. A quorum decides for its option, everything else for what most people chose;
        with ``multiple``, for what more than half of them did. A tie decides nothing: the wait goes on (templated)
    :param expires: when the group's question ends, as for
        :class:`~airflow_provider_kaizala.operators.action.KaizalaSendPollOperator`; by default with the ``response_timeout``, else
        after 30 days
    :param remind_every: send a reminder to the group in such intervals: seconds or a timedelta; None for never
    :param tell_group: whether the group is told that it was answered in Airflow, or that time was up. This cannot fail the task,
        and is not repeated if it is unknown whether it went through
    :param poll_interval: seconds between two looks at the group
    :param when_cleared: what to do in the group if the task is cleared by hand after it has asked (Airflow 3.3): ``"ask_again"``,
        as Airflow does, or ``"resume"``: then an answer that is there already counts
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`

    The others are those of :class:`~airflow_provider_kaizala.operators.post.KaizalaPostOperator`.

    :return: ``chosen_options``, ``params_input``, ``responded_at`` (ISO 8601), ``responded_by_user`` (``{"id", "name"}``; the id of
        somebody in the group is ``kaizala:`` and the phone number; None after a timeout), ``timedout``, ``answered_in``
        (``"kaizala"``, ``"airflow"``, or None), ``group_id``, ``action_id``, ``reference_id``; and as far as the group's answers were
        read when it ended, those of :class:`~airflow_provider_kaizala.waiting.answers.ResultDict`
    """

    template_fields: Sequence[str] = (
        "subject",
        "body",
        "until",
        "expires",
        *KaizalaPostOperator.template_fields,
    )

    def __init__(
        self,
        *,
        subject: str,
        options: Sequence[str],
        body: str | None = None,
        defaults: str | Sequence[str] | None = None,
        multiple: bool = False,
        response_timeout: float | timedelta | None = None,
        until: Until = "any",
        expires: datetime | timedelta | str | None = None,
        tell_group: bool = True,
        when_cleared: str = "ask_again",
        **kwargs: Any,
    ) -> None:
        _refuse(self, kwargs, "timeout", "on_timeout", "deferrable")
        if response_timeout is not None:
            response_timeout = timedelta(seconds=seconds("response_timeout", response_timeout))
        super().__init__(
            subject=subject,
            options=list(checks.options("options", options)),
            body=body,
            defaults=defaults if defaults is None or isinstance(defaults, str) else list(defaults),
            multiple=checks.flag("multiple", multiple),
            response_timeout=response_timeout,
            until=until,
            when_cleared=when_cleared,
            **kwargs,
        )
        self.tell_group = checks.flag("tell_group", tell_group)
        self.expires = (self.response_timeout or MONTH) if expires is None else expires
        self._check_params()
        self.check_literals()

    def _check_params(self) -> None:
        """Refuse form fields that are nothing until somebody fills them: the group cannot.

        :raises KaizalaInputError: names the field
        """
        if not hasattr(type(self.params), "filter_params_by_source"):
            return  # before Airflow 3.1.3 those of the DAG are among them
        for name in self.params:
            try:
                _ = self.params[name]
            except Exception as error:
                reason = str(error).partition("\n")[0]
                raise KaizalaInputError(
                    f"params: {name!r} needs a default that is valid, since the group cannot fill form fields: {reason}"
                ) from error

    # --- the question ----------------------------------------------------------------------------------------------------

    @property
    def sends(self) -> type[Sent]:  # type: ignore[override]
        """What is posted: one may choose several options only in a survey."""
        return Survey if self.multiple else Poll

    def _given(self, model: type[Sent]) -> dict[str, Any]:
        body = self.body if isinstance(self.body, str) and self.body.strip() else None
        if model is Poll:
            question = self.subject if body is None else f"{self.subject}\n\n{body}"
            return {
                "question": question,
                "options": self.options,
                "due": self.expires,
                "sender_only": False,
            }
        if model is Survey:
            asked = {"title": self.subject, "type": "MultiOption", "options": self.options}
            return {"title": self.subject, "questions": [asked], "due": self.expires, "description": body}
        return super()._given(model)

    def check_literals(self) -> None:
        """Check the arguments that are known now.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        checks.title("subject", self.subject)
        super().check_literals()

    def offered(self) -> Sequence[str] | None:
        """Return the options."""
        return list(self.options)

    # --- asking ----------------------------------------------------------------------------------------------------------

    def _execute(self, context: Context) -> Any:
        memory = Memory(context)
        rule = self.rule()
        self.check_rule(rule)
        asked = self._asked = self._ask(memory)
        answered = memory.get("answer")
        if answered is not None:
            self.log.info("Answered in an earlier try; going on with that")
            return self._go_on(dict(answered), context)
        length = self.response_timeout.total_seconds() if self.response_timeout else None
        wait = self._begin(memory, asked, rule, deadline(context, length, memory) if length else NEVER)
        wait.look(self.hook)  # who can answer, and whether the rule fits them
        self._ask_in_airflow(context, wait)
        while not wait.settled and wait.rule.asks_for_audience:
            self.pause(wait)
            wait.look(self.hook)
        memory.set("wait", wait.to_wire())
        return self._park(wait, context)

    def _ask_in_airflow(self, context: Context, wait: Wait) -> None:
        """Let Airflow's operator ask. Where it would begin to wait, this one does."""
        try:
            HITLOperator.execute(self, context)
        except compat.hitl_waits():
            pass
        if wait.deadline != NEVER:
            self.hitl_summary_extra["timeout_datetime"] = wait.deadline.isoformat()

    def _park(self, wait: Wait, context: Context) -> None:
        """Leave the worker; the task goes on in :meth:`execute_complete`.

        What it needs then travels twice: with the trigger, since ``dag.test()`` loses what Airflow offers for that; and with the
        task, since Airflow resumes it without the trigger if it is answered there.
        """
        ends = None if wait.deadline == NEVER else wait.deadline
        carry = {"wait": wait.to_wire(), **self.carried()}
        waking = self.next_waking(wait)
        own = {name: value for name, value in wait.subject.to_wire().items() if name != "kind"}
        self.defer(
            trigger=KaizalaHITLTrigger(
                **own,
                until=wait.rule.to_wire(),
                poll_interval=wait.interval,
                deadline=ends.isoformat() if ends else None,
                wake_at=waking.isoformat() if waking else None,
                kaizala_conn_id=self.kaizala_conn_id,
                carry=carry,
                ti_id=str(context["ti"].id),
                options=self.options,
                multiple=self.multiple,
                defaults=self.defaults,
                params_input=self.params.dump() if self.params else {},
                look_interval=compat.hitl_look_interval(),
            ),
            method_name="execute_complete",
            kwargs={"carry": carry},
            timeout=timedelta(seconds=wait.seconds_left()) + GRACE if ends else None,
        )

    # --- going on --------------------------------------------------------------------------------------------------------

    def execute_complete(
        self, context: Context, event: Any = None, carry: Mapping[str, Any] | None = None
    ) -> Any:
        """Go on with the answer, or remind the group and wait on.

        :raises HITLTimeoutError: if time is up, and there are no defaults
        """
        known = dict(event) if hasattr(event, "keys") else {}
        carried = known.pop("carry", None) or carry
        try:
            if not carried or not known:
                raise AirflowFailException(f"unknown event {event!r}")
            self.take_up(carried)
            if known.get("status") == "wake":
                wait = Wait.from_wire(carried["wait"])
                self._wake_if_due(wait, context)
                return self._park(wait, context)
            if "error" not in known:  # a retry asks nobody again
                plain = {name: value for name, value in known.items() if name != "result"}
                Memory(context).set("answer", {**plain, "responded_at": _plain(plain.get("responded_at"))})
            return self._go_on(known, context)
        finally:
            self.hook.close()

    def _go_on(self, event: dict[str, Any], context: Context) -> Any:
        at = event.get("responded_at")
        if isinstance(at, str):
            event["responded_at"] = datetime.fromisoformat(at)
        answer = HITLOperator.execute_complete(self, context, event)
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
            self._tell(outcome, context)
        return self.concluded(outcome, context)

    def concluded(self, outcome: dict[str, Any], context: Context) -> Any:
        """Return what the task returns."""
        return outcome

    def _tell(self, outcome: Mapping[str, Any], context: Context) -> None:
        """Tell the group that it was answered elsewhere: once, and whatever comes of it."""
        if not self.tell_group or self._asked is None:
            return
        from airflow_provider_kaizala.client import calls

        chosen, user = ", ".join(outcome["chosen_options"]), outcome["responded_by_user"]
        text = (
            f"Answered in Airflow by {user['name'] or user['id']}: {chosen}"
            if user
            else f"Nobody has answered in time. Going on with: {chosen}"
        )
        try:
            memory = Memory(context)
            if memory.get("told") == text:
                return
            memory.set("told", text)
            hook = KaizalaHook(self.kaizala_conn_id, total_timeout=TELLING)
            reply = Audience(**{**self._given(Audience), "reply_to_reference_id": self._asked.reference_id})
            try:
                hook.run(calls.send_message(self._asked.group_id, Message(text[: checks.TEXT_LIMIT]), reply))
            finally:
                hook.close()
        except Exception as error:  # noqa: BLE001  it is decided; nothing here may undo that
            self.log.warning("The group could not be told, or nobody knows: %s", error)
        else:
            self.log.info("The group was told: %s", text)


class KaizalaHITLApprovalOperator(Approves, KaizalaHITLOperator, SkipMixin):
    """Ask people in a group and in Airflow's Required Actions to approve or reject; whoever decides first, decides.

    The tasks below depend on it, as with Airflow's own ``ApprovalOperator``: on rejection they are skipped, or this one fails,
    without a retry. In Airflow one user decides alone; in the group as many as ``quorum`` says must approve, and with named
    ``approvers`` it is rejected once so many can no longer come, without as soon as one has rejected.

    :param subject: what to approve (templated)
    :param approvers: phone numbers of those who may decide in the group; None for everybody in it (templated)
    :param quorum: how many must approve in the group (templated)
    :param fail_on_reject: fail on rejection, instead of skipping the tasks below
    :param ignore_downstream_trigger_rules: on rejection, skip all tasks below, whatever their trigger rules
    :param defaults: ``"Approve"`` or ``"Reject"``, chosen when time is up

    The others are those of :class:`KaizalaHITLOperator`, save ``until``, ``options`` and ``multiple``.

    :return: what :class:`KaizalaHITLOperator` returns, and ``approved``, ``approved_by``, ``rejected_by``: names, or numbers where
        there is none
    """

    APPROVE = "Approve"
    REJECT = "Reject"
    template_fields: Sequence[str] = (
        "approvers",
        "quorum",
        *(name for name in KaizalaHITLOperator.template_fields if name != "until"),
    )

    def __init__(
        self,
        *,
        subject: str,
        approvers: Sequence[str] | None = None,
        quorum: int | str = 1,
        fail_on_reject: bool = False,
        ignore_downstream_trigger_rules: bool = False,
        **kwargs: Any,
    ) -> None:
        _refuse(self, kwargs, "until", "options", "multiple")
        super().__init__(subject=subject, options=[self.APPROVE, self.REJECT], **kwargs)
        self._init_approval(
            approvers, quorum, self.APPROVE, self.REJECT, fail_on_reject, ignore_downstream_trigger_rules
        )

    def concluded(self, outcome: dict[str, Any], context: Context) -> Any:
        """Say whether it is approved, and deal with the tasks below."""
        approved = outcome["chosen_options"] == [self.APPROVE]
        self.hitl_summary_extra["approved"] = approved
        if outcome["answered_in"] == "kaizala":
            answers: list[AnswerDict] = outcome.get("answers") or []
            approved_by, rejected_by = self.sides(answers)
        else:
            user = outcome["responded_by_user"]
            names = [user["name"] or user["id"]] if user else []
            approved_by, rejected_by = (names, []) if approved else ([], names)
        outcome |= {"approved": approved, "approved_by": approved_by, "rejected_by": rejected_by}
        return self.conclude(outcome, self.subject, context)
