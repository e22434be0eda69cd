"""Ask and wait in one task: a poll, a survey, a job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, conf

from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError
from airflow_provider_kaizala.client.models import Audience, Survey, checks
from airflow_provider_kaizala.operators.action import (
    KaizalaSendJobOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.operators.post import KaizalaPostOperator
from airflow_provider_kaizala.tasks.memory import Memory, deadline
from airflow_provider_kaizala.tasks.posting import posted_before
from airflow_provider_kaizala.tasks.wait import Wait, new_wait
from airflow_provider_kaizala.tasks.waiting import (
    EndsInTime,
    WaitsForPeople,
    check_on_timeout,
    check_times,
    known_rule,
)
from airflow_provider_kaizala.templating import is_literal
from airflow_provider_kaizala.waiting.choices import is_offered
from airflow_provider_kaizala.waiting.forms import read_rule
from airflow_provider_kaizala.waiting.rules import Quorum
from airflow_provider_kaizala.waiting.subjects import ActionAnswers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.answers import ResultDict
    from airflow_provider_kaizala.waiting.rule import Rule

    Until = str | int | Sequence[str] | Mapping[str, Any] | Rule

WHEN_CLEARED = ("resume", "ask_again")


@dataclass(frozen=True)
class Asked:
    """What was posted, as a task remembers it.

    :param at: ISO 8601 time of the post
    :param reminded: number of the last reminder that was sent
    """

    group_id: str
    reference_id: str
    action_id: str
    at: str
    reminded: int = 0


def seconds(name: str, value: Any) -> float:
    """Return a length in seconds, given as such or as a timedelta."""
    length = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(length, bool) or not isinstance(length, (int, float)) or length <= 0:
        raise KaizalaInputError(
            f"{name}: seconds above 0 or a timedelta is needed, not {checks.shown(value)}"
        )
    return float(length)


class KaizalaQuestionOperator(WaitsForPeople, KaizalaPostOperator):
    """Base of all that ask and wait: asks once, however often the task is tried, and reminds.

    :param until: when the wait is over, see :mod:`airflow_provider_kaizala.waiting.rules` (templated)
    :param remind_every: send a reminder to the group in such intervals while the wait goes on: seconds or a timedelta; None for never
    :param poll_interval: seconds between two looks
    :param when_cleared: what to do if the task is cleared by hand after it has asked (Airflow 3.3): ``"resume"`` waits on with the
        question that is there, or is found there if nobody knew, ``"ask_again"`` posts it anew
    """

    template_fields: Sequence[str] = ("until", *KaizalaPostOperator.template_fields)

    def __init__(
        self,
        *,
        until: Until = "all",
        remind_every: float | timedelta | None = None,
        poll_interval: float = 60,
        when_cleared: str = "resume",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.until = until
        self.remind_every = None if remind_every is None else seconds("remind_every", remind_every)
        self.poll_interval = seconds("poll_interval", poll_interval)
        self.when_cleared = checks.one_of(*WHEN_CLEARED)("when_cleared", when_cleared)
        self._asked: Asked | None = None
        rule = known_rule(until)
        if rule is not None:
            self.until = rule.to_wire()
            self.check_rule(rule)

    def rule(self) -> Rule:
        """Return when the wait is over.

        :raises KaizalaInputError: if that is no rule
        """
        return read_rule(self.until)

    # --- what can be known now -------------------------------------------------------------------------------------------

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule that this question can never meet, as far as its arguments are known.

        :raises KaizalaInputError: says why
        """
        offered = self.offered()
        for option in rule.options():
            if offered is not None and not is_offered(option, offered):
                raise KaizalaInputError(
                    f"until: there is no option {option!r} to choose; there are {', '.join(map(repr, offered))}"
                )

    def offered(self) -> Sequence[str] | None:
        """Return the options one can choose, None where they are not known yet."""
        return None

    # --- asking ----------------------------------------------------------------------------------------------------------

    def _begin(self, memory: Memory, asked: Asked, rule: Rule, end: datetime) -> Wait:
        """Return the wait for the answers, as an earlier try has left it or a new one."""
        kept = memory.get("wait")
        if kept is not None:
            return Wait.from_wire(kept)
        chosen = checks.optional(checks.phones)("subscribers", self.subscribers)
        if chosen:  # nobody else of the hub group sees it
            rule = rule.asked(chosen)
        return new_wait(ActionAnswers(asked.group_id, asked.action_id), rule, end, self.poll_interval)

    def _ask(self, memory: Memory) -> Asked:
        """Return what was posted, by this try or an earlier one.

        :raises AirflowFailException: if Kaizala does not say what to wait for
        """
        post = self.post(memory, over_clearing=self.when_cleared == "resume")
        if post.action_id is None:
            raise AirflowFailException(
                f"posted to group {post.group_id} as {post.reference_id}, but Kaizala names no action id, so nobody can wait for it"
            )
        return Asked(post.group_id, post.reference_id, post.action_id, post.at)

    # --- waiting ---------------------------------------------------------------------------------------------------------

    def carried(self) -> dict[str, Any]:
        """Return what travels with the deferred task beside the wait, plain."""
        return {"asked": asdict(self._asked)} if self._asked else {}

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Return what came, and the reference of what was asked."""
        return {**result, "reference_id": self._asked.reference_id if self._asked else None}

    def take_up(self, carried: Mapping[str, Any]) -> None:
        """Take up what was carried."""
        self._asked = Asked(**carried["asked"])

    # --- reminding -------------------------------------------------------------------------------------------------------

    def _slot(self, now: datetime) -> int:
        """Return the number of the interval that *now* lies in; 0 before the first reminder."""
        if self._asked is None or not self.remind_every:
            return 0
        return int((now - datetime.fromisoformat(self._asked.at)).total_seconds() // self.remind_every)

    def next_waking(self, wait: Wait) -> datetime | None:
        """Return when to remind next; None for never, and if nobody would look again after it."""
        if self._asked is None or not self.remind_every:
            return None
        slot = max(self._asked.reminded, self._slot(wait.now()) - 1) + 1
        moment = datetime.fromisoformat(self._asked.at) + timedelta(seconds=slot * self.remind_every)
        return moment if moment + timedelta(seconds=wait.interval) < wait.deadline else None

    def wake(self, wait: Wait, context: Context) -> None:
        """Send the reminder of this interval, once: it is noted before it is sent, and a lost one is not made up for."""
        if self._asked is None:
            return
        from airflow_provider_kaizala.client import calls

        memory = Memory(context)
        slot = self._slot(wait.now())
        done = max(self._asked.reminded, int(memory.get("reminded") or 0))
        self._asked = replace(self._asked, reminded=max(done, slot))
        if slot <= done:
            return
        memory.set("reminded", slot)
        audience = Audience(**{**self._given(Audience), "reply_to_reference_id": None})
        try:
            with self.hook.within(wait.seconds_left()):
                self.hook.run(calls.send_reminder(self._asked.group_id, self._asked.action_id, audience))
        except KaizalaError as error:
            self.log.warning("Reminder %d could not be sent, or nobody knows: %s", slot, error)
        else:
            self.log.info("Reminder %d sent to group %s", slot, self._asked.group_id)


class KaizalaAskOperator(EndsInTime, KaizalaQuestionOperator):
    """Base of the operators that ask and wait for the answers.

    On Airflow 3.3 and newer a retry finds what was posted, also if the worker died right after posting, and waits on with the same
    deadline. Before, a retry asks again: there, post and wait with two tasks, a ``KaizalaSend…Operator`` and a
    ``KaizalaResponseSensor``, so that a retry of the wait asks nobody twice.

    :param until: when the wait is over: ``"any"`` answer, a count of people, ``"all"`` who must, a list of phone numbers, or a rule,
        see :mod:`airflow_provider_kaizala.waiting.rules` (templated)
    :param timeout: how long to wait: seconds or a timedelta; the question itself ends then too, unless it says otherwise
    :param on_timeout: ``"fail"``, ``"skip"``, or ``"return"`` what has come, with ``complete`` False
    :param remind_every: send a reminder to the group in such intervals while the wait goes on: seconds or a timedelta; None for never
    :param poll_interval: seconds between two looks
    :param when_cleared: what to do if the task is cleared by hand after it has asked (Airflow 3.3): ``"resume"`` waits on with the
        question that is there, or is found there if nobody knew, ``"ask_again"`` posts it anew
    :param deferrable: wait in the triggerer, without a worker slot
    :return: :class:`~airflow_provider_kaizala.waiting.answers.ResultDict` (``answers``, ``missing``, ``tally``, ``winner``,
        ``complete`` …) and ``reference_id``
    """

    #: the argument that says when the question ends
    ends: ClassVar[str]

    def __init__(
        self,
        *,
        timeout: float | timedelta = timedelta(days=1),
        on_timeout: str = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.timeout = seconds("timeout", timeout)
        self.on_timeout = check_on_timeout("on_timeout", on_timeout)
        self.deferrable = deferrable
        check_times(self.poll_interval, self.timeout, "poll_interval")
        if getattr(self, self.ends) is None:
            setattr(self, self.ends, timedelta(seconds=self.timeout))

    def _execute(self, context: Context) -> Any:
        memory = Memory(context)
        rule = self.rule()
        self.check_rule(rule)
        asked = self._asked = self._ask(memory)
        wait = self._begin(memory, asked, rule, deadline(context, self.timeout, memory))
        if not self.deferrable:
            return self.wait_in_worker(wait, context)
        while True:
            over, value = self.look_once(wait, context)
            if over:
                return value
            if wait.settled or not wait.rule.asks_for_audience:
                memory.set("wait", wait.to_wire())
                return self.park(wait)
            self.pause(wait)

    def kept_wait(self, context: Context) -> Wait | None:
        """Return the wait for what was asked; before Airflow 3.3 nobody has kept it."""
        memory = Memory(context)
        kept = memory.get("wait")
        if kept is None or posted_before(memory, over_clearing=True) is None:
            return None
        self._asked = self._ask(memory)
        return Wait.from_wire(kept)


class KaizalaPollOperator(KaizalaAskOperator, KaizalaSendPollOperator):
    """Ask a question with choices, and wait for the votes.

    The arguments are those of :class:`~airflow_provider_kaizala.operators.action.KaizalaSendPollOperator` and
    :class:`KaizalaAskOperator`. ``tally`` is ``{"Yes": 2, "No": 0}``, ``winner`` the choice most people made, None for a tie.
    """

    ends: ClassVar[str] = "expires"
    template_fields: Sequence[str] = ("until", *KaizalaSendPollOperator.template_fields)

    def offered(self) -> Sequence[str] | None:
        """Return the choices."""
        return checks.options("choices", self.choices) if is_literal(self.choices) else None


class KaizalaSurveyOperator(KaizalaAskOperator, KaizalaSendSurveyOperator):
    """Ask several questions, and wait for the answers.

    The arguments are those of :class:`~airflow_provider_kaizala.operators.action.KaizalaSendSurveyOperator` and
    :class:`KaizalaAskOperator`. ``tally`` and ``winner`` are keyed by question, for those with options.
    """

    ends: ClassVar[str] = "due"
    template_fields: Sequence[str] = ("until", *KaizalaSendSurveyOperator.template_fields)

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule on names for an anonymous survey, and on options that are not there.

        :raises KaizalaInputError: says why
        """
        super().check_rule(rule)
        if rule.by_name and checks.flag("anonymous", self.anonymous):
            raise KaizalaInputError(
                "until: the survey is anonymous, so nobody learns who has answered; give a count instead"
            )
        if is_literal(self.questions):
            for part in rule.parts:
                if isinstance(part, Quorum) and part.question is not None:
                    self._check_question(part.question, part.option)

    def _check_question(self, question: str, option: str) -> None:
        """Refuse a quorum in a question that is not there, or does not offer its option."""
        asked = {each.title: each.options for each in Survey.check("questions", self.questions)}
        if question not in asked:
            raise KaizalaInputError(
                f"until: there is no question {question!r} to choose in; there are {', '.join(map(repr, asked))}"
            )
        if not is_offered(option, asked[question]):
            raise KaizalaInputError(
                f"until: {question!r} has no option {option!r} to choose; "
                f"it has {', '.join(map(repr, asked[question])) or 'none'}"
            )

    def offered(self) -> Sequence[str] | None:
        """Return the options of all questions."""
        if not is_literal(self.questions):
            return None
        return [option for each in Survey.check("questions", self.questions) for option in each.options]


class KaizalaJobOperator(KaizalaAskOperator, KaizalaSendJobOperator):
    """Give people a job, and wait until it is done.

    The arguments are those of :class:`~airflow_provider_kaizala.operators.action.KaizalaSendJobOperator` and
    :class:`KaizalaAskOperator`. ``answers`` holds those who are done, ``missing`` the others.
    """

    ends: ClassVar[str] = "due"
    template_fields: Sequence[str] = ("until", *KaizalaSendJobOperator.template_fields)

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule on people who are not assigned.

        :raises KaizalaInputError: says who
        """
        super().check_rule(rule)
        if is_literal(self.assigned_to):
            from airflow_provider_kaizala.waiting.rule import Audience as Assignees

            people: Mapping[str, str | None] = dict.fromkeys(checks.phones("assigned_to", self.assigned_to))
            rule.within(Assignees(people))
