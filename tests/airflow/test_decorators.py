"""Decorated questions inside real Airflow, against the real server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "triggerer"])
def test_a_dag_of_functions(
    deferrable: bool, kaizala_conn: Any, kaizala_people: People, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    waits = {"poke_interval": 0.4, "timeout": 40, "deferrable": deferrable}
    kaizala_people.ravi.votes("Noon")
    kaizala_people.ravi.votes("Reject")
    with DAG(f"functions_{deferrable}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task
        def shop() -> str:
            return "Store 12"

        @task.kaizala_ask(options=["Noon", "Evening"], until="any", **waits)
        def when(where: str) -> str:
            return f"When do you count in {where}?"

        @task.kaizala_approval(on_reject="skip", **waits)
        def order(time: str) -> str:
            return f"Order for {time}?"

        @task
        def buy() -> str:
            return "bought"

        order(when(shop())["winner"]) >> buy()  # type: ignore[operator]
    states, values = outcome(dag)
    assert states == {"shop": "success", "when": "success", "order": "success", "buy": "skipped"}
    assert values["order"]["rejected_by"] == ["Ravi"]
    asked = [item["title"] for item in kaizala_server.feed() if item["kind"] == "poll"]
    assert sorted(asked) == ["Order for Noon?", "When do you count in Store 12?"]


def test_one_question_for_each(
    kaizala_conn: Any, kaizala_people: People, kaizala_server: KaizalaServer, run_dag: Any
) -> None:
    for _ in range(2):
        kaizala_people.ravi.votes("Yes")
    with DAG("mapped_functions", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:

        @task.kaizala_ask(options=["Yes", "No"], until="any", poke_interval=0.4, timeout=40)
        def is_open(where: str) -> str:
            return f"Is {where} open?"

        is_open.expand(where=["North", "South"])
    run = run_dag(dag)
    assert run.state == "success"
    asked = [item["title"] for item in kaizala_server.feed() if item["kind"] == "poll"]
    assert sorted(asked) == ["Is North open?", "Is South open?"]
