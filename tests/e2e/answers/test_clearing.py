"""Posted once, and anew only if somebody wants that: an answer that is lost, workers that die, tasks that are cleared by hand."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_kaizala.tasks import farewell
from demo.people import RAVI
from demo.stack import GROUP, Stack, wait_for

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def posted(kaizala: KaizalaServer, text: str) -> list[dict[str, Any]]:
    """What stands in the group with this title or text."""
    return [each for each in kaizala.feed(GROUP) if text in (each.get("title"), each.get("text"))]


def vote(kaizala: KaizalaServer, action_id: str) -> None:
    kaizala.call("POST", f"/people/{RAVI}/actions/{action_id}/votes", {"choice": "Yes"})


def until_states(stack: Stack, dag_id: str, run: str, **wanted: str) -> None:
    def reached() -> bool:
        states = stack.task_states(dag_id, run)
        return all(states[name] == state for name, state in wanted.items())

    wait_for(f"{wanted} of {dag_id}", reached, 90, stack.processes.check)


def until_over(stack: Stack, dag_id: str, run: str) -> None:
    """Wait until the scheduler has noted that a run is over: before, it may overlook that its tasks are cleared."""
    wait_for(f"{run} is over", lambda: stack.run_state(dag_id, run) == "success", 60, stack.processes.check)


def links(stack: Stack, run: str, task: str) -> dict[str, str | None]:
    """The links that Airflow's UI shows for a task."""
    path = f"/dags/cleared/dagRuns/{run}/taskInstances/{task}/links"
    found: dict[str, str | None] = stack.api("GET", path)["extra_links"]
    return found


def kept_deadline(stack: Stack, run: str, task: str) -> datetime:
    """When the wait of a task ends, as it remembers it."""
    path = f"/dags/cleared/dagRuns/{run}/taskInstances/{task}/state-store/kaizala_deadline"
    return datetime.fromisoformat(stack.api("GET", path)["value"]["value"])


def test_an_answer_that_is_lost_and_workers_that_die(stack: Stack, kaizala: KaizalaServer) -> None:
    kaizala.fault("postAction", drop="after", count=1)
    run = stack.trigger("posts_once")
    until_states(stack, "posts_once", run, lost="success", noted="success", poll="success", text="failed")
    tries = {"lost": (1, "Lost?"), "noted": (2, "Noted"), "poll": (2, "Not noted?")}
    for task, (number, text) in tries.items():
        (item,) = posted(kaizala, text)
        assert stack.xcom("posts_once", run, task) == {
            "group_id": GROUP,
            "reference_id": item["referenceId"],
            "action_id": item["actionId"],
        }
        instance = stack.api("GET", f"/dags/posts_once/dagRuns/{run}/taskInstances/{task}")
        assert instance["try_number"] == number
    assert "Found in Kaizala that posting poll" in stack.task_log("posts_once", run, "lost")
    assert "An earlier try has finished posting message" in stack.task_log("posts_once", run, "noted", 2)
    assert "Found in Kaizala that posting poll" in stack.task_log("posts_once", run, "poll", 2)
    assert len(posted(kaizala, "Not noted")) == 1, "nobody knows, so it is not repeated"
    assert "an earlier try began posting message" in stack.task_log("posts_once", run, "text", 2)
    assert stack.api("GET", f"/dags/posts_once/dagRuns/{run}/taskInstances/text")["try_number"] == 2


def test_clearing(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("cleared")
    until_states(stack, "cleared", run, resume="deferred", again="deferred")
    page = f"{stack.kaizala}/groups/{GROUP}"
    asked = posted(kaizala, "Resume?")[0]["referenceId"]
    shown = {"Group in Kaizala": page, "Post in Kaizala": f"{page}/posts/{asked}"}
    assert links(stack, run, "resume") == shown, "also while it is deferred"
    for question in ("Resume?", "Again?"):
        vote(kaizala, posted(kaizala, question)[0]["actionId"])
    until_states(stack, "cleared", run, resume="success", again="success", tell="success")
    first = {task: stack.xcom("cleared", run, task) for task in ("resume", "again", "tell")}
    assert links(stack, run, "resume") == shown
    deadlines = {task: kept_deadline(stack, run, task) for task in ("resume", "again")}

    until_over(stack, "cleared", run)
    cleared = stack.api(
        "POST",
        "/dags/cleared/clearTaskInstances",
        {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": [*first]},
    )
    assert len(cleared["task_instances"]) == 3
    until_states(stack, "cleared", run, again="deferred")
    old, new = posted(kaizala, "Again?")
    vote(kaizala, new["actionId"])
    until_states(stack, "cleared", run, resume="success", again="success", tell="success")
    second = {task: stack.xcom("cleared", run, task) for task in first}

    assert second["resume"] == first["resume"], "the answer is there still"
    assert len(posted(kaizala, "Resume?")) == 1
    assert (first["again"]["action_id"], second["again"]["action_id"]) == (old["actionId"], new["actionId"])
    assert [item["referenceId"] for item in posted(kaizala, "Told")] == [
        first["tell"]["reference_id"],
        second["tell"]["reference_id"],
    ]
    for task, before in deadlines.items():
        assert kept_deadline(stack, run, task) > before


def replies(kaizala: KaizalaServer, question: str) -> list[str]:
    """What was replied to a question."""
    (asked,) = posted(kaizala, question)
    return [
        each["text"] for each in kaizala.feed(GROUP) if each.get("replyToReferenceId") == asked["referenceId"]
    ]


def test_a_question_is_found_in_the_group_when_airflow_has_forgotten_it(
    stack: Stack, kaizala: KaizalaServer
) -> None:
    """As Airflow 3.4 forgets it when a task is cleared."""
    run = stack.trigger("forgotten")
    until_states(stack, "forgotten", run, ask="deferred")
    vote(kaizala, posted(kaizala, "Forgotten?")[0]["actionId"])
    until_states(stack, "forgotten", run, ask="success")
    first = stack.xcom("forgotten", run, "ask")

    until_over(stack, "forgotten", run)
    store = f"{stack.airflow}{stack.api_root}/dags/forgotten/dagRuns/{run}/taskInstances/ask/state-store"
    assert requests.delete(store, timeout=30).status_code == 204
    clear = {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": ["ask"]}
    stack.api("POST", "/dags/forgotten/clearTaskInstances", clear)
    until_over(stack, "forgotten", run)
    assert stack.xcom("forgotten", run, "ask") == first
    assert len(posted(kaizala, "Forgotten?")) == 1
    assert "What earlier tries have noted is gone" in stack.task_log("forgotten", run, "ask", 2)


def test_a_question_ends_with_its_task(stack: Stack, kaizala: KaizalaServer) -> None:
    run = stack.trigger("stopped")
    until_states(stack, "stopped", run, parked="deferred", working="running", cleared="running")
    names = ("parked", "working", "cleared")
    wait_for(
        "all are asked",
        lambda: all(posted(kaizala, f"{name}?") for name in names),
        60,
        stack.processes.check,
    )
    wait_for(
        "the trigger runs",  # before that, nothing runs that Airflow could stop, and the group is not told
        lambda: "trigger stopped/" in stack.task_log("stopped", run, "parked"),
        60,
        stack.processes.check,
    )
    for name in ("parked", "working"):
        path = f"/dags/stopped/dagRuns/{run}/taskInstances/{name}"
        stack.api("PATCH", path, {"new_state": "failed"})
    stack.api(
        "POST",
        "/dags/stopped/clearTaskInstances",
        {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": ["cleared"]},
    )
    for name in ("parked", "working"):
        wait_for(
            f"the group knows of {name}",
            lambda name=name: replies(kaizala, f"{name}?"),
            60,
            stack.processes.check,
        )
        assert replies(kaizala, f"{name}?") == [farewell.STOPPED]
    until_states(stack, "stopped", run, cleared="running")
    (asked,) = posted(kaizala, "cleared?")
    vote(kaizala, asked["actionId"])
    until_states(stack, "stopped", run, parked="failed", working="failed", cleared="success")
    assert replies(kaizala, "cleared?") == [], "another try continues with the question"
    again = stack.api("GET", f"/dags/stopped/dagRuns/{run}/taskInstances/cleared")
    assert again["try_number"] == 2
