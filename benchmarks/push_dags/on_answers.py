"""Runs that answers start, found by polling once a minute: for those whom webhooks cannot reach."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_kaizala.push import kaizala_events
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.triggers import KaizalaEventTrigger
from benchmarks.push_notes import note

GROUP = os.environ["KAIZALA_BENCH_GROUP"]
WATCH = KaizalaEventTrigger("new_responses", GROUP, "Poll", poll_interval=60)
ANSWERS = Asset(
    asset_uri("kaizala_default", GROUP, "PollResponse"),
    watchers=[AssetWatcher(name="answers", trigger=WATCH)],
)

with DAG("on_answers", schedule=[ANSWERS], start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):

    @task
    def hear(run_id: str | None = None) -> None:
        """Note whose answers started the run."""
        note("heard", run=run_id, actions=[event.action_id for event in kaizala_events()])

    hear()
