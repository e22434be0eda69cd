"""Each operation: what it sends, what it reads, whether it is safe to repeat."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.calls import Call
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Audience,
    Job,
    Location,
    Message,
    Person,
    Poll,
    Posted,
    UnreadableReplyError,
)
from airflow_provider_kaizala.client.multipart import Part

ASHA, RAVI = "+910000000001", "+910000000002"
G = "11111111-1111-4111-8111-111111111111@1"
ROOT = f"/groups/{G}"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

#: call, operationId, method, path, query, body, safe to repeat, group
CALLS = {
    "me": (calls.get_me(), "getMe", "GET", "/users/me", {}, None, True, None),
    "me of a group": (calls.get_me(G), "getMe", "GET", "/users/me", {}, None, True, G),
    "groups": (calls.list_groups(), "listGroups", "GET", "/groups", {"showDetails": "true"}, None, True, None),
    "group": (calls.get_group(G), "getGroup", "GET", ROOT, {}, None, True, G),
    "new group": (
        calls.create_group("North", "Hi", [ASHA, RAVI, ASHA], "ConnectGroup"), "createGroup", "POST", "/groups", {},
        {"name": "North", "welcomeMessage": "Hi", "groupType": "ConnectGroup", "members": [ASHA, RAVI]}, False, None),
    "new sub-group": (
        calls.create_group("North", "Hi", parent=G), "createGroup", "POST", "/groups", {},
        {"name": "North", "welcomeMessage": "Hi", "groupType": "Group"}, False, G),
    "members": (calls.list_members(G), "listMembers", "GET", ROOT + "/members", {}, None, True, G),
    "add": (calls.add_members(G, [ASHA]), "addMembers", "PUT", ROOT + "/members", {}, {"members": [ASHA]}, True, G),
    "remove": (calls.remove_member(G, "u 1/ü@2"), "removeMember", "DELETE", ROOT + "/members/u%201%2F%C3%BC@2", {}, None, True, G),
    "text": (
        calls.send_message(G, Message("Hi"), Audience([ASHA], reply_to_reference_id="r0")), "sendMessage", "POST",
        ROOT + "/messages", {}, {"message": "Hi", "subscribers": [ASHA], "replyToReferenceId": "r0"}, False, G),
    "action": (
        calls.post_action(G, Job("t", [ASHA]), Audience(send_to_all_subscribers=True)), "postAction", "POST",
        ROOT + "/actions", {},
        {"actionType": "Job", "actionBody": {"title": "t", "assignedTo": [ASHA]}, "sendToAllSubscribers": True}, False, G),
    "list": (
        calls.list_actions(G, "Survey", datetime(2018, 3, 23, 10, 26, 22, 999_999, tzinfo=UTC), 7), "listActions", "GET",
        ROOT + "/actions", {"actionType": "Survey", "fromDate": "1521800782", "count": "7"}, None, True, G),
    "list all": (calls.list_actions(G, "Job"), "listActions", "GET", ROOT + "/actions", {"actionType": "Job"}, None, True, G),
    "detail": (calls.get_action(G, "a1"), "getAction", "GET", ROOT + "/actions/a1", {"getDetails": "true"}, None, True, G),
    "answer": (
        calls.post_response(G, "a1", ["A", 2, None], name="Asha", location=Location(1, 2, "H")), "postResponse", "POST",
        ROOT + "/actions/a1/responses", {},
        {"actionType": "Survey", "actionBody": {"Answers": ["A", 2, None], "responseName": "Asha",
         "responseLocation": {"latitude": 1, "longitude": 2, "name": "H"}}}, False, G),
    "edited answer": (
        calls.post_response(G, "a1", [], package_id="p.1", response_id="r1"), "postResponse", "POST",
        ROOT + "/actions/a1/responses", {}, {"id": "p.1", "actionBody": {"Answers": []}, "responseId": "r1"}, True, G),
    "job done": (
        calls.complete_job(G, "a1"), "postResponse", "POST", ROOT + "/actions/a1/responses", {},
        {"actionType": "Job", "actionBody": {"isCompleted": True}}, True, G),
    "job not done": (
        calls.complete_job(G, "a1", done=False), "postResponse", "POST", ROOT + "/actions/a1/responses", {},
        {"actionType": "Job", "actionBody": {"isCompleted": False}}, True, G),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_is_sent(name):
    call, operation, method, path, query, body, repeatable, group = CALLS[name]
    assert (call.operation, call.method, call.path) == (operation, method, path)
    assert dict(call.query) == query
    assert (call.body and json.loads(json.dumps(call.body(NOW)))) == body
    assert (call.repeatable, call.group_id, call.needs_token, call.parts) == (repeatable, group, True, ())


def test_the_token_call():
    call = calls.access_token("c", "s", "r")
    assert (call.operation, call.method, call.path, call.body) == (
        "getAccessToken",
        "GET",
        "/accessToken",
        None,
    )
    assert call.headers == {"applicationId": "c", "applicationSecret": "s", "refreshToken": "r"}
    assert (call.repeatable, call.needs_token, call.group_id) == (True, False, None)


def test_an_upload():
    part = Part("a.png", "image/png", lambda: pytest.fail("opened"))
    call = calls.upload_media(G, [part])
    assert (call.operation, call.method, call.path, call.group_id) == ("uploadMedia", "POST", "/media", G)
    assert (call.parts, call.body, call.repeatable) == ((part,), None, True)
    assert call.parse({"MediaResource": "opaque"}) == "opaque"


def test_every_function_makes_a_call_and_is_tested_here():
    made = {
        name
        for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__ and not name.startswith("_")
    }
    assert all(getattr(calls, name).__annotations__["return"].startswith("Call[") for name in made)
    here = Path(__file__).read_text()
    assert [name for name in made if f"calls.{name}(" not in here] == []


@pytest.mark.parametrize("call", [calls.add_members(G, [ASHA]), calls.remove_member(G, "u1")])
@pytest.mark.parametrize(
    ("body", "read"),
    [({}, True), ({"result": True}, True), ({"result": "true"}, True), ({"Result": "True"}, True), ({"result": False}, False),
     ({"result": "false"}, False), ([], True), (None, True)],
)  # fmt: skip
def test_what_says_little_is_read_as_done_unless_it_says_no(call, body, read):
    assert call.parse(body) is read


@pytest.mark.parametrize(
    ("body", "read"), [({"responseId": "r1"}, "r1"), ({}, None), (None, None), ({"result": "true"}, None)]
)
def test_a_completed_job_may_answer_with_another_shape(body, read):
    assert calls.complete_job(G, "a1").parse(body) == read


def test_lists_must_be_there():
    for call in (calls.list_groups(), calls.list_members(G), calls.list_actions(G, "Job")):
        with pytest.raises(UnreadableReplyError):
            call.parse({})
    assert calls.list_groups().parse({"Groups": []}) == ()
    assert [each.id for each in calls.list_members(G).parse({"members": [{"id": "u1"}, {"id": "u2"}]})] == [
        "u1",
        "u2",
    ]


def test_other_replies():
    assert calls.send_message(G, Message("x")).parse({"referenceId": "r"}) == Posted("r", None)
    assert (
        calls.post_action(G, Poll("q", ["a", "b"])).parse({"referenceId": "r", "actionId": "a"}).action_id
        == "a"
    )
    assert calls.get_me().parse({"id": "u1", "mobileNumber": ASHA}) == Person(ASHA, None, "u1")
    assert calls.get_group(G).parse({"groups": [{"groupId": G, "groupName": "N"}]}).name == "N"
    assert calls.get_action(G, "a1").parse({"actionType": "Job", "actionDetails": {}}).action_type == "Job"


class TestBadInput:
    @pytest.mark.parametrize("odd", ["", ".", "..", " ", " .. "])
    @pytest.mark.parametrize(
        "make",
        [
            calls.get_group,
            lambda odd: calls.get_action(G, odd),
            lambda odd: calls.remove_member(G, odd),
            lambda odd: calls.complete_job(G, odd),
            lambda odd: calls.send_message(odd, Message("x")),
        ],
    )
    def test_an_id_that_would_name_another_path(self, make, odd):
        with pytest.raises(KaizalaInputError, match="is no id"):
            make(odd)

    def test_a_new_group(self):
        numbers = [f"+91{number:010}" for number in range(101)]
        assert len(calls.create_group("N", "Hi", numbers[:100]).body(NOW)["members"]) == 100
        with pytest.raises(KaizalaInputError, match="members: 101 given; Kaizala takes at most 100"):
            calls.create_group("N", "Hi", numbers)
        with pytest.raises(KaizalaInputError, match="name is empty"):
            calls.create_group("", "Hi")
        with pytest.raises(KaizalaInputError, match="welcome_message is empty"):
            calls.create_group("N", " ")
        with pytest.raises(KaizalaInputError, match=r"members: .*E\.164"):
            calls.create_group("N", "Hi", ["910"])

    @pytest.mark.parametrize("members", [[], "+910000000001", ["x"], None])
    def test_members(self, members):
        with pytest.raises(KaizalaInputError, match="members"):
            calls.add_members(G, members)


def test_a_call_is_a_value():
    assert Call("x", "GET", "/x", str, repeatable=True).query == {}
    with pytest.raises(AttributeError):
        calls.get_me().path = "/elsewhere"
