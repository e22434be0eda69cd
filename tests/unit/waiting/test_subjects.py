from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.models import ActionDetails, Member
from airflow_provider_kaizala.client.models.received import ListedAction
from airflow_provider_kaizala.client.readings import as_joined, as_posts
from airflow_provider_kaizala.waiting.subjects import (
    Responses,
    Joined,
    Posts,
    Reactions,
    read_subject,
)
from tests.unit.waiting.actions import ASHA, RAVI, poll

WHEN = datetime(2026, 3, 1, 8, 0, 0, 400_000, tzinfo=UTC)
FORMS = [
    (
        Responses("g", "a"),
        {"kind": "action", "group_id": "g", "action_id": "a", "action_type": None, "sent_at": None},
    ),
    (
        Responses("g", "a", "Poll", WHEN),
        {
            "kind": "action",
            "group_id": "g",
            "action_id": "a",
            "action_type": "Poll",
            "sent_at": "2026-03-01T08:00:00.400000+00:00",
        },
    ),
    (
        Reactions("g", "r", "Comment", "above"),
        {
            "kind": "reactions",
            "group_id": "g",
            "reference_id": "r",
            "reaction_type": "Comment",
            "source_group_id": "above",
        },
    ),
    (
        Posts("g", "Image", WHEN),
        {
            "kind": "posts",
            "group_id": "g",
            "action_type": "Image",
            "since": "2026-03-01T08:00:00.400000+00:00",
        },
    ),
    (Joined("g"), {"kind": "members", "group_id": "g", "before": None}),
    (Joined("g", (ASHA,)), {"kind": "members", "group_id": "g", "before": [ASHA]}),
]


@pytest.mark.parametrize(("subject", "wire"), FORMS)
def test_the_wire_format_is_fixed(subject, wire):
    assert subject.to_wire() == wire
    assert read_subject(json.loads(json.dumps(wire))) == subject
    assert hash(subject) == hash(read_subject(wire)), "polls are keyed by it"


words = st.text(max_size=20)
times = st.datetimes(timezones=st.just(UTC))
subjects = st.one_of(
    st.builds(Responses, words, words, st.none() | words, st.none() | times),
    st.builds(Reactions, words, words, st.sampled_from(["Like", "Comment"]), st.none() | words),
    st.builds(Posts, words, words, times),
    st.builds(Joined, words, st.none() | st.lists(words).map(tuple)),
)


@given(subjects)
def test_every_subject_survives_the_way_to_a_trigger(subject):
    assert read_subject(json.loads(json.dumps(subject.to_wire()))) == subject


def test_what_names_it():
    assert [subject.id for subject, _ in FORMS] == ["a", "a", "r", "Image", "g", "g"]


def test_a_first_look_tells_type_and_time():
    action = poll((RAVI, "Yes"))
    subject, details = Responses("g", "a1").seen(action)
    assert subject == Responses("g", "a1", "Poll", None)
    assert details is action


def test_who_is_there_already_has_not_joined():
    everybody = as_joined(
        [Member("u1", "Admin", ASHA, "Asha", True), Member("u9", "Member", None, None, True)], ()
    )
    subject, details = Joined("g").seen(everybody)
    assert subject == Joined("g", (ASHA,))
    assert details.responses == ()
    assert Joined("g").needs_first_look
    assert not subject.needs_first_look
    assert subject.seen(everybody) == (subject, everybody), "only the first look tells that"


def test_only_members_need_a_first_look():
    assert [subject for subject, _ in FORMS if subject.needs_first_look] == [Joined("g")]


def listed(seconds):
    moment = WHEN.replace(microsecond=0) + timedelta(seconds=seconds)
    return ListedAction(f"r{seconds}", "Image", None, None, ASHA, moment, None, None, {"imageUrl": "u"})


def test_kaizala_cuts_times_to_the_second():
    """A photo that comes in the second in which the DAG run began is not lost."""
    found = as_posts([listed(-1), listed(0), listed(1)], "Image", WHEN)
    assert [each.response_id for each in found.responses] == ["r0", "r1"]
    assert isinstance(found, ActionDetails)
    assert found.responses[0].answers == {"imageUrl": "u", "referenceId": "r0", "actionType": "Image"}


def test_what_has_no_time_counts():
    without = ListedAction("r", "Image", None, None, ASHA, None, None, None, {})
    assert len(as_posts([without], "Image", WHEN).responses) == 1
