"""A DAG of five tasks of Slack's operator, for the bench of imports; nobody runs it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, chain
from airflow.providers.slack.operators.slack import SlackAPIPostOperator

with DAG("five_of_slack", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    chain(
        *(
            SlackAPIPostOperator(task_id=f"announce_{number}", channel="#store-12", text="Good morning!")
            for number in range(5)
        )
    )
