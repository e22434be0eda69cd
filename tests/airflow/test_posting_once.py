"""Posting inside real Airflow while answers are lost: on a version that keeps notes for retries, and on one that does not."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_kaizala import operators as ops
from demo.people import RAVI

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow
_numbers = itertools.count()


def a_dag() -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"once_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))


def test_what_was_posted_after_all_is_found(
    kaizala_conn: Any, kaizala_server: KaizalaServer, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Yes", title="Tea?")  # tasks run in any order
    kaizala_server.fault("postAction", drop="after")
    questions = [{"title": "How many?", "type": "Numeric"}]
    with a_dag() as dag:
        ops.KaizalaSendPollOperator(task_id="poll", question="Coffee?", options=["Yes", "No"])
        ops.KaizalaSendSurveyOperator(task_id="survey", title="Daily", questions=questions)
        ops.KaizalaSendJobOperator(task_id="job", title="Check pump", assigned_to=[RAVI])
        ops.KaizalaSendMeetingOperator(
            task_id="meeting", title="Stand-up", starts_at=datetime.now(tz=UTC) + timedelta(hours=3)
        )
        ops.KaizalaAskPollOperator(
            task_id="ask", question="Tea?", options=["Yes", "No"], until="any", poke_interval=0.4, timeout=40
        )
        ops.KaizalaSendActionOperator(task_id="card", package_id="com.example.card", title="Card")
    states, values = outcome(dag)
    assert states == {**dict.fromkeys(states, "success"), "card": "failed"}, "a card cannot be looked up"
    standing = {item["title"]: item["actionId"] for item in kaizala_server.feed()}
    assert len(kaizala_server.feed()) == len(standing) == 6
    assert {values[task]["action_id"] for task in states if task != "card"} == {
        action_id for title, action_id in standing.items() if title != "Card"
    }
    assert values["ask"]["winner"] == "Yes"


@pytest.mark.parametrize(
    ("on_unknown_outcome", "texts", "state"), [("fail", 1, "failed"), ("resend", 2, "success")]
)
def test_a_text_cannot_be_looked_up(
    on_unknown_outcome: str,
    texts: int,
    state: str,
    kaizala_conn: Any,
    kaizala_server: KaizalaServer,
    outcome: Any,
) -> None:
    kaizala_server.fault("sendMessage", drop="after", count=1)
    with a_dag() as dag:
        ops.KaizalaSendMessageOperator(
            task_id="tell", text="Hello", on_unknown_outcome=on_unknown_outcome, retries=2
        )
    states, _ = outcome(dag)
    assert states == {"tell": state}
    assert len(kaizala_server.feed()) == texts


class FailsAfterPosting(ops.KaizalaSendMessageOperator):
    """Its first try fails once it has posted."""

    def execute(self, context: Any) -> Any:
        """Fail, the first time."""
        result = super().execute(context)
        if context["ti"].try_number == 1:
            raise RuntimeError("no")
        return result


def test_a_retry(kaizala_conn: Any, kaizala_server: KaizalaServer, outcome: Any) -> None:
    with a_dag() as dag:
        FailsAfterPosting(task_id="tell", text="Hello", retries=1, retry_delay=timedelta(seconds=0))
    states, values = outcome(dag)
    assert states == {"tell": "success"}
    standing = [item["referenceId"] for item in kaizala_server.feed()]
    assert len(standing) == (1 if AIRFLOW_V_3_3_PLUS else 2)
    assert values["tell"]["reference_id"] == standing[-1]
