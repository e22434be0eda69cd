from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from airflow_provider_kaizala.client.errors import KaizalaForbiddenError, KaizalaServerError
from airflow_provider_kaizala.client.models import ListedAction, Member, Person, Reaction
from airflow_provider_kaizala.client.paging import Page
from airflow_provider_kaizala.client.readings import follow
from airflow_provider_kaizala.push.events import KaizalaEvent
from airflow_provider_kaizala.waiting.subjects import (
    Messages,
    NewActions,
    NewMembers,
    Reactions,
    Responses,
    Subject,
    read_subject,
)
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, Calls, numbers, poll
from tests.unit.waiting.strategies import subjects

SINCE = datetime(2026, 3, 1, 8, 0, 0, 400_000, tzinfo=UTC)
MEMBERS = (
    Member("U1", "Admin", ASHA, "Asha", True),
    Member("u2", "Member", RAVI, "Ravi", True),
    Member("u9", "Member", None, None, True),
)
FORBIDDEN = KaizalaForbiddenError("listMembers", 403)

# --- how a subject travels -----------------------------------------------------------------------------------------------

FORMS = [
    (
        Responses("G", "a"),
        {"kind": "responses", "group_id": "G", "action_id": "a", "action_type": None, "sent_at": None},
    ),
    (
        Responses("G", "a", "Poll", SINCE),
        {
            "kind": "responses",
            "group_id": "G",
            "action_id": "a",
            "action_type": "Poll",
            "sent_at": "2026-03-01T08:00:00.400000+00:00",
        },
    ),
    (
        Reactions("G", "r", "Comment", "Above"),
        {
            "kind": "reactions",
            "group_id": "G",
            "reference_id": "r",
            "reaction_type": "Comment",
            "source_group_id": "Above",
        },
    ),
    (
        NewActions("G", "Image", SINCE),
        {
            "kind": "new_actions",
            "group_id": "G",
            "action_type": "Image",
            "since": "2026-03-01T08:00:00.400000+00:00",
            "ignored": None,
        },
    ),
    (
        Messages("G", "conn", SINCE, "^done", "r1", ASHA, (RAVI,)),
        {
            "kind": "messages",
            "group_id": "G",
            "conn_id": "conn",
            "since": "2026-03-01T08:00:00.400000+00:00",
            "pattern": "^done",
            "reply_to": "r1",
            "ignored": ASHA,
            "people": [RAVI],
        },
    ),
    (NewMembers("G"), {"kind": "new_members", "group_id": "G", "before": None}),
    (NewMembers("G", (ASHA,)), {"kind": "new_members", "group_id": "G", "before": [ASHA]}),
]


@pytest.mark.parametrize(("subject", "wire"), FORMS)
def test_the_wire_format_is_fixed(subject, wire):
    assert subject.to_wire() == wire
    assert read_subject(json.loads(json.dumps(wire))) == subject
    assert hash(subject) == hash(read_subject(wire)), "polls are keyed by it"


@given(subjects)
def test_every_subject_survives_the_way_to_a_trigger(subject):
    assert read_subject(json.loads(json.dumps(subject.to_wire()))) == subject


def test_a_field_that_a_later_version_added_is_optional_in_older_rows():
    assert read_subject({"kind": "responses", "group_id": "g", "action_id": "a"}) == Responses("g", "a")


def test_each_subject_has_an_id_for_logs_and_results():
    assert [subject.id for subject, _ in FORMS] == ["a", "a", "r", "Image", "^done", "G", "G"]


def test_subjects_that_one_poll_can_read_together_have_one_key():
    assert [subject.poll_key for subject, _ in FORMS] == [
        ("responses", "g", ""),
        ("responses", "g", "poll"),
        ("reactions", "g", "above"),
        ("new_actions", "g", "image"),
        ("messages", "g", "conn"),
        ("new_members", "g"),
        ("new_members", "g"),
    ]
    assert Reactions("G", "r").poll_key == ("reactions", "g", "g")


def test_of_new_members_alone_the_first_look_decides_what_counts():
    assert {subject.kind for subject, _ in FORMS if subject.first_look_counts} == {"new_members"}
    assert {subject.kind for subject, _ in FORMS if not subject.is_for_members} == {"new_members"}


# --- responses -----------------------------------------------------------------------------------------------------------


def test_responses_are_read_with_one_call():
    details = poll((RAVI, "Yes"))
    calls = Calls(getAction=details)
    assert follow(Responses("g", "a1").reading(), calls) is details
    (call,) = calls.made
    assert (call.group_id, call.path) == ("g", "/groups/g/actions/a1")


def test_the_first_look_tells_type_and_time_of_an_action():
    details = poll((RAVI, "Yes"))
    calls = Calls()
    assert follow(Responses("g", "a1").begin(details), calls) == (Responses("g", "a1", "Poll"), details)
    assert calls.made == []


# --- reactions -----------------------------------------------------------------------------------------------------------

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_people_who_reacted_have_the_names_of_the_list_of_members():
    likes = (Reaction("l1", "u1", AT, None), Reaction("l2", "u7", None, None))
    calls = Calls(getReactions=Page(likes), listMembers=MEMBERS)
    details = follow(Reactions("g", "r").reading(), calls)
    assert (details.action_type, details.response_count) == ("Like", 2)
    assert [
        (each.responder, each.response_id, each.responded_at, each.answers) for each in details.responses
    ] == [
        (Person(ASHA, "Asha", "U1"), "l1", AT, {"Like": True}),
        (Person(None, None, "u7"), "l2", None, {"Like": True}),
    ]


def test_a_comment_is_an_answer_of_its_text():
    calls = Calls(getReactions=Page((Reaction("c1", "u2", AT, "fine"),)), listMembers=MEMBERS)
    (response,) = follow(Reactions("g", "r", "Comment").reading(), calls).responses
    assert (response.responder.name, response.answers) == ("Ravi", {"Comment": "fine"})


def test_who_reacted_counts_by_id_where_the_members_may_not_be_read():
    calls = Calls(getReactions=Page((Reaction("l1", "u1", AT, None),)), listMembers=FORBIDDEN)
    (response,) = follow(Reactions("g", "r").reading(), calls).responses
    assert response.responder == Person(None, None, "u1")


def test_without_reactions_no_names_are_read():
    calls = Calls(getReactions=Page(()))
    assert follow(Reactions("g", "r", "Like", "above").reading(), calls).responses == ()
    (call,) = calls.made
    assert (call.group_id, call.query["sourceGroupId"], call.query["reactionType"]) == ("g", "above", "Like")


def test_the_first_look_at_reactions_changes_nothing():
    details = poll()
    assert follow(Reactions("g", "r").begin(details), Calls()) == (Reactions("g", "r"), details)


# --- new actions ---------------------------------------------------------------------------------------------------------


def listed(seconds, sender=RAVI, action_id=None):
    moment = None if seconds is None else SINCE.replace(microsecond=0) + timedelta(seconds=seconds)
    return ListedAction(
        f"r{seconds}", "Image", action_id, None, sender, moment, None, None, {"imageUrl": "u"}
    )


def look(subject, *actions, **answers):
    """Look for the first time; return the subject and what counts, and the calls that were made."""
    calls = Calls(listActions=Page(actions), **{"listMembers": MEMBERS, "getMe": Person(ASHA), **answers})
    details = follow(subject.reading(), calls)
    return *follow(subject.begin(details), calls), calls


def test_a_new_action_is_an_answer_of_its_sender():
    _, details, _ = look(NewActions("g", "Image", SINCE), listed(1), listed(2, MEERA, "a2"))
    assert details.action_type == "Image"
    assert [
        (each.responder, each.response_id, each.responded_at, each.answers) for each in details.responses
    ] == [
        (
            Person(RAVI, "Ravi", "u2"),
            "r1",
            listed(1).sent_at,
            {"imageUrl": "u", "referenceId": "r1", "actionType": "Image"},
        ),
        (
            Person(MEERA),
            "a2",
            listed(2).sent_at,
            {"imageUrl": "u", "referenceId": "r2", "actionType": "Image"},
        ),
    ]


def test_an_action_of_the_second_in_which_the_wait_begins_counts():
    """Kaizala cuts times to the second: a photo that comes as the DAG run begins is not lost."""
    _, details, _ = look(NewActions("g", "Image", SINCE), listed(-1), listed(0), listed(1))
    assert [each.response_id for each in details.responses] == ["r0", "r1"]


def test_an_action_whose_time_is_not_known_counts():
    _, details, _ = look(NewActions("g", "Image", SINCE), listed(None))
    assert len(details.responses) == 1


def test_one_list_is_read_for_several_waits_from_the_earliest_moment_on():
    early, late = NewActions("g", "Image", SINCE), NewActions("g", "Image", SINCE + timedelta(seconds=2))
    calls = Calls(listActions=Page((listed(1), listed(3))), listMembers=MEMBERS)
    found = follow(late.read_list([late, early]), calls)
    assert calls.operations == ["listActions", "listMembers"]
    assert calls.made[0].query["fromDate"] == str(int(SINCE.timestamp()))
    assert [each.response_id for each in early.counted(found).responses] == ["r1", "r3"]
    assert [each.response_id for each in late.counted(found).responses] == ["r3"]


def test_actions_of_the_connectors_own_user_do_not_count():
    first = NewActions("g", "Image", SINCE)
    subject, details, _ = look(first, listed(1, ASHA), listed(2))
    assert subject == NewActions("g", "Image", SINCE, ignored=ASHA)
    assert numbers(each.responder for each in details.responses) == [RAVI]
    found = ([listed(1, ASHA), listed(2), listed(3, ASHA)], {})
    assert numbers(each.responder for each in subject.counted(found).responses) == [RAVI], "at every look"


@pytest.mark.parametrize("ignored", ["", MEERA])
def test_who_is_ignored_is_asked_only_if_it_is_not_known(ignored):
    first = NewActions("g", "Image", SINCE, ignored=ignored)
    subject, details, calls = look(first, listed(1, ASHA), listed(2))
    assert subject == first
    assert numbers(each.responder for each in details.responses) == [ASHA, RAVI]
    assert "getMe" not in calls.operations


def test_actions_without_a_sender_count_even_if_the_own_user_has_no_number():
    subject, details, _ = look(NewActions("g", "Image", SINCE), listed(1, None), getMe=Person(None, "Asha"))
    assert subject.ignored == ""
    assert len(details.responses) == 1
    subject, details, _ = look(NewActions("g", "Image", SINCE), listed(1, None))
    assert len(details.responses) == 1


def test_if_the_own_user_cannot_be_read_its_actions_count_too(logs):
    subject, details, _ = look(NewActions("g", "Image", SINCE), listed(1, ASHA), getMe=FORBIDDEN)
    assert subject.ignored == ""
    assert numbers(each.responder for each in details.responses) == [ASHA]
    (line,) = logs.of("warning")
    assert "its own posts count too" in line


def test_if_the_own_user_cannot_be_read_now_the_first_look_is_repeated():
    with pytest.raises(KaizalaServerError):
        look(NewActions("g", "Image", SINCE), listed(1), getMe=KaizalaServerError("getMe", 500))


def test_names_are_not_needed_where_the_list_of_members_may_not_be_read():
    _, details, _ = look(NewActions("g", "Image", SINCE), listed(1), listMembers=FORBIDDEN)
    assert [each.responder for each in details.responses] == [Person(RAVI)]


def test_names_are_not_read_if_there_is_no_one_to_name():
    _, _, calls = look(NewActions("g", "Image", SINCE))
    assert calls.operations == ["listActions", "getMe"]
    _, _, calls = look(NewActions("g", "Image", SINCE), listed(1, None))
    assert calls.operations == ["listActions", "getMe"]


# --- new members ---------------------------------------------------------------------------------------------------------


def test_members_of_the_first_look_have_not_joined():
    calls = Calls(listMembers=MEMBERS[:1])
    everyone = follow(NewMembers("g").reading(), calls)
    subject, details = follow(NewMembers("g").begin(everyone), calls)
    assert subject == NewMembers("g", (ASHA,))
    assert details.responses == ()


def test_members_who_come_later_have_joined():
    subject = NewMembers("g", (ASHA,))
    details = follow(subject.reading(), Calls(listMembers=MEMBERS))
    assert [(each.responder, each.response_id, each.answers) for each in details.responses] == [
        (Person(RAVI, "Ravi", "u2"), "u2", {"role": "Member"})
    ], "people without a number cannot be told apart, so they are left out"
    assert follow(subject.begin(details), Calls()) == (subject, details), "only the first look decides that"


def test_a_group_that_was_empty_at_the_first_look_is_not_asked_again():
    subject = NewMembers("g", ())
    details = follow(subject.reading(), Calls(listMembers=MEMBERS))
    assert follow(subject.begin(details), Calls()) == (subject, details)


# --- the registry --------------------------------------------------------------------------------------------------------


def test_a_subclass_registers_itself_under_its_kind(monkeypatch):
    monkeypatch.setattr("airflow_provider_kaizala.waiting.subjects._SUBJECTS", {})

    class Other(Subject):
        kind = "other"

    class WithoutAKind(Other):
        pass

    assert read_subject({"kind": "other", "group_id": "g"}) == Other("g")
    assert type(read_subject({"kind": "other", "group_id": "g"})) is Other


# --- messages ------------------------------------------------------------------------------------------------------------


def event(
    text: str, number: str = RAVI, seconds: float = 1, event_type: str = "TextMessageCreated", **data: str
):
    body = {"eventId": text, "eventType": event_type, "fromUser": number, "data": {"text": text, **data}}
    return KaizalaEvent.read(body, received_at=SINCE + timedelta(seconds=seconds), cursor=1)


def texts(subject: Messages, *events: KaizalaEvent) -> list[str]:
    details = subject.details(subject.answers(events))
    assert details.response_count == len(details.responses) or subject.ignored
    return [str(each.answers["text"]) for each in details.responses]


def test_messages_since_a_moment_are_answers():
    early, late = event("early", seconds=-0.001), event("late", seconds=0)
    subject = Messages("g", "c", SINCE)
    assert texts(subject, early, late, event("pic", event_type="AttachmentCreated")) == ["late"]
    (answer,) = subject.answers([late])
    assert (answer.responder.mobile_number, answer.response_id) == (RAVI, "late")
    assert (answer.responded_at, answer.answers) == (SINCE, late.to_dict())
    assert subject.details([]).action_type == "Message"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (None, ["Done", "not done yet", "5"]),
        ("(?i)^done$", ["Done"]),
        ("done", ["not done yet"]),
        (r"^\d$", ["5"]),
    ],
)
def test_messages_that_match_a_pattern(pattern, found):
    assert texts(Messages("g", "c", SINCE, pattern), *map(event, ["Done", "not done yet", "5"])) == found


def test_messages_that_reply_to_another():
    replies = [event("a", replyToReferenceId="R1"), event("b", replyToReferenceId="r2"), event("c")]
    assert texts(Messages("g", "c", SINCE, None, "r1"), *replies) == ["a"]


def test_messages_of_the_connector_do_not_count():
    subject = Messages("g", "c", SINCE)
    events = [event("mine", ASHA), event("his", RAVI)]
    calls = Calls(getMe=Person(ASHA, "Asha", "u1"))
    begun, details = follow(subject.begin(subject.details(subject.answers(events))), calls)
    assert begun == Messages("g", "c", SINCE, ignored=ASHA)
    assert [each.response_id for each in details.responses] == ["his"]
    assert texts(begun, *events) == ["his"], "nor at a later look"
    assert texts(Messages("g", "c", SINCE, ignored=""), *events) == ["mine", "his"]


def test_messages_of_chosen_people():
    events = [event("hers", MEERA), event("his", RAVI)]
    assert Messages("g", "c", SINCE, people=(MEERA,)).answers(events) == Messages("g", "c", SINCE).answers(
        events[:1]
    )


def test_the_newest_messages_are_kept_and_the_newest_of_each_person():
    subject = Messages("g", "c", SINCE)
    events = [event("old", RAVI), event("his", RAVI), event("hers", MEERA)]
    events += [event(f"{number}", ASHA) for number in range(200)]
    answers = subject.answers(events)
    kept = [each.response_id for each in subject.newest(answers)]
    assert kept == ["his", "hers", *(f"{number}" for number in range(100, 200))]
    assert list(subject.newest(answers[:100])) == answers[:100]


def test_messages_are_not_read_from_kaizala():
    calls = Calls()
    assert follow(Messages("g", "c", SINCE).reading(), calls).responses == ()
    assert calls.made == []
