"""Everything that asks and waits in one task, answered and not answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_kaizala.operators import (
    KaizalaApprovalOperator,
    KaizalaAskJobOperator,
    KaizalaAskPollOperator,
    KaizalaAskSurveyOperator,
    KaizalaBranchOperator,
)
from airflow_provider_kaizala.sensors import KaizalaResponseSensor

RAVI, MEERA = "+910000000002", "+910000000003"

with DAG("asks", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), max_active_tasks=16):
    soon: dict[str, Any] = {"poke_interval": 3, "timeout": 600, "deferrable": True}
    KaizalaAskPollOperator(task_id="poll", question="Tea?", options=["Yes", "No"], until=2, **soon)
    KaizalaAskSurveyOperator(
        task_id="survey",
        title="Daily",
        questions=[{"title": "How many?", "type": "Numeric"}],
        until="any",
        **soon,
    )
    KaizalaAskJobOperator(task_id="job", title="Check pump", assigned_to=[RAVI, MEERA], until="all", **soon)
    approval = KaizalaApprovalOperator(
        task_id="approval", question="Pay?", approvers=[RAVI, MEERA], quorum=2, **soon
    )
    rejection = KaizalaApprovalOperator(task_id="rejection", question="Buy?", approvers=[RAVI], **soon)
    branch = KaizalaBranchOperator(
        task_id="branch", question="Ship?", options={"Now": "now", "Later": "later"}, until=1, **soon
    )

    @task
    def after() -> None:
        """Go on."""

    approval >> after.override(task_id="paid")()
    rejection >> after.override(task_id="bought")()
    branch >> [after.override(task_id="now")(), after.override(task_id="later")()]

with DAG("late", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), max_active_tasks=16):
    for what in ("fail", "skip", "return"):
        given: dict[str, Any] = {"on_timeout": what, "deferrable": True, "timeout": 20, "until": 2}
        asked = KaizalaAskPollOperator(
            task_id=f"ask_{what}", question=f"Late {what}?", options=["Yes", "No"], poke_interval=3, **given
        )
        KaizalaResponseSensor(
            task_id=f"wait_{what}",
            action_id="{{ params.action_id }}",
            poke_interval=3,
            params={"action_id": ""},
            **given,
        )
