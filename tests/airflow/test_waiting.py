"""The sensor in all three modes: one contract, inside real Airflow, against the real server."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kaizala.operators import (
    KaizalaSendJobOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from demo.people import ASHA, MEERA, RAVI

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People

pytestmark = pytest.mark.airflow

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}
_numbers = itertools.count()


def a_dag(**kwargs: Any) -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"wait_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"poke_interval": 0.5, "timeout": 40, **MODES[request.param]}


def test_survey_answers_come_back_keyed_by_question(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.ravi.answers(["Yes", ["Bags", "Pens"], 3, "größer 😀"])
    kaizala_people.asha.answers(["No", ["Pens"], 2.5, "-"], after_polls=1)
    with a_dag() as dag:
        ask = KaizalaSendSurveyOperator(
            task_id="ask",
            title="Ready?",
            questions=[
                {"title": "Open?", "type": "SingleOption", "options": ["Yes", "No"]},
                {"title": "Needed", "type": "MultiOption", "options": ["Bags", "Pens"]},
                {"title": "How many?", "type": "Numeric"},
                {"title": "Else?", "type": "Text"},
            ],
            due=timedelta(hours=1),
        )
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until=2, **mode)
    states, values = outcome(dag)
    assert states == {"ask": "success", "wait": "success"}
    result = values["wait"]
    assert result["complete"] is True
    assert result["action_id"] == values["ask"]["action_id"]
    assert result["title"] == "Ready?"
    answers = {each["responder"]: each for each in result["answers"]}
    assert answers[RAVI]["answers"] == {
        "Open?": "Yes",
        "Needed": ["Bags", "Pens"],
        "How many?": 3,
        "Else?": "größer 😀",
    }
    assert answers[ASHA]["answers"]["How many?"] == 2.5
    assert answers[RAVI]["responder_name"] == "Ravi"
    assert answers[RAVI]["response_id"]
    when = datetime.fromisoformat(answers[RAVI]["responded_at"])
    assert abs((datetime.now(tz=UTC) - when).total_seconds()) < 120


def test_job_waits_for_all_assignees(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.ravi.completes()
    kaizala_people.meera.completes(after_polls=2)
    with a_dag() as dag:
        assign = KaizalaSendJobOperator(task_id="assign", title="Unlock", assigned_to=[RAVI, MEERA])
        KaizalaResponseSensor(task_id="wait", action_id=assign.output["action_id"], until="all", **mode)
    states, values = outcome(dag)
    assert states["wait"] == "success"
    done = {each["responder"]: each["is_completed"] for each in values["wait"]["answers"]}
    assert done == {RAVI: True, MEERA: True}
    assert values["wait"]["missing"] == []


def test_named_people_are_waited_for(
    mode: dict[str, Any], kaizala_conn: Any, kaizala_people: People, outcome: Any
) -> None:
    kaizala_people.asha.votes("No")
    kaizala_people.meera.votes("Yes", after_polls=2)
    with a_dag() as dag:
        ask = KaizalaSendPollOperator(task_id="ask", question="Pay?", choices=["Yes", "No"])
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until=[MEERA], **mode)
    states, values = outcome(dag)
    assert states["wait"] == "success"
    votes = {each["responder"]: each["answers"]["Pay?"] for each in values["wait"]["answers"]}
    assert votes[MEERA] == "Yes"


@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_nobody_answers(
    mode: dict[str, Any], soft_fail: bool, state: str, kaizala_conn: Any, outcome: Any
) -> None:
    with a_dag() as dag:
        ask = KaizalaSendPollOperator(task_id="ask", question="Anybody?", choices=["Yes", "No"])
        KaizalaResponseSensor(
            task_id="wait",
            action_id=ask.output["action_id"],
            **{**mode, "timeout": 1.5, "soft_fail": soft_fail},
        )
    states, values = outcome(dag)
    assert states["wait"] == state
    assert values["wait"] is None


def test_unknown_action_fails_at_once(mode: dict[str, Any], kaizala_conn: Any, outcome: Any) -> None:
    with a_dag() as dag:
        KaizalaResponseSensor(
            task_id="wait", action_id="00000000-0000-4000-8000-000000000000", retries=3, **mode
        )
    began = datetime.now(tz=UTC)
    states, _ = outcome(dag)
    assert states["wait"] == "failed", "not up_for_retry, and not waiting until the timeout"
    assert (datetime.now(tz=UTC) - began).total_seconds() < 20
