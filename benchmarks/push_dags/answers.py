"""People are asked, each something of its own, and as many tasks wait."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import Poll
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from benchmarks.push_notes import note


class Noted(KaizalaResponseSensor):
    """Notes when its body goes on."""

    def execute_complete(self, context: Any, event: Any = None) -> Any:
        """Go on."""
        note("body", run=context["run_id"], number=context["ti"].map_index)
        return super().execute_complete(context, event)


with DAG(
    "answers",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"waits": 10},
    max_active_tasks=16,
):

    @task
    def ask(params: Any = None) -> list[str]:
        """Post a poll for each wait."""
        hook = KaizalaHook()
        polls = [Poll(f"Is store {number} open?", ("Yes", "No")) for number in range(params["waits"])]
        group = os.environ["KAIZALA_BENCH_GROUP"]
        return [str(hook.run(calls.post_action(group, poll)).action_id) for poll in polls]

    Noted.partial(
        task_id="wait",
        group_id=os.environ["KAIZALA_BENCH_GROUP"],
        until="any",
        deferrable=True,
        poke_interval=60,
        timeout=6 * 3600,
    ).expand(action_id=ask())
