"""Let people decide: approve or reject, or choose the branch that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BranchMixIn, SkipMixin

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.operators.ask import KaizalaPollOperator
from airflow_provider_kaizala.templating import is_literal
from airflow_provider_kaizala.waiting.answers import latest_of
from airflow_provider_kaizala.waiting.choices import as_offered, chosen
from airflow_provider_kaizala.waiting.combined import AnyOf
from airflow_provider_kaizala.waiting.rules import Quorum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.waiting.answers import AnswerDict, ResultDict
    from airflow_provider_kaizala.waiting.rule import Rule


def _count(name: str, value: Any) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise KaizalaInputError(f"{name}: a whole number from 1 on is needed, not {checks.shown(value)}")
    return value


def decision(approve: str, reject: str, quorum: int, approvers: Sequence[str] | None) -> Rule:
    """Return the rule of an approval.

    With named approvers it is over once so many have approved, or so many have rejected that it can no longer be; without, once so
    many people have approved, or one has rejected.
    """
    if approvers is not None:
        return Quorum(approve, quorum, tuple(approvers))
    return AnyOf((Quorum(approve, quorum), Quorum(reject, 1)))


class Approves:
    """Mixin of the approvals: who decides, who has, and what a rejection does to the tasks below."""

    inherits_from_skipmixin = True
    if TYPE_CHECKING:
        log: Any

    def _init_approval(
        self,
        approvers: Sequence[str] | None,
        quorum: int | str,
        approve: str,
        reject: str,
        fail_on_reject: bool,
        ignore_downstream_trigger_rules: bool,
    ) -> None:
        """Take the arguments, and check those that are known now.

        :raises KaizalaInputError: names the argument
        """
        self.approvers = approvers
        self.quorum = quorum
        self.approve = approve
        self.reject = reject
        self.fail_on_reject = fail_on_reject
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        if is_literal(approvers) and is_literal(quorum):
            self.rule()
        elif is_literal(quorum):
            _count("quorum", quorum)

    def rule(self) -> Rule:
        """Return when it is decided.

        :raises KaizalaInputError: if it never can be
        """
        approvers = None if self.approvers is None else checks.phones("approvers", self.approvers)
        quorum = _count("quorum", self.quorum)
        if approvers is not None and quorum > len(approvers):
            raise KaizalaInputError(
                f"quorum: {quorum} approvals can never come from {len(approvers)} approvers"
            )
        return decision(self.approve, self.reject, quorum, approvers)

    def needed(self) -> int:
        """Return how many must approve."""
        return _count("quorum", self.quorum)

    def sides(self, answers: Sequence[AnswerDict]) -> tuple[list[str], list[str]]:
        """Return who has approved, and who has rejected, among those who may decide."""
        deciders = None if self.approvers is None else set(checks.phones("approvers", self.approvers))
        approved: list[str] = []
        rejected: list[str] = []
        sides = {self.approve: approved, self.reject: rejected}
        for answer in latest_of(answers):
            if deciders is None or answer["responder"] in deciders:
                name = answer["responder_name"] or answer["responder"] or "somebody"
                for choice in (one for value in answer["answers"].values() for one in chosen(value)):
                    sides.get(as_offered(choice, sides), []).append(name)
        return approved, rejected

    def conclude(self, outcome: Mapping[str, Any], question: str, context: Context) -> Mapping[str, Any]:
        """Say how it was decided; on rejection fail, or skip the tasks below.

        :raises AirflowFailException: on rejection, with ``fail_on_reject``
        """
        approved = outcome["approved"]
        by = outcome["approved_by" if approved else "rejected_by"]
        self.log.info("%s by %s", "Approved" if approved else "Rejected", ", ".join(by) or "nobody")
        if approved:
            return outcome
        if self.fail_on_reject:
            raise AirflowFailException(
                f"{question!r} was rejected by {', '.join(by) or 'nobody, time was up'}"
            )
        task = context["task"]
        if task.downstream_task_ids:
            below: Iterable[Any] = (
                task.get_flat_relatives(upstream=False)
                if self.ignore_downstream_trigger_rules
                else task.get_direct_relatives(upstream=False)
            )
            self.log.info("Skipping the tasks below")
            compat.push_result(self, context, outcome)
            compat.skip_tasks(self, context, [each for each in below if not each.is_teardown])
        return outcome


class KaizalaApprovalOperator(Approves, KaizalaPollOperator, SkipMixin):
    """Ask people to approve or reject, and let what follows depend on it, as Airflow's own ``ApprovalOperator`` does.

    On rejection the tasks below are skipped, or this one fails. If time is up without a decision, ``on_timeout`` says what happens:
    ``"fail"``, ``"skip"`` (this task, and so those below), or ``"return"``, which counts as rejected.

    :param question: what to approve (templated)
    :param approvers: phone numbers of those who may decide; None for everybody in the group (templated)
    :param quorum: how many must approve (templated)
    :param approve: the choice that approves
    :param reject: the choice that rejects
    :param fail_on_reject: fail on rejection, instead of skipping the tasks below
    :param ignore_downstream_trigger_rules: on rejection, skip all tasks below, whatever their trigger rules

    The others are those of :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskOperator`, save ``until`` and ``choices``.

    :return: what :class:`~airflow_provider_kaizala.operators.ask.KaizalaPollOperator` returns, and ``approved``, ``approved_by``,
        ``rejected_by``: names, or numbers where there is none
    """

    template_fields: Sequence[str] = (
        "approvers",
        "quorum",
        *(name for name in KaizalaPollOperator.template_fields if name not in ("until", "choices")),
    )

    def __init__(
        self,
        *,
        question: str,
        approvers: Sequence[str] | None = None,
        quorum: int | str = 1,
        approve: str = "Approve",
        reject: str = "Reject",
        fail_on_reject: bool = False,
        ignore_downstream_trigger_rules: bool = False,
        **kwargs: Any,
    ) -> None:
        for name in ("until", "choices"):
            if name in kwargs:
                raise KaizalaInputError(f"{name}: an approval has its own; give approvers and quorum instead")
        super().__init__(question=question, choices=[approve, reject], until="any", **kwargs)
        self._init_approval(
            approvers, quorum, approve, reject, fail_on_reject, ignore_downstream_trigger_rules
        )

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Say whether it is approved, and deal with the tasks below."""
        approved_by, rejected_by = self.sides(result["answers"])
        outcome = {
            **super().finish(result, context),
            "approved": len(approved_by) >= self.needed(),
            "approved_by": approved_by,
            "rejected_by": rejected_by,
        }
        return self.conclude(outcome, self.question, context)


class KaizalaBranchOperator(KaizalaPollOperator, BranchMixIn):
    """Ask people which way to go: the choice that most people make selects the branch.

    :param question: what to choose between (templated)
    :param choices: choice to task id, task group id, or a list of them: ``{"Ship": "ship", "Wait": ["hold", "tell"]}``
    :param otherwise: the choice that stands if there is no winner: a tie, or nobody chose in time with ``on_timeout="return"``; without
        it the task then fails

    The others are those of :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskOperator`; ``until`` is ``"any"`` unless given.

    :return: what :class:`~airflow_provider_kaizala.operators.ask.KaizalaPollOperator` returns, and ``branch``: the task ids
    """

    inherits_from_skipmixin = True
    template_fields: Sequence[str] = tuple(
        name for name in KaizalaPollOperator.template_fields if name != "choices"
    )

    def __init__(
        self,
        *,
        question: str,
        choices: Mapping[str, str | Sequence[str]],
        otherwise: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not hasattr(choices, "items"):
            raise KaizalaInputError(
                f"choices: a dict of choice to task id is needed, not {checks.shown(choices)}"
            )
        for choice, branch in choices.items():
            ids = [branch] if isinstance(branch, str) else branch
            if (
                not isinstance(ids, (list, tuple))
                or not ids
                or not all(isinstance(one, str) and one for one in ids)
            ):
                raise KaizalaInputError(
                    f"choices: {choice!r} needs a task id or a list of them, not {checks.shown(branch)}"
                )
        if otherwise is not None and otherwise not in choices:
            raise KaizalaInputError(
                f"otherwise: {otherwise!r} is no choice; there are {', '.join(map(repr, choices))}"
            )
        kwargs.setdefault("until", "any")
        super().__init__(question=question, choices=list(choices), **kwargs)
        self.branches = {
            choice: [branch] if isinstance(branch, str) else list(branch)
            for choice, branch in choices.items()
        }
        self.otherwise = otherwise

    def _execute(self, context: Context) -> Any:
        self._check_branches()
        return super()._execute(context)

    def _check_branches(self) -> None:
        """Refuse branches that are not there, before anybody is asked: after the answers it would be too late.

        :raises KaizalaInputError: names the choice, and where it would lead
        """
        dag = self.get_dag()
        if dag is None:
            return
        known = {*dag.task_ids, *dag.task_group_dict}
        for choice, branch in self.branches.items():
            for one in branch:
                if one not in known:
                    raise KaizalaInputError(
                        f"choices: {choice!r} leads to {one!r}, which is neither a task nor a task group of {dag.dag_id}"
                    )

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Go on with the branch that won, and skip the others."""
        winner = as_offered(result["winner"] or "", self.branches)
        if winner not in self.branches:
            winner = self.otherwise or ""
        if winner not in self.branches:
            counts = (
                ", ".join(f"{choice}: {count}" for choice, count in result["tally"].items()) or "nobody chose"
            )
            raise AirflowFailException(
                f"{self.question!r} has no winner ({counts}); give otherwise= to say what stands then"
            )
        branch = self.branches[winner]
        self.log.info("%r wins: going on with %s", winner, ", ".join(branch))
        outcome = {**super().finish(result, context), "branch": branch}
        compat.push_result(self, context, outcome)
        self.do_branch(context, branch)
        return outcome
