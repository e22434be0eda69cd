"""What asks and waits in one task, in a real scheduler, triggerer and workers: answered by people, and not answered in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from demo.people import MEERA, RAVI, Person
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
QUESTIONS = {"Tea?", "Daily", "Check pump", "Pay?", "Buy?", "Ship?"}


def asked(stack: Stack, kaizala: KaizalaServer) -> dict[str, str]:
    """Wait until all questions stand in the group; return their action ids by title."""
    found: dict[str, str] = {}

    def standing() -> bool:
        found.update(
            {item["title"]: item["actionId"] for item in kaizala.feed(GROUP) if item.get("actionId")}
        )
        return found.keys() >= QUESTIONS

    wait_for("all are asked", standing, 200, stack.processes.check)
    return found


def test_each_goes_on_with_what_people_say(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("asks")
    actions = asked(stack, kaizala)
    ravi, meera = Person(stack.kaizala, RAVI), Person(stack.kaizala, MEERA)
    for person in (ravi, meera):
        person.vote(actions["Tea?"], "Yes")
        person.complete(actions["Check pump"])
        person.vote(actions["Pay?"], "Approve")
    ravi.answer(actions["Daily"], 3)
    ravi.vote(actions["Buy?"], "Reject")
    meera.vote(actions["Ship?"], "Later")
    wait_for("the run", lambda: stack.run_state("asks", run) != "running", 200, stack.processes.check)

    states = stack.task_states("asks", run)
    skipped = {"bought", "now"}
    assert states == {task: "skipped" if task in skipped else "success" for task in states}
    assert len(states) == 10
    results: dict[str, Any] = {task: stack.xcom("asks", run, task) for task in states}
    assert results["poll"]["tally"] == {"Yes": 2, "No": 0}
    assert results["poll"]["winner"] == "Yes"
    assert results["survey"]["answers"][0]["answers"] == {"How many?": 3}
    assert sorted(results["job"]["answered_by"]) == ["Meera", "Ravi"]
    assert all(results[task]["complete"] for task in ("poll", "survey", "job"))
    titles = [item["title"] for item in kaizala.feed(GROUP) if item["title"] in QUESTIONS]
    assert sorted(titles) == sorted(QUESTIONS), "each was asked once"


def test_what_becomes_of_a_wait_that_is_too_long(stack: Stack, kaizala: KaizalaServer) -> None:
    ravi = Person(stack.kaizala, RAVI)
    action_id = asked(stack, kaizala)["Daily"]  # Ravi alone has answered it
    run = stack.trigger("late", {"action_id": action_id})
    unanswered = {f"Late {what}?" for what in ("fail", "skip", "return")}

    def all_answered() -> bool:
        """Whether Ravi has answered each, as soon as it was asked: it does not wait long."""
        for item in kaizala.feed(GROUP):
            if item["title"] in unanswered:
                ravi.vote(item["actionId"], "Yes")
                unanswered.discard(item["title"])
        return not unanswered

    wait_for("all are asked and answered", all_answered, 200, stack.processes.check)
    wait_for("the run", lambda: stack.run_state("late", run) != "running", 200, stack.processes.check)

    ends = {"fail": "failed", "skip": "skipped", "return": "success"}
    states = stack.task_states("late", run)
    assert states == {f"{kind}_{what}": end for what, end in ends.items() for kind in ("ask", "wait")}
    for kind, by in (("ask", ["Ravi"]), ("wait", ["Ravi"])):
        result = stack.xcom("late", run, f"{kind}_return")
        assert (result["complete"], result["met"], result["answered_by"]) == (False, False, by)
