"""What a decision does to the tasks below, in a real scheduler, triggerer and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.people import ASHA, MEERA, RAVI, Person
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
QUESTIONS = {"Pay A?", "Pay B?", "Parcel 1?", "Parcel 2?", "Deploy?", "Close the shop?", "Lunch?"}


def test_a_decision_goes_only_to_the_tasks_below_it(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("deciding")
    actions: dict[str, str] = {}

    def are_asked() -> bool:
        actions.update(
            {item["title"]: item["actionId"] for item in kaizala.feed(GROUP) if "actionId" in item}
        )
        return actions.keys() >= QUESTIONS

    wait_for("all questions", are_asked, 200, stack.processes.check)
    asha, ravi, meera = (Person(stack.kaizala, number) for number in (ASHA, RAVI, MEERA))
    for person in (ravi, meera):
        person.vote(actions["Pay A?"], "Approve")
        person.vote(actions["Pay B?"], "Reject")
    for bystander in (asha, ravi):
        bystander.vote(actions["Deploy?"], "Go")
    meera.vote(actions["Deploy?"], "Stop")
    ravi.vote(actions["Parcel 1?"], "Air")
    ravi.vote(actions["Parcel 2?"], "Sea")
    ravi.vote(actions["Close the shop?"], "No")
    ravi.vote(actions["Lunch?"], "Rice")
    wait_for("the run", lambda: stack.run_state("deciding", run) != "running", 300, stack.processes.check)

    assert stack.mapped_states("deciding", run) == {
        ("payment.approve", 0): "success",
        ("payment.approve", 1): "success",
        ("payment.pay", 0): "success",
        ("payment.pay", 1): "skipped",
        ("route.branch", 0): "success",
        ("route.branch", 1): "success",
        ("route.air", 0): "success",
        ("route.air", 1): "skipped",
        ("route.sea", 0): "skipped",
        ("route.sea", 1): "success",
        ("bystanders", -1): "success",
        ("go", -1): "skipped",
        ("stop", -1): "success",
        ("question", -1): "success",
        ("hitl", -1): "success",
        ("own", -1): "success",
        ("only_own", -1): "skipped",
        ("wait", -1): "success",
        ("report", -1): "success",
    }
    assert stack.xcom("deciding", run, "bystanders")["tally"] == {"Go": 0, "Stop": 1}
    assert stack.xcom("deciding", run, "hitl")["chosen_options"] == ["No"]
    assert stack.xcom("deciding", run, "report") == "Rice"

    def told() -> list[str]:
        return [
            item["text"] for item in kaizala.feed(GROUP) if str(item.get("text")).startswith("DAG deciding")
        ]

    wait_for("the group to read of it", told, 60, stack.processes.check)
    assert told() == [f"DAG deciding (run {run}) is success"]
