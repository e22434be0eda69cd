"""One question in Airflow and in the group, under ``dag.test()``, where nobody can answer in Airflow but the group can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_kaizala import compat
from airflow_provider_kaizala import operators as ops

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(not compat.has_hitl(), reason="Airflow below 3.1 has no HITL"),
]


def test_the_group_rejects(kaizala_conn: Any, kaizala_people: People, outcome: Any) -> None:
    kaizala_people.ravi.votes("Reject", after_polls=1)
    with DAG("hitl_in_dag_test", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ask = ops.KaizalaHITLApprovalOperator(task_id="ask", subject="Pay?", poke_interval=0.4)

        @task
        def pay() -> str:
            return "paid"

        ask >> pay()
    states, values = outcome(dag)
    assert states == {"ask": "success", "pay": "skipped"}
    assert values["ask"]["chosen_options"] == ["Reject"]
    assert (values["ask"]["approved"], values["ask"]["rejected_by"]) == (False, ["Ravi"])


def test_time_is_up(kaizala_conn: Any, kaizala_people: People, outcome: Any) -> None:
    with DAG("hitl_times_out", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ops.KaizalaHITLOperator(
            task_id="ask",
            subject="Go?",
            options=["Yes", "No"],
            defaults="No",
            response_timeout=2,
            poke_interval=0.4,
        )
    states, values = outcome(dag)
    assert states == {"ask": "success"}
    assert (values["ask"]["chosen_options"], values["ask"]["timedout"]) == (["No"], True)
