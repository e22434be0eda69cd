"""Ask and wait in one task: a poll, a survey, a job."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Required

from airflow.providers.common.compat.sdk import conf

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.sent import Survey
from airflow_provider_kaizala.client.models.wire import read_hours
from airflow_provider_kaizala.operators.action import (
    KaizalaSendJobOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.operators.question import KaizalaQuestionOperator, QuestionArguments
from airflow_provider_kaizala.tasks.arguments import is_literal
from airflow_provider_kaizala.tasks.state import TaskState, deadline
from airflow_provider_kaizala.tasks.wait_for_people import TimeoutMixin, check_on_timeout, check_times
from airflow_provider_kaizala.waiting.people import Eligible
from airflow_provider_kaizala.waiting.rules import Quorum
from airflow_provider_kaizala.waiting.tally import is_offered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models import Question
    from airflow_provider_kaizala.operators.action import Due
    from airflow_provider_kaizala.waiting.rules import Rule


class AskArguments(QuestionArguments, total=False):
    """Arguments of :class:`KaizalaAskOperator`."""

    timeout: float | timedelta
    on_timeout: str
    deferrable: bool


class AskPollArguments(AskArguments, total=False):
    """Arguments of all that ask one question with options and wait."""

    question: Required[str]
    due: Due
    sender_only: bool


class AskSurveyArguments(AskArguments, total=False):
    """Arguments of :class:`KaizalaAskSurveyOperator`."""

    title: Required[str]
    questions: Required[Sequence[Mapping[str, Any] | Question]]
    due: Due
    description: str | None
    anonymous: bool
    sender_only: bool
    accept_multiple_responses: bool


class KaizalaAskOperator(TimeoutMixin, KaizalaQuestionOperator):
    """Base of the operators that ask and wait for the answers.

    On Airflow 3.3 and newer a retry finds what was posted, also if the worker died right after posting, and continues to wait with
    the same deadline. Before, a retry asks again: there, post and wait with two tasks, a ``KaizalaSend…Operator`` and a
    ``KaizalaResponseSensor``, so that a retry only waits, and does not ask twice. ``execution_timeout`` ends a try, in the worker and in
    the triggerer alike.

    :param until: when the wait is over: ``"any"`` answer, a count of people, ``"all"`` who must, a list of phone numbers, or a rule,
        see :mod:`airflow_provider_kaizala.waiting.rules` (templated)
    :param timeout: how long to wait: seconds or a timedelta; the question itself ends then too, unless ``due`` says otherwise
    :param on_timeout: ``"fail"``, ``"skip"``, or ``"return"`` the answers so far, with ``complete`` False; also for a question that ends
        before the timeout
    :param remind_every: seconds or a timedelta between two reminders to the group during the wait; None for none
    :param poke_interval: seconds or a timedelta between two looks
    :param when_cleared: what to do if the task is cleared by hand after it has asked (Airflow 3.3): ``"resume"`` keeps waiting
        with the question that was posted, ``"ask_again"`` posts it again. Airflow 3.4 discards what a task remembers when it is cleared,
        unless that is done with ``keep_task_state``: the question is then looked up in the group, and if several look like it, the task
        fails
    :param tell_group: whether to reply to the question in the group when nobody waits for its answers any more: time is up, or the
        task was stopped, has failed, or asks again. This cannot fail the task, and is not repeated if it is unknown whether it was posted
    :param deferrable: wait in the triggerer, without a worker slot
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict` (``answers``, ``missing``, ``tally``, ``winner``,
        ``complete`` …) and ``reference_id``
    """

    due: Due

    def __init__(
        self,
        *,
        timeout: float | timedelta = timedelta(days=1),
        on_timeout: str = "fail",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.timeout = checks.seconds("timeout", timeout)
        self.on_timeout = check_on_timeout("on_timeout", on_timeout)
        self.deferrable = checks.boolean("deferrable", deferrable)
        check_times(self.poke_interval, self.timeout, self.remind_every)
        if self.due is None:
            self.due = read_hours("timeout", timedelta(seconds=self.timeout))

    def run_task(self, context: Context) -> Any:
        """Ask, wait, and return the answers."""
        state = TaskState(context)
        rule = self.rule()
        self.check_rule(rule)
        asked = self._asked = self.ask(context)
        return self.wait_for_people(
            self.begin(state, asked, rule, deadline(context, self.timeout, state)), context
        )


class KaizalaAskPollOperator(KaizalaAskOperator, KaizalaSendPollOperator):
    """Ask a question with options, and wait for the votes.

    .. code-block:: python

        ask = KaizalaAskPollOperator(
            task_id="ask", question="Is the store open?", options=["Yes", "No"], until="any", timeout=timedelta(hours=2)
        )
        ask >> KaizalaSendMessageOperator(task_id="report", text="Open: {{ ti.xcom_pull('ask')['winner'] }}")

    The other arguments are those of :class:`KaizalaAskOperator` and
    :class:`~airflow_provider_kaizala.operators.action.KaizalaSendPollOperator`.

    :param due: when voting ends: datetime, ISO 8601 text, or timedelta; by default with the ``timeout`` (templated)
    :param voters: phone numbers of the only people whose votes count in ``tally``, ``winner`` and ``until``, which is then all of
        them by default; None for everyone's (templated)
    :return: ``tally``: ``{"Yes": 2, "No": 0}``, ``winner``: the option that most people chose, None for a tie, and the rest of
        :class:`~airflow_provider_kaizala.waiting.results.ResultDict`, and ``reference_id``
    """

    template_fields: Sequence[str] = ("voters",)

    def __init__(
        self,
        *,
        options: Sequence[str],
        voters: Sequence[str] | None = None,
        **kwargs: Unpack[AskPollArguments],
    ) -> None:
        super().__init__(options=options, **kwargs)
        self.voters = voters

    def offered(self) -> Sequence[str] | None:
        """Return the options."""
        return checks.options("options", self.options) if is_literal(self.options) else None


class KaizalaAskSurveyOperator(KaizalaAskOperator, KaizalaSendSurveyOperator):
    """Ask several questions, and wait for the answers.

    The other arguments are those of :class:`KaizalaAskOperator` and
    :class:`~airflow_provider_kaizala.operators.action.KaizalaSendSurveyOperator`.

    :param due: when answering ends: datetime, ISO 8601 text, or timedelta; by default with the ``timeout`` (templated)
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict` and ``reference_id``; ``tally`` and ``winner`` are keyed
        by question, for questions with options
    """

    def __init__(self, **kwargs: Unpack[AskSurveyArguments]) -> None:
        super().__init__(**kwargs)

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule on names for an anonymous survey, and on options that are not offered.

        :raises KaizalaInputError: says why
        """
        super().check_rule(rule)
        if rule.needs_names and checks.flag("anonymous", self.anonymous):
            raise KaizalaInputError(
                "until: the survey is anonymous, so it does not show who has answered; give a count instead"
            )
        if is_literal(self.questions):
            for part in rule.parts:
                if isinstance(part, Quorum) and part.question is not None:
                    self._check_question(part.question, part.option)

    def _check_question(self, question: str, option: str) -> None:
        asked = {each.title: each.options for each in Survey.check("questions", self.questions)}
        if question not in asked:
            raise KaizalaInputError(
                f"until: question {question!r} is not asked; the questions are {', '.join(map(repr, asked))}"
            )
        if not is_offered(option, asked[question]):
            raise KaizalaInputError(
                f"until: {question!r} does not offer option {option!r}; "
                f"its options are {', '.join(map(repr, asked[question])) or 'none'}"
            )

    def offered(self) -> Sequence[str] | None:
        """Return the options of all questions."""
        if not is_literal(self.questions):
            return None
        return [option for each in Survey.check("questions", self.questions) for option in each.options]


class KaizalaAskJobOperator(KaizalaAskOperator, KaizalaSendJobOperator):
    """Give people a job, and wait until it is done.

    The other arguments are those of :class:`KaizalaAskOperator` and
    :class:`~airflow_provider_kaizala.operators.action.KaizalaSendJobOperator`.

    :param due: by when: datetime, ISO 8601 text, or timedelta; by default with the ``timeout`` (templated)
    :return: :class:`~airflow_provider_kaizala.waiting.results.ResultDict` and ``reference_id``; ``answers`` lists those who have
        done it, ``missing`` the others
    """

    def __init__(
        self, *, title: str, assigned_to: Sequence[str], due: Due = None, **kwargs: Unpack[AskArguments]
    ) -> None:
        super().__init__(title=title, assigned_to=assigned_to, due=due, **kwargs)

    def check_rule(self, rule: Rule) -> None:
        """Refuse a rule that the assignees can never meet.

        :raises KaizalaInputError: says why
        """
        super().check_rule(rule)
        if is_literal(self.assigned_to):
            assignees = checks.phones("assigned_to", self.assigned_to)
            rule.within(Eligible(dict.fromkeys(assignees), described="assignees of the job"))
