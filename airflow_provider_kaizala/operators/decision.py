"""Let people decide: approve or reject, or choose the branch to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, BranchMixIn, SkipMixin

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.operators.ask import AskPollArguments, KaizalaAskPollOperator
from airflow_provider_kaizala.tasks.arguments import CheckedArguments
from airflow_provider_kaizala.waiting.decision import approval_rule
from airflow_provider_kaizala.waiting.tally import as_offered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.waiting.results import ResultDict
    from airflow_provider_kaizala.waiting.rules import Rule

ITS_OWN_RULE = "an approval has its own: give approvers and quorum instead"


class ApprovalMixin(compat.SkipBelow, CheckedArguments):
    """Mixin of the approvals: who decides, and what a rejection does to the tasks below."""

    arguments: ClassVar[Mapping[str, Check]] = {
        "approvers": checks.optional(checks.phones),
        "quorum": checks.whole_number(1),
        "on_reject": checks.one_of("skip", "fail", "return"),
    }
    required_if_given: ClassVar[Sequence[str]] = ("approvers",)
    rule_arguments: ClassVar[Sequence[str]] = ("approvers", "quorum", "voters")
    approve = "Approve"
    reject = "Reject"
    if TYPE_CHECKING:
        log: Any
        approvers: Sequence[str] | None
        quorum: int | str
        on_reject: str
        ignore_downstream_trigger_rules: bool

    def rule(self) -> Rule:
        """Return when it is decided.

        :raises KaizalaInputError: if it never can be
        """
        approvers, quorum = self.checked("approvers"), self.checked("quorum")
        if approvers is not None and quorum > len(approvers):
            raise KaizalaInputError(
                f"quorum: {quorum} approvals can never come from {len(approvers)} approvers; lower it, or name more"
            )
        return approval_rule(self.approve, self.reject, quorum, approvers)

    @property
    def rule_argument(self) -> str:
        """The argument that the rule comes from."""
        return "quorum" if self.approvers is None else "approvers"

    def sides(self, chosen_by: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """Return ``approved_by`` and ``rejected_by``: names."""
        return {
            "approved_by": chosen_by.get(as_offered(self.approve, chosen_by), []),
            "rejected_by": chosen_by.get(as_offered(self.reject, chosen_by), []),
        }

    def conclude(self, outcome: Mapping[str, Any], question: str, context: Context) -> Mapping[str, Any]:
        """Log how it was decided; after a rejection fail, or skip the tasks below, as ``on_reject`` says.

        :param outcome: with ``approved``, ``approved_by`` and ``rejected_by``
        :raises AirflowFailException: after a rejection, with ``on_reject="fail"``
        """
        rejected_by = ", ".join(outcome["rejected_by"])
        if outcome["approved"]:
            self.log.info("Approved by %s", ", ".join(outcome["approved_by"]) or "people without a name")
            return outcome
        how = f"was rejected by {rejected_by}" if rejected_by else "was not approved in time"
        self.log.info("%r %s", question, how)
        if self.on_reject == "fail":
            raise AirflowFailException(f"{question!r} {how}")
        if self.on_reject == "skip":
            task = context["task"]
            below = (
                task.get_flat_relatives(upstream=False)
                if self.ignore_downstream_trigger_rules
                else task.get_direct_relatives(upstream=False)
            )
            compat.push_result(self, context, outcome)
            self.skip_below(context, [each for each in below if not each.is_teardown])
        return outcome


class KaizalaApprovalOperator(ApprovalMixin, KaizalaAskPollOperator, SkipMixin):
    """Ask people to approve or reject, and let the tasks below depend on it, as Airflow's own ``ApprovalOperator`` does.

    .. code-block:: python

        approve = KaizalaApprovalOperator(
            task_id="approve", question="Pay invoice {{ params.invoice }}?", approvers=["+910000000001"], deferrable=True
        )
        approve >> pay

    If time is up without a decision, ``on_timeout`` says what happens: ``"fail"``, ``"skip"`` (this task, and so those below), or
    ``"return"``, which counts as a rejection. Below a mapped approval only tasks of the same mapped task group can be skipped.

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskPollOperator`, except ``options`` and
    ``until``.

    :param approvers: phone numbers of those who may decide; None for everyone in the group (templated)
    :param quorum: how many must approve (templated)
    :param approve: the option that approves
    :param reject: the option that rejects
    :param on_reject: after a rejection ``"skip"`` the tasks below, ``"fail"`` without a retry, or ``"return"`` the outcome
    :param ignore_downstream_trigger_rules: skip all tasks below, whatever their trigger rules
    :param voters: phone numbers of the only people whose votes count in ``tally`` and ``winner``; by default the approvers
        (templated)
    :return: what :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskPollOperator` returns, and ``approved``,
        ``approved_by``, ``rejected_by``: names, or numbers of people without one
    """

    refused: ClassVar[Mapping[str, str]] = {"until": ITS_OWN_RULE, "options": ITS_OWN_RULE}
    template_fields: Sequence[str] = ("approvers", "quorum")

    def __init__(
        self,
        *,
        approvers: Sequence[str] | None = None,
        quorum: int | str = 1,
        approve: str = "Approve",
        reject: str = "Reject",
        on_reject: str = "skip",
        ignore_downstream_trigger_rules: bool = False,
        voters: Sequence[str] | None = None,
        **kwargs: Unpack[AskPollArguments],
    ) -> None:
        super().__init__(options=[approve, reject], voters=approvers if voters is None else voters, **kwargs)
        self.approvers = voters if approvers is None else approvers
        self.quorum = quorum
        self.approve = approve
        self.reject = reject
        self.on_reject = on_reject
        self.ignore_downstream_trigger_rules = checks.boolean(
            "ignore_downstream_trigger_rules", ignore_downstream_trigger_rules
        )

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Say whether it is approved, and deal with the tasks below."""
        tally = result["tally"]
        enough = tally.get(as_offered(self.approve, tally), 0) >= self.checked("quorum")
        rejected = self.approvers is None and tally.get(as_offered(self.reject, tally), 0) > 0
        outcome = {
            **super().finish(result, context),
            "approved": enough and not rejected,
            **self.sides(result["chosen_by"]),
        }
        return self.conclude(outcome, result["title"] or str(self.question), context)


class KaizalaBranchOperator(compat.SkipBelow, KaizalaAskPollOperator, BranchMixIn):
    """Ask people which way to go: the option that most people choose selects the branch.

    .. code-block:: python

        gate = KaizalaBranchOperator(
            task_id="gate", question="Data looks odd. Ship it?", options={"Ship": "ship", "Wait": ["hold", "tell"]}
        )
        gate >> [ship, hold, tell]

    The other arguments are those of :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskPollOperator`; ``until`` is ``"any"``
    by default. Below a mapped task only tasks of the same mapped task group can be skipped.

    :param options: option to task id, task group id, or a list of them
    :param defaults: the option that is taken if none wins: after a tie, or when time is up; without it the task then fails,
        or ends as ``on_timeout`` says
    :return: what :class:`~airflow_provider_kaizala.operators.ask.KaizalaAskPollOperator` returns, and ``branch``: the task ids
    """

    default_until = "any"
    not_templated = ("options",)

    def __init__(
        self,
        *,
        options: Mapping[str, str | Sequence[str]],
        defaults: str | None = None,
        voters: Sequence[str] | None = None,
        **kwargs: Unpack[AskPollArguments],
    ) -> None:
        branches = _branches(options)
        if defaults is not None:
            if not isinstance(defaults, str) or defaults not in branches:
                raise KaizalaInputError(
                    f"defaults: {defaults!r} is not offered; the options are {', '.join(map(repr, branches))}"
                )
            if kwargs.setdefault("on_timeout", "return") != "return":
                raise KaizalaInputError(
                    f"on_timeout={kwargs['on_timeout']!r} and defaults={defaults!r} both say what happens when time is up; "
                    "give one of them"
                )
        super().__init__(options=list(branches), voters=voters, **kwargs)
        self.branches = branches
        self.defaults = defaults

    def run_task(self, context: Context) -> Any:
        """Ask, wait, and continue with the branch that won."""
        self._check_branches()
        return super().run_task(context)

    def _check_branches(self) -> None:
        """Refuse branches that do not exist, before anyone is asked: after the answers it would be too late.

        :raises KaizalaInputError: names the option, and where it would lead
        """
        dag = self.get_dag()
        if dag is None:
            return
        known = {*dag.task_ids, *dag.task_group_dict}
        for option, branch in self.branches.items():
            for one in branch:
                if one not in known:
                    raise KaizalaInputError(
                        f"options: {option!r} leads to {one!r}, which is neither a task nor a task group of {dag.dag_id}"
                    )

    def finish(self, result: ResultDict, context: Context) -> Any:
        """Continue with the branch that won, and skip the others."""
        winner = as_offered(result["winner"] or "", self.branches)
        if winner not in self.branches:
            winner = self.defaults or ""
        if winner not in self.branches:
            counts = ", ".join(f"{option}: {count}" for option, count in result["tally"].items())
            raise AirflowFailException(
                f"{self.question!r} has no winner ({counts or 'no votes'}); give defaults= to say which option is taken then"
            )
        branch = self.branches[winner]
        self.log.info("%r wins: continuing with %s", winner, ", ".join(branch))
        outcome = {**super().finish(result, context), "branch": branch}
        compat.push_result(self, context, outcome)
        self.branch_below(context, branch)
        return outcome


def _branches(options: Any) -> dict[str, list[str]]:
    """Return option to a list of task ids.

    :raises KaizalaInputError: if that is not what was given
    """
    if not hasattr(options, "items"):
        raise KaizalaInputError(
            f"options: a dict of option to task id is needed, not {checks.shown(options)}"
        )
    found = {}
    for option, branch in options.items():
        ids = [branch] if isinstance(branch, str) else branch
        if (
            not isinstance(ids, (list, tuple))
            or not ids
            or not all(isinstance(one, str) and one for one in ids)
        ):
            raise KaizalaInputError(
                f"options: {option!r} needs a task id or a list of them, not {checks.shown(branch)}"
            )
        found[option] = list(ids)
    return found
