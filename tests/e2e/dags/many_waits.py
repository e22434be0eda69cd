"""Many people are asked, each something of its own, and as many tasks wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import Poll
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.operators import KaizalaAskPollOperator
from airflow_provider_kaizala.sensors import KaizalaResponseSensor

CHOICES = ("Red", "Green", "Blue")

with DAG(
    "many_waits",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"waits": 10},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
):

    @task
    def ask(params: dict) -> list[str]:
        """Post a poll for each wait."""
        hook = KaizalaHook()
        group_id = hook.group(None)
        posted = [
            hook.run(calls.post_action(group_id, Poll(f"Colour {at}?", CHOICES)))
            for at in range(params["waits"])
        ]
        return [str(each.action_id) for each in posted]

    KaizalaResponseSensor.partial(
        task_id="wait", until="any", deferrable=True, poke_interval=5, timeout=1800
    ).expand(action_id=ask())


class DiesAfterAsking(KaizalaAskPollOperator):
    """Its first try dies as soon as it has asked, as a worker does that is killed."""

    def look(self, wait, context):
        """Die, the first time."""
        if context["ti"].try_number == 1:
            raise RuntimeError("the worker was killed")
        return super().look(wait, context)


with DAG("asks_once", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    DiesAfterAsking(
        task_id="ask",
        question="Only once?",
        options=["Yes", "No"],
        until="any",
        timeout=600,
        poke_interval=3,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
