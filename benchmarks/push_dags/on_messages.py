"""Runs that messages start: a DAG of ours, which processes each event, and one of the peer, which gets what Airflow merges."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_provider_kaizala.push import kaizala_events
from airflow_provider_kaizala.push.assets import asset_uri
from benchmarks.push_notes import note

GROUP = os.environ["KAIZALA_BENCH_GROUP"]
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGES = Asset(asset_uri("kaizala_default", GROUP, "TextMessageCreated"))
PEER = Asset(f"kaizala/{GROUP}/TextMessageCreated")

with DAG("on_messages", schedule=[MESSAGES], start_date=BEGINNING, catchup=False):

    @task
    def process(run_id: str | None = None) -> list[str]:
        """Process each event."""
        note("begun", run=run_id)
        found = [event.event_id for event in kaizala_events()]
        note("processed", run=run_id, events=found)
        return found

    process()

with DAG("on_peer", schedule=[PEER], start_date=BEGINNING, catchup=False):

    @task
    def take(run_id: str | None = None, triggering_asset_events: Any = None) -> None:
        """Take what the asset events bring."""
        found = [event.extra["delivery_id"] for event in triggering_asset_events[PEER]]
        note("processed", run=run_id, events=found)

    take()
