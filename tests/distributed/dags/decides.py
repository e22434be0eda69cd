"""A group is asked, its answer is awaited, and decides what happens next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider_kaizala.operators import KaizalaBranchOperator

with DAG(
    "decides",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1000,
    max_active_tasks=1000,
    default_args={"retries": 5, "retry_delay": timedelta(seconds=1)},
):
    ask = KaizalaBranchOperator(
        task_id="ask",
        question="Order {{ dag_run.conf['order'] }}: ship it?",
        options={"Ship": "ship", "Hold": "hold"},
        deferrable=True,
        poke_interval=10,
        timeout=timedelta(hours=3),
    )
    ask >> [EmptyOperator(task_id="ship"), EmptyOperator(task_id="hold")]
