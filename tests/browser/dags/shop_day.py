"""A day in a store: a survey, a vote and a job, each of which waits for Ravi and Meera."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kaizala.operators import (
    KaizalaAskJobOperator,
    KaizalaAskPollOperator,
    KaizalaAskSurveyOperator,
    KaizalaSendMessageOperator,
)

RAVI, MEERA = "+910000000002", "+910000000003"

with DAG("shop_day", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    patiently = {"timeout": timedelta(minutes=10), "poke_interval": 3}
    survey = KaizalaAskSurveyOperator(
        task_id="survey",
        title="Is the store ready?",
        questions=[
            {"title": "Is the till counted?", "type": "SingleOption", "options": ["Yes", "No"]},
            {"title": "How many of us are here?", "type": "Numeric"},
            {"title": "Anything missing?", "type": "Text"},
        ],
        until=2,
        **patiently,
    )
    poll = KaizalaAskPollOperator(
        task_id="poll",
        question="Which day for the stock count?",
        options=["Friday", "Saturday"],
        until=2,
        **patiently,
    )
    job = KaizalaAskJobOperator(
        task_id="job", title="Unlock the front door", assigned_to=[RAVI, MEERA], until="all", **patiently
    )
    report = KaizalaSendMessageOperator(
        task_id="report",
        text="{{ ti.xcom_pull('poll').winner }} it is, say {{ ti.xcom_pull('poll').answered_by | sort | join(' and ') }}",
    )
    survey >> poll >> job >> report
