"""Events of what polling has found are read as those of webhooks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.models import ActionDetails, Person, Response
from airflow_provider_kaizala.push import pulled
from airflow_provider_kaizala.push.pages import read_page
from airflow_provider_kaizala.push.subscriptions import listener_token
from tests.unit.push.sender import GROUP, SECRET

if TYPE_CHECKING:
    from airflow_provider_kaizala.push.events import KaizalaEvent
    from tests.unit.push.sender import Sender

RAVI = Person("+910000000002", "Ravi", "u2")
AT = datetime(2026, 3, 1, 9, 0, 0, 250_000, tzinfo=UTC)
VOTE = Response(RAVI, "r1", AT, {"Tea?": "Yes", "How many?": 2})


def details(**changes: Any) -> ActionDetails:
    given = ActionDetails("Poll", "a1", "Tea?", "Asha", None, 1, (), (VOTE,))
    return replace(given, **changes)


def stored(sender: Sender, body: dict[str, Any]) -> KaizalaEvent:
    """Hand an event to a receiver, and return what is read from there."""
    assert sender.post({**body, "eventId": "pulled-1"}).status_code == 200
    headers = {"Authorization": f"Bearer {listener_token(SECRET, 'kaizala_default')}"}
    response = sender.request("GET", "/kaizala/kaizala_default/events", headers=headers)
    (event,) = read_page(response.content).events
    return event


def test_a_response(sender: Sender) -> None:
    event = stored(sender, pulled.response_given(GROUP, "PollResponse", "a1", details(), VOTE))
    assert (event.event_type, event.group_id, event.action_id) == ("PollResponse", GROUP, "a1")
    assert (event.person, event.at) == (RAVI, AT)
    assert (event.data["title"], event.data["responseId"]) == ("Tea?", "r1")
    assert Response.read_form(event.data).answers == VOTE.answers


def test_an_anonymous_response_names_nobody(sender: Sender) -> None:
    vote = replace(VOTE, responder=Person(None, None, None))
    event = stored(
        sender, pulled.response_given(GROUP, "PollResponse", "a1", details(is_anonymous=True), vote)
    )
    assert event.person == Person(None, None, None)
    assert event.data["isAnonymous"] is True


def test_a_job_that_is_done(sender: Sender) -> None:
    done = Response(RAVI, None, None, {"Check pump": "Completed"}, completed=True)
    event = stored(
        sender, pulled.response_given(GROUP, "JobResponse", "a1", details(action_type="Job"), done)
    )
    assert (event.event_type, event.person.mobile_number) == ("JobResponse", RAVI.mobile_number)
    assert event.data["responseDetails"]["response"]["isCompleted"] is True


def test_a_new_action(sender: Sender) -> None:
    action = Response(RAVI, "a9", AT, {"title": "Site", "actionType": "Image", "referenceId": "ref"})
    event = stored(sender, pulled.action_created(GROUP, "AttachmentCreated", action))
    assert (event.event_type, event.action_id, event.person) == ("AttachmentCreated", "a9", RAVI)
    assert event.data["referenceId"] == "ref"


def test_a_new_member(sender: Sender) -> None:
    event = stored(sender, pulled.member_added(GROUP, Response(RAVI, "u2", None, {"role": "Member"})))
    assert (event.event_type, event.group_id) == ("MemberAdded", GROUP)
    assert event.data == {"member": "+910000000002", "memberId": "u2", "memberName": "Ravi", "type": "Member"}


def test_an_edited_response_has_another_key_and_a_job_that_is_done_keeps_its_own() -> None:
    edited = replace(VOTE, responded_at=AT.replace(minute=1))
    assert pulled.response_key("a1", VOTE) != pulled.response_key("a1", edited)
    assert pulled.response_key("a1", VOTE) != pulled.response_key("a2", VOTE)
    signed_again = replace(VOTE, answers={"Photo": [{"url": "https://x/?signature=2"}]})
    assert pulled.response_key("a1", VOTE) == pulled.response_key("a1", signed_again)
    done = Response(RAVI, None, AT, {}, completed=True)
    assert pulled.response_key("a1", done) == pulled.response_key("a1", replace(done, responded_at=None))
