"""A payment waits for two of three approvers; if they do not decide in time, the director decides; once approved, it is paid.

Needs a connection ``kaizala_default`` whose ``default_group`` is the group that approves payments; the people that the params name
must be members of it. Trigger it by hand, or from the DAG that books invoices::

    airflow dags trigger payment_approval --conf '{"payee": "Sharma Logistics", "amount": 48500}'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import KaizalaApprovalOperator, KaizalaSendMessageOperator

WHAT = "₹{{ '{:,.2f}'.format(params.amount) }} to {{ params.payee }}"
APPROVERS = ["+910000000001", "+910000000002", "+910000000003"]
A_NUMBER = {"type": "string", "pattern": r"^\+[0-9]{6,15}$"}

with DAG(
    "payment_approval",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "deferrable": True},
    params={
        "payee": Param("Sharma Logistics", type="string", minLength=1),
        "amount": Param(48500, type="number", exclusiveMinimum=0),
        "approvers": Param(APPROVERS, type="array", items=A_NUMBER, minItems=2),
        "director": Param("+910000000001", **A_NUMBER),
    },
) as dag:
    # without a decision this task is skipped, and only then the director is asked; a rejection skips the tasks below
    approvers = KaizalaApprovalOperator(
        task_id="approvers",
        question=f"Pay {WHAT}?",
        approvers=dag.param("approvers", APPROVERS),  # the default is for Airflow 3.0 and 3.1
        quorum=2,
        timeout=timedelta(hours=4),
        on_timeout="skip",
        remind_every=timedelta(hours=1),
    )
    director = KaizalaApprovalOperator(
        task_id="director",
        question=f"Pay {WHAT}? The approvers have not decided in time, so the director does.",
        approvers=["{{ params.director }}"],
        timeout=timedelta(hours=20),
        on_timeout="return",  # no decision counts as a rejection
        trigger_rule="all_skipped",
    )

    @task(
        trigger_rule="none_failed_min_one_success",
        retries=0,  # a retry could pay twice
        on_failure_callback=KaizalaNotifier(f"Approved, but paying failed: {WHAT}. Finance will check."),
    )
    def pay(payee: str, amount: str) -> str:
        """Call your bank here; return the bank's reference."""
        return f"{payee[:4].upper()}-{float(amount):.0f}"

    paid = pay("{{ params.payee }}", "{{ params.amount }}")
    decided = "{% set decision = ti.xcom_pull('director') or ti.xcom_pull('approvers') %}"
    tell_paid = KaizalaSendMessageOperator(
        task_id="tell_paid",
        text=f"{decided}Paid {WHAT}, reference {{{{ ti.xcom_pull('pay') }}}}. "
        "Approved by {{ decision.approved_by | join(' and ') }}.",
    )
    tell_not_paid = KaizalaSendMessageOperator(
        task_id="tell_not_paid",
        text=f"{decided}Not paid: {WHAT}. "
        "{{ 'Rejected by ' ~ decision.rejected_by | join(' and ') if decision.rejected_by else 'There was no decision in time' }}.",
        trigger_rule="all_skipped",
    )

    approvers >> director
    [approvers, director] >> paid >> [tell_paid, tell_not_paid]
