"""A DAG of five typical tasks of ours, for the bench of imports; nobody runs it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_kaizala.operators import (
    KaizalaApprovalOperator,
    KaizalaAskPollOperator,
    KaizalaBranchOperator,
    KaizalaSendMessageOperator,
)
from airflow_provider_kaizala.sensors import KaizalaResponseSensor

with DAG("five_of_kaizala", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    announce = KaizalaSendMessageOperator(task_id="announce", text="Good morning!")
    ask = KaizalaAskPollOperator(task_id="ask", question="Is the till counted?", options=["Yes", "No"])
    answers = KaizalaResponseSensor(
        task_id="answers", action_id="{{ ti.xcom_pull('ask')['action_id'] }}", until=3, poke_interval=60
    )
    approve = KaizalaApprovalOperator(task_id="approve", question="Open store 12?", quorum=1)
    branch = KaizalaBranchOperator(
        task_id="branch", question="Which door?", options={"Front": "announce_front", "Back": "announce_back"}
    )
    chain(announce, ask, answers, approve, branch)
