"""Waits that would poll once in ten minutes, and a run for each answer to a survey, found by polling."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_kaizala.operators import KaizalaAskPollOperator
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.triggers import KaizalaEventTrigger

GROUP = "11111111-1111-4111-8111-111111111111@1"
ANSWERS = Asset(
    asset_uri("kaizala_default", GROUP, "SurveyResponse"),
    watchers=[
        AssetWatcher(
            name="answers", trigger=KaizalaEventTrigger("new_responses", GROUP, "Survey", poll_interval=5)
        )
    ],
)

with DAG("waking", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    for number in range(3):
        KaizalaAskPollOperator(
            task_id=f"poll_{number}",
            question=f"Tea {number}?",
            options=["Yes", "No"],
            until="any",
            poke_interval=600,
            timeout=3600,
            deferrable=True,
        )

with DAG("on_answers", schedule=[ANSWERS], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

    @task
    def heard(triggering_asset_events: Any = None) -> list[Any]:
        """Return what the asset events say."""
        return [event.extra for event in triggering_asset_events[ANSWERS]]

    heard()
