"""Once a day, the webhooks with which Kaizala calls this Airflow are checked and put right, so that push never falls silent.

Needs a connection ``kaizala_default`` with the extra ``webhook_secret``, and an API server that Kaizala reaches under ``public_url``,
with ``kaizala_default`` in ``[kaizala] webhook_connections``. ``public_url`` is Airflow's own ``[api] base_url`` unless a run is given
another one. The groups are those that the connection names, or those of ``groups``. If the webhooks cannot be put right, the group
``default_group`` reads why.

A webhook that Kaizala has disabled, since the API server was down for two days, works again after the next run, and brings what it
missed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, conf

from airflow_provider_kaizala.notifications import KaizalaNotifier
from airflow_provider_kaizala.operators import KaizalaEnsureWebhooksOperator

with DAG(
    "kaizala_webhooks",
    schedule="15 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    params={
        "public_url": Param(
            conf.get("api", "base_url", fallback="") or "https://airflow.example.com",
            type="string",
            minLength=1,
        ),
        "groups": Param(
            [], type="array", items={"type": "string"}, description="ids; none for the connection's"
        ),
        "remove_unneeded": Param(
            False, type="boolean", description="also remove the webhooks of all other groups"
        ),
    },
) as dag:
    KaizalaEnsureWebhooksOperator(
        task_id="ensure",
        public_url="{{ params.public_url }}",
        group_ids=dag.param("groups", []),  # the default is for Airflow 3.0 and 3.1
        remove_unneeded="{{ params.remove_unneeded }}",
        on_failure_callback=KaizalaNotifier("Kaizala may not reach Airflow any more: {{ exception }}"),
    )
