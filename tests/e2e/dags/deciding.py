"""Decisions in mapped task groups, with bystanders, and of questions that come from another task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task, task_group

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import (
    KaizalaApprovalOperator,
    KaizalaBranchOperator,
    KaizalaHITLOperator,
    KaizalaSendPollOperator,
)
from airflow_provider_kaizala.sensors import KaizalaActionSensor, KaizalaResponseSensor

RAVI, MEERA = "+910000000002", "+910000000003"

with DAG(
    "deciding",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_tasks=16,
    on_success_callback=KaizalaNotifier(),
):
    soon: dict[str, Any] = {"poke_interval": 3, "timeout": 600, "deferrable": True}

    @task
    def after() -> None:
        """Go on."""

    @task_group
    def payment(question: str) -> None:
        """Approve, then pay."""
        approve = KaizalaApprovalOperator(
            task_id="approve", question=question, approvers=[RAVI, MEERA], quorum=2, **soon
        )
        approve >> after.override(task_id="pay")()

    @task_group
    def route(question: str) -> None:
        """Choose the way of each parcel."""
        branch = KaizalaBranchOperator(
            task_id="branch", question=question, options={"Air": "route.air", "Sea": "route.sea"}, **soon
        )
        branch >> [after.override(task_id="air")(), after.override(task_id="sea")()]

    payment.expand(question=["Pay A?", "Pay B?"])
    route.expand(question=["Parcel 1?", "Parcel 2?"])

    bystanders = KaizalaBranchOperator(
        task_id="bystanders",
        question="Deploy?",
        options={"Go": "go", "Stop": "stop"},
        voters=[MEERA],
        **soon,
    )
    bystanders >> [after.override(task_id="go")(), after.override(task_id="stop")()]

    @task
    def question() -> str:
        """Bring the subject of a question."""
        return "Close the shop?"

    KaizalaHITLOperator(task_id="hitl", subject=question(), options=["Yes", "No"], poke_interval=3)

    own = KaizalaSendPollOperator(task_id="own", question="Lunch?", options=["Rice", "Bread"])
    KaizalaActionSensor(task_id="only_own", action_type="Poll", on_timeout="skip", **{**soon, "timeout": 20})
    wait = KaizalaResponseSensor(task_id="wait", action_id=own.output["action_id"], **soon)

    @task
    def report(winner: str) -> str:
        """Use one field of a sensor's result."""
        return winner

    report(wait.output["winner"])
