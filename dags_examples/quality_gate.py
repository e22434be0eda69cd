"""Orders are checked before they are published; if they look wrong, the data team decides in its group what to do.

Needs a connection ``kaizala_default`` whose ``default_group`` is the data team's group. The limits are params. Without a
decision in time, nothing is published.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

from airflow_provider_kaizala.operators import KaizalaBranchOperator, KaizalaSendMessageOperator

# stands for what your own first task reads from the warehouse
ORDERS = """order,store,amount
1001,12,1250.00
1002,12,
1003,14,980.50
1003,14,980.50
1004,,310.00
1005,14,-45.00
1006,12,2210.75
1007,15,640.00
"""

WHICH = "Orders of {{ (dag_run.logical_date or dag_run.run_after) | ds }}"

with DAG(
    "quality_gate",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["kaizala"],
    doc_md=__doc__,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=2)},
    params={
        "max_percent": Param({"incomplete": 2, "duplicate": 1, "negative": 0}, type="object"),
    },
) as dag:

    @task
    def measure(limits: dict[str, float]) -> dict:
        """Count what is wrong, in percent of the rows, and return which figures are above their limit."""
        rows = list(csv.DictReader(ORDERS.splitlines()))
        wrong = {
            "incomplete": sum(not all(row.values()) for row in rows),
            "duplicate": len(rows) - len({row["order"] for row in rows}),
            "negative": sum(float(row["amount"] or 0) < 0 for row in rows),
        }
        percent = {name: round(100 * count / max(len(rows), 1), 1) for name, count in wrong.items()}
        bad = [
            f"{percent[name]} % {name} (limit {limits[name]} %)"
            for name in percent
            if percent[name] > limits[name]
        ]
        return {"rows": len(rows), "percent": percent, "bad": bad}

    @task.branch
    def is_good(figures: dict) -> str:
        """Ask only if the figures are bad."""
        return "ask" if figures["bad"] or not figures["rows"] else "publish"

    @task(trigger_rule="none_failed_min_one_success", retries=0)
    def publish(figures: dict) -> int:
        """Publish the orders here."""
        return figures["rows"]

    figures = measure(dag.param("max_percent"))
    ask = KaizalaBranchOperator(
        task_id="ask",
        question=WHICH + ", {{ ti.xcom_pull('measure').rows }} rows: "
        "{{ ti.xcom_pull('measure').bad | join(', ') or 'no rows' }}. What now?",
        options={"Publish anyway": "publish", "Hold": "hold", "Rerun": "rerun"},
        defaults="Hold",  # after a tie, and when time is up
        timeout=timedelta(hours=2),
        remind_every=timedelta(minutes=30),
        deferrable=True,
    )
    hold = KaizalaSendMessageOperator(
        task_id="hold",
        text="{% set by = ti.xcom_pull('ask').chosen_by.Hold %}" + WHICH + " are held back: "
        "{{ 'decided by ' ~ by | join(' and ') if by else 'no decision in time' }}.",
    )
    rerun = TriggerDagRunOperator(task_id="rerun", trigger_dag_id=dag.dag_id)
    tell = KaizalaSendMessageOperator(
        task_id="tell", text=WHICH + " are published: {{ ti.xcom_pull('publish') }} rows."
    )

    published = publish(figures)
    is_good(figures) >> [ask, published]
    ask >> [published, hold, rerun]
    published >> tell
