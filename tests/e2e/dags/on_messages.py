"""A run for whatever is written in the group."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_provider_kaizala.push.assets import asset_uri

MESSAGES = Asset(asset_uri("kaizala_default", "11111111-1111-4111-8111-111111111111@1", "TextMessageCreated"))

with DAG("on_messages", schedule=[MESSAGES], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

    @task
    def heard(triggering_asset_events: Any = None) -> list[Any]:
        """Return what the asset events say."""
        return [event.extra for event in triggering_asset_events[MESSAGES]]

    heard()
