"""Events as Kaizala posts them: the samples of the contract and their variants."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_kaizala.client.models.people import Person
from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.client.models.wire import UnreadableReplyError
from airflow_provider_kaizala.push.events import KaizalaEvent
from tests.unit.push.sender import GROUP, message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANSWERS = [
    {"title": "Site?", "type": "SingleOption", "options": [{"title": "A"}], "answer": ["A"]},
    {"title": "ResponseTime", "type": "Text", "options": [], "answer": 1},
    {"title": "Responder Location", "type": "Location", "options": [], "isInvisible": True},
    {
        "title": "ResponseTime",
        "type": "DateTime",
        "options": [],
        "isInvisible": True,
        "answer": 1521800782956,
    },
    {"title": "Responder Name", "type": "Text", "options": [], "isInvisible": True, "answer": "Asha"},
]


def read(event_type: str, data: Any, **changes: Any) -> KaizalaEvent:
    return KaizalaEvent.read(message(eventType=event_type, data=data, **changes), received_at=NOW, cursor=7)


def test_a_message() -> None:
    event = KaizalaEvent.read(message(), received_at=NOW, cursor=7)
    assert (event.event_id, event.event_type, event.group_id) == ("e1", "TextMessageCreated", GROUP)
    assert (event.action_id, event.text, event.data) == (None, "Hello", {"text": "Hello"})
    assert event.person == Person("+910000000001", "Asha", "u1@2")
    assert (event.at, event.received_at, event.cursor) == (NOW, NOW, 7)


@pytest.mark.parametrize(
    ("event_type", "data", "text"),
    [
        ("Announcement", {"title": "Notice", "text": "Shift moved"}, "Shift moved"),
        ("AttachmentCreated", {"media": [], "actionType": "Image", "caption": "Site"}, "Site"),
        ("AttachmentCreated", {"media": [], "actionType": "Image", "caption": ""}, None),
        ("MemberAdded", {"member": "+910000000002"}, None),
    ],
)
def test_the_text_of_other_events(event_type: str, data: Any, text: str | None) -> None:
    assert read(event_type, data).text == text


def test_a_response() -> None:
    data = {"actionId": "a2", "groupId": "g1", "responseDetails": {"responseWithQuestions": ANSWERS}}
    event = read("SurveyResponse", data)
    assert (event.action_id, event.group_id) == ("a2", GROUP)
    assert event.at == datetime.fromtimestamp(1521800782.956, tz=UTC)
    assert event.received_at == NOW


@pytest.mark.parametrize("answer", [None, "soon", [], {"a": 1}])
def test_a_response_without_a_readable_time(answer: Any) -> None:
    entry = {"title": "ResponseTime", "isInvisible": True, "answer": answer}
    assert read("SurveyResponse", {"responseDetails": {"responseWithQuestions": [entry, 5]}}).at == NOW


@pytest.mark.parametrize(
    ("data", "person"),
    [
        ({"responder": "+915", "responderName": "Ravi", "responderId": "u5"}, Person("+915", "Ravi", "u5")),
        ({"responder": "+915", "isAnonymous": True}, Person()),
        (
            {"responseDetails": {"response": {"assignee": "+915", "assigneeName": "Ravi"}}},
            Person("+915", "Ravi"),
        ),
        ({}, Person()),
    ],
)
def test_who_responded_where_the_envelope_names_nobody(data: Any, person: Person) -> None:
    assert read("JobResponse", data, fromUser="", fromUserName="", fromUserId=None).person == person


def test_a_bot_has_a_name_but_no_number() -> None:
    assert read("TextMessageCreated", {}, fromUser="", fromUserName="Robo").person == Person(
        None, "Robo", "u1@2"
    )


def test_the_group_of_an_event_of_an_action() -> None:
    event = read("ActionResponse", {"groupId": "g9"}, objectType="Action", objectId="a5")
    assert (event.group_id, event.action_id, event.object_id) == ("g9", "a5", "a5")
    assert read("GroupAdded", {"groupId": "g9", "groupName": "North"}).group_id == GROUP, (
        "not the one that was added"
    )


def test_names_in_any_case_and_numbers_as_text() -> None:
    body = {
        "EVENTID": 12,
        "eventtype": "TextMessageCreated",
        "Data": {"TEXT": 5},
        "ObjectId": GROUP,
        "OBJECTTYPE": "Group",
    }
    event = KaizalaEvent.read(body)
    assert (event.event_id, event.text, event.group_id) == ("12", "5", GROUP)
    assert event.received_at.tzinfo is UTC


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_data_that_is_no_object(data: Any) -> None:
    assert read("TextMessageCreated", data).data == {}


@pytest.mark.parametrize("event_type", [*EVENT_TYPES, "BirthdayCelebrated"])
def test_every_type_is_read_and_unknown_ones_are_kept(event_type: str) -> None:
    assert read(event_type, {"cake": True}).event_type == event_type
    assert read(event_type, {"cake": True}).data == {"cake": True}


@pytest.mark.parametrize("name", ["eventId", "eventType"])
@pytest.mark.parametrize("value", [None, "", True, {}, "x" * 300, "a\nb", "a\x00b", "\ud800"])
def test_ids_and_types_that_cannot_be_stored(name: str, value: Any) -> None:
    with pytest.raises(UnreadableReplyError, match=name):
        KaizalaEvent.read(message(**{name: value}))


def test_a_message_that_replies_to_another() -> None:
    event = read("TextMessageCreated", {"text": "Yes", "replyToReferenceId": "r1"})
    assert (event.reply_to, event.object_id) == ("r1", GROUP)
    assert read("TextMessageCreated", {"text": "Yes"}).reply_to is None


def test_an_event_as_plain_json() -> None:
    event = read("TextMessageCreated", {"text": "Yes"})
    assert json.loads(json.dumps(event.to_dict())) == {
        "event_id": "e1",
        "event_type": "TextMessageCreated",
        "group_id": GROUP,
        "action_id": None,
        "reply_to": None,
        "person": {"mobile_number": "+910000000001", "name": "Asha", "id": "u1@2"},
        "text": "Yes",
        "at": "2026-03-01T12:00:00Z",
        "data": {"text": "Yes"},
    }
