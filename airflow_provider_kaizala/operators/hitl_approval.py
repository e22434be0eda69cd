"""An approval in two places: in Airflow's Required Actions and in a group; the first decision counts. Airflow 3.1 and newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import SkipMixin

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.operators.decision import ITS_OWN_RULE, ApprovalMixin
from airflow_provider_kaizala.operators.hitl import KaizalaHITLOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.operators.hitl import HITLArguments

_FIXED = "the options are Approve and Reject, of which people choose one"


class KaizalaHITLApprovalOperator(ApprovalMixin, KaizalaHITLOperator, SkipMixin):
    """Ask people in a group and in Airflow's Required Actions to approve or reject; the first decision counts.

    The tasks below depend on it, as with Airflow's own ``ApprovalOperator``: after a rejection they are skipped, or this one fails,
    as ``on_reject`` says. In Airflow one user decides alone; in the group as many as ``quorum`` says must approve. With named
    ``approvers`` it is rejected once that many can no longer approve, without as soon as one person has rejected.

    The other arguments are those of :class:`KaizalaHITLOperator`, except ``until``, ``options`` and ``multiple``.

    :param subject: what to approve (templated)
    :param approvers: phone numbers of those who may decide in the group; None for everyone in it (templated)
    :param quorum: how many must approve in the group (templated)
    :param on_reject: after a rejection ``"skip"`` the tasks below, ``"fail"`` without a retry, or ``"return"`` the outcome
    :param ignore_downstream_trigger_rules: skip all tasks below, whatever their trigger rules
    :param defaults: ``"Approve"`` or ``"Reject"``, chosen when time is up
    :return: what :class:`KaizalaHITLOperator` returns, and ``approved``, ``approved_by``, ``rejected_by``: names, or numbers of
        people without one
    """

    refused: ClassVar[Mapping[str, str]] = {"until": ITS_OWN_RULE, "options": _FIXED, "multiple": _FIXED}
    template_fields: Sequence[str] = ("approvers", "quorum")

    def __init__(
        self,
        *,
        subject: str,
        approvers: Sequence[str] | None = None,
        quorum: int | str = 1,
        on_reject: str = "skip",
        ignore_downstream_trigger_rules: bool = False,
        **kwargs: Unpack[HITLArguments],
    ) -> None:
        super().__init__(subject=subject, options=[self.approve, self.reject], **kwargs)
        self.approvers = approvers
        self.quorum = quorum
        self.on_reject = on_reject
        self.ignore_downstream_trigger_rules = checks.boolean(
            "ignore_downstream_trigger_rules", ignore_downstream_trigger_rules
        )

    def concluded(self, outcome: dict[str, Any], context: Context) -> Any:
        """Say whether it is approved, and deal with the tasks below."""
        approved = outcome["chosen_options"] == [self.approve]
        compat.add_to_hitl_summary(self, approved=approved)
        if outcome["answered_in"] == "kaizala":
            by = self.sides(outcome.get("chosen_by") or {})
        else:
            user = outcome["responded_by_user"]
            names = [user["name"] or user["id"]] if user else []
            by = {"approved_by": names if approved else [], "rejected_by": [] if approved else names}
        outcome |= {"approved": approved, **by}
        return self.conclude(outcome, self.subject, context)
