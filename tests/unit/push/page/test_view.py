"""What the page shows of what was found and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.push.page.readings import Progressed
from airflow_provider_kaizala.push.page.shared import Seen
from airflow_provider_kaizala.push.page.view import NAMES, OLD, People, WaitView, task_link, wait_view
from airflow_provider_kaizala.push.page.waits import OpenWait
from airflow_provider_kaizala.waiting.rules import Progress, read_rule
from airflow_provider_kaizala.waiting.subjects import Messages, NewActions, NewMembers, Reactions, Responses
from airflow_provider_kaizala.waiting.wait import CLOCK_SKEW, Wait

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
DEADLINE = NOW + timedelta(hours=2)
ASHA, RAVI = Person("+910000000001", "Asha"), Person("+910000000002", "Ravi")


def wait(subject: Any = None, **given: Any) -> Wait:
    return Wait(subject or Responses("g1", "act-1"), read_rule("all"), DEADLINE, 60.0, **given)


def found(there: Wait | None, **changes: Any) -> OpenWait:
    values: dict[str, Any] = {
        "dag_id": "shop",
        "run_id": "manual__1",
        "task_id": "ask",
        "map_index": -1,
        "state": "deferred",
        "since": NOW,
        "conn_id": "c",
        "wire": there.to_wire() if there else None,
        "wait": there,
        "asked": None,
    }
    return OpenWait(**{**values, **changes})


def view(there: OpenWait, seen: Seen | None = None, now: datetime = NOW) -> WaitView:
    return wait_view(there, seen, lambda conn_id, group_id: f"{group_id} of {conn_id}", now)


def seen(progress: Progress, title: str | None = "Tea?", **given: Any) -> Seen:
    return Seen(Progressed(wait(**given), progress, title, NOW - timedelta(minutes=1)), NOW)


def test_before_it_was_read_a_wait_shows_what_its_task_asks() -> None:
    shown = view(found(wait(), asked="Tea?"))
    assert (shown.title, shown.group, shown.text, shown.problem) == ("Tea?", "g1 of c", None, None)
    assert (shown.since, shown.until) == (NOW, DEADLINE)


def test_a_wait_that_was_read() -> None:
    shown = view(found(wait(), asked="Tea? {{ ds }}"), seen(Progress(False, (ASHA,), 2, (RAVI,))))
    assert (shown.title, shown.text, shown.done, shown.needed) == ("Tea?", "1 of 2 answered", 1, 2)
    assert (shown.answered, shown.owing) == (People(("Asha",)), People(("Ravi",)))
    assert shown.since == NOW - timedelta(minutes=1)


def test_a_reading_that_is_old_says_so() -> None:
    read = seen(Progress(False, (ASHA,), 2, (RAVI,)))
    assert view(found(wait()), read, NOW + OLD).at is None
    assert view(found(wait()), read, NOW + OLD + timedelta(seconds=1)).at == NOW


def test_the_question_may_end_before_the_wait() -> None:
    closes = NOW + timedelta(minutes=10)
    shown = view(found(wait()), seen(Progress(False, (), 1), settled=True, closes_at=closes))
    assert shown.until == closes + CLOCK_SKEW


def test_more_answers_than_needed_do_not_overflow_the_bar() -> None:
    shown = view(found(wait()), seen(Progress(True, (ASHA, RAVI), 1)))
    assert (shown.done, shown.needed) == (1, 1)


def test_a_rule_with_words_of_its_own_counts_those_who_were_asked() -> None:
    """One of two approvals is missing, but of three who may approve all but one have voted."""
    progress = Progress(False, (ASHA, Person("+91", "Meera")), 2, (RAVI,), text="1 of 2 for 'Approve'")
    shown = view(found(wait()), seen(progress))
    assert (shown.text, shown.done, shown.needed) == ("1 of 2 for 'Approve'", 2, 3)
    nobody_named = Progress(False, (ASHA,), 2, text="1 of 2 for 'Approve'")
    shown = view(found(wait()), seen(nobody_named))
    assert (shown.done, shown.needed) == (1, 2)


def test_an_error_stands_beside_what_was_read_last() -> None:
    old = seen(Progress(False, (ASHA,), 2, (RAVI,)))
    shown = view(found(wait()), Seen(old.value, old.at, "the group is gone"))
    assert (shown.text, shown.problem) == ("1 of 2 answered", "the group is gone")


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        (found(None), "How far it has come cannot be shown."),
        (found(wait(), wait=None), "How far it has come cannot be shown."),
        (found(wait(), conn_id=None), "Its connection is not known, so who has answered cannot be read."),
    ],
)
def test_a_wait_that_cannot_be_read_says_why(there: OpenWait, problem: str) -> None:
    shown = view(there)
    assert shown.problem == problem
    assert shown.link == "../dags/shop/runs/manual__1/tasks/ask"


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        (Responses("g1", "act-1"), "Responses to action act-1"),
        (Reactions("g1", "ref-1"), "Likes of ref-1"),
        (Reactions("g1", "ref-1", "Comment"), "Comments of ref-1"),
        (NewActions("g1", "Job", NOW), "New actions of type Job"),
        (Messages("g1", "c", NOW, "^done"), "Messages: ^done"),
        (NewMembers("g1"), "New members"),
    ],
)
def test_what_has_no_title_is_named_by_what_is_waited_for(subject: Any, title: str) -> None:
    assert view(found(wait(subject))).title == title


def test_a_link_to_a_mapped_task_with_odd_names() -> None:
    there = found(
        wait(), dag_id="a b", run_id="scheduled__2026-01-01T00:00:00+00:00", task_id="x/y", map_index=4
    )
    assert task_link(there) == (
        "../dags/a%20b/runs/scheduled__2026-01-01T00%3A00%3A00%2B00%3A00/tasks/x%2Fy/mapped/4"
    )
    assert view(there).task == "a b › x/y [4]"


def test_people_are_named_as_far_as_names_are_known_and_there_is_room() -> None:
    nobody = Person()
    assert People.of([ASHA, Person("+912"), nobody, nobody]) == People(("Asha", "+912"), 2)
    assert People.of([Person(name=str(each)) for each in range(NAMES + 3)]).more == 3
