"""Finding an action that a task may have posted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_kaizala.client.models import (
    Announcement,
    Job,
    ListedAction,
    Media,
    Meeting,
    Message,
    Poll,
    Question,
    Survey,
)
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.tasks.post_once import (
    CLOCK_SKEW,
    Fingerprint,
    Intent,
    find_action,
    fingerprint,
    posted_outcome,
)
from tests.unit.tasks.store import Store, state_of

ASHA, RAVI = "+910000000001", "+910000000002"


AT = datetime(2026, 3, 1, 8, 0, 0, 400_000, tzinfo=UTC)
INTENT = Intent(AT, AT + timedelta(minutes=10))
TEA = Fingerprint("Poll", "Tea?", ("Yes", "No"))


def test_the_time_to_look_in_allows_for_clocks_that_are_apart():
    """Kaizala cuts times to the second."""
    assert INTENT.first == AT.replace(microsecond=0) - CLOCK_SKEW
    assert INTENT.last == INTENT.until + CLOCK_SKEW


def listed(title="Tea?", options=("Yes", "No"), starts_at=None):
    raw = {"choices": [{"title": each} for each in options], "startingTime": starts_at}
    return ListedAction("r", "Poll", "a", title, None, None, None, None, raw)


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        (TEA, listed(), True),
        (TEA, listed("Tea? "), True),
        (TEA, listed(options=("Yes ", " No")), True),
        (TEA, listed(options=()), True),  # not in every list
        (Fingerprint("Poll", "Tea?"), listed(), True),
        (Fingerprint("Poll", "More \n tea?"), listed("More tea?"), True),
        (TEA, listed("tea?"), False),
        (TEA, listed(None), False),
        (TEA, listed(options=("No", "Yes")), False),
        (TEA, listed(options=("Yes", "No", "Later")), False),
        (Fingerprint("LetsMeet", "Tea?", starts_at=AT), listed(), True),
        (Fingerprint("LetsMeet", "Tea?", starts_at=AT), listed(starts_at="2026-03-01T08:00:00Z"), True),
        (Fingerprint("LetsMeet", "Tea?", starts_at=AT), listed(starts_at="2026-03-01T08:00:02Z"), False),
    ],
)
def test_an_action_is_known_by_its_title_options_and_time(wanted, found, fits):
    assert wanted.fits(found) is fits


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (Poll("Tea?", ("Yes", "No")), TEA),
        (Meeting("Stand-up", AT), Fingerprint("LetsMeet", "Stand-up", starts_at=AT)),
        (Meeting("Stand-up", AT.isoformat()), Fingerprint("LetsMeet", "Stand-up", starts_at=AT)),
        (Survey("Daily", (Question("How?", "Text"),)), Fingerprint("Survey", "Daily")),
        (Job("Check pump", (ASHA,)), Fingerprint("Job", "Check pump")),
        (Message("Hello"), None),
        (Announcement("Hello"), None),
        (Media("Image", "m1"), None),
    ],
)
def test_what_kaizala_lists_with_a_title_has_a_fingerprint(model, wanted):
    assert fingerprint(model) == wanted


@pytest.fixture
def find(kaizala, group):
    """Look for the poll on tea in the in-memory Kaizala."""

    def look(store=None, wanted=TEA):
        hook = KaizalaHook()
        try:
            return find_action(hook, state_of(store), group, wanted)(INTENT)
        finally:
            hook.close()

    return look


def post(kaizala, action_id, seconds, sender=ASHA, title="Tea?"):
    moment = AT.replace(microsecond=0) + timedelta(seconds=seconds)
    kaizala.poll(action_id=action_id, title=title, sent_at=moment.isoformat())
    kaizala.actions[action_id]["sender"] = sender


def ids(found):
    return [each["action_id"] for each in found]


def test_an_action_that_fits_is_found_with_all_that_a_task_remembers_of_a_post(kaizala, group, find):
    post(kaizala, "act-1", 5)
    assert find() == [
        {
            "group_id": group,
            "reference_id": "ref-of-act-1",
            "action_id": "act-1",
            "at": "2026-03-01T08:00:05+00:00",
        }
    ]
    assert posted_outcome(group, "r", None, AT)["action_id"] is None


def test_only_actions_of_that_time_and_title_are_found(kaizala, find):
    skew = CLOCK_SKEW.total_seconds()
    for seconds in (-skew - 1, -skew, 0, 600 + skew, 600 + skew + 1):
        post(kaizala, f"act{seconds:g}", seconds)
    post(kaizala, "other", 3, title="Coffee?")
    assert ids(find()) == [f"act{-skew:g}", "act0", f"act{600 + skew:g}"]


def test_actions_of_other_people_are_not_found(kaizala, find):
    post(kaizala, "act-1", 1, RAVI)
    post(kaizala, "act-2", 2)
    post(kaizala, "act-3", 3, None)
    assert ids(find()) == ["act-2", "act-3"], "as far as Kaizala names senders"


def test_senders_are_not_compared_if_the_own_user_cannot_be_read(kaizala, find, logs):
    post(kaizala, "act-1", 1, RAVI)
    kaizala.otherwise = lambda request: (
        kaizala.error(403) if request.path == "/users/me" else kaizala.default(request)
    )
    assert ids(find()) == ["act-1"]
    assert "senders are not compared" in logs.text


def test_the_own_user_is_not_read_if_kaizala_names_no_sender(kaizala, find):
    post(kaizala, "act-1", 1, None)
    assert ids(find()) == ["act-1"]
    assert kaizala.calls("/users/me") == []


def test_an_action_that_the_task_posted_before_it_was_cleared_is_not_found(kaizala, find):
    post(kaizala, "act-1", 1)
    post(kaizala, "act-2", 2)
    store = Store()
    state_of(store).set("posted", {"reference_id": "ref-of-act-1"})
    assert ids(find(store)) == ["act-2"]
