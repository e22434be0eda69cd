"""How a sensor's time runs out, in all three modes: inside real Airflow, against the real server."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from airflow_provider_kaizala.tasks.state import TaskState
from demo.people import MEERA, RAVI
from tests.airflow.waiting.dags import a_dag, ask_poll, votes

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People as Crew

pytestmark = pytest.mark.airflow


def test_nobody_answers(mode: dict[str, Any], telling: Any, told: list[str], outcome: Any) -> None:
    endings: dict[str, dict[str, Any]] = {
        "failed": {},
        "soft_failed": {"soft_fail": True},
        "skipped": {"on_timeout": "skip"},
    }
    with a_dag() as dag:
        ask = ask_poll()
        for name, ending in endings.items():
            KaizalaResponseSensor(
                task_id=name,
                action_id=ask.output["action_id"],
                **{**mode, "timeout": 0.8, "retries": 3, **telling, **ending},
            )
    states, values = outcome(dag)
    assert states == {"ask": "success", "failed": "failed", "soft_failed": "skipped", "skipped": "skipped"}
    assert [values[name] for name in endings] == [None] * 3
    (failure,) = told
    assert "Timed out after 0.8 s: 0 of 1 answered" in failure


def test_going_on_with_what_has_come(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    kaizala_people.ravi.votes("Yes")
    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 1.0, "on_timeout": "return"}
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until=[RAVI, MEERA], **given)
    states, values = outcome(dag)
    result = values["wait"]
    assert states["wait"] == "success"
    assert (result["complete"], result["met"]) == (False, False)
    assert votes(result) == {RAVI: "Yes"}
    assert result["missing"] == [{"mobile_number": MEERA, "name": "Meera"}]
    assert (result["answered_by"], result["missing_names"]) == (["Ravi"], ["Meera"])
    assert (result["tally"], result["winner"]) == ({"Yes": 1, "No": 0}, "Yes")


def test_contradictions_are_refused_when_the_dag_is_parsed(mode: dict[str, Any]) -> None:
    for given, says in (
        ({"on_timeout": "return", "soft_fail": True}, "both say what happens when time is up"),
        ({"timeout": 0.1}, "is longer than timeout"),
    ):
        with pytest.raises(KaizalaInputError, match=says):
            KaizalaResponseSensor(task_id="wait", action_id="a", **{**mode, **given})


class Crashes(KaizalaResponseSensor):
    """Its worker dies in the first try, after a second."""

    template_fields = KaizalaResponseSensor.template_fields

    def look(self, wait: Any, context: Any) -> Any:
        found = super().look(wait, context)
        if context["ti"].try_number == 1:
            time.sleep(1)
            raise RuntimeError("killed")
        return found


def test_a_retry_keeps_the_deadline(mode: dict[str, Any], outcome: Any) -> None:
    """Where Airflow keeps notes over tries, as 3.3 does; before, a retry begins anew."""
    deadlines: list[datetime] = []
    lasts: list[bool] = []

    class Noted(Crashes):
        template_fields = KaizalaResponseSensor.template_fields

        def look(self, wait: Any, context: Any) -> Any:
            deadlines.append(wait.deadline)
            lasts.append(TaskState(context).is_kept)
            return super().look(wait, context)

    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 2.0, "on_timeout": "return", "retries": 1, "retry_delay": timedelta(0)}
        Noted(task_id="wait", action_id=ask.output["action_id"], **given)
    states, values = outcome(dag)
    assert states["wait"] == "success"
    assert values["wait"]["complete"] is False
    second_try = [each for each in deadlines[1:] if each > deadlines[0]]
    assert bool(second_try) is not lasts[0]
    assert len(deadlines) > 1
