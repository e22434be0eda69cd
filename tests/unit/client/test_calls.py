"""Each operation: what it sends, what it reads, whether it is safe to repeat."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
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
    NewWebhook,
    Person,
    Poll,
    Posted,
    Property,
    UnreadableReplyError,
    WebhookChange,
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
    "remove": (calls.remove_member(G, "u1/ü@2"), "removeMember", "DELETE", ROOT + "/members/u1%2F%C3%BC@2", {}, None, True, G),
    "text": (
        calls.send_message(G, Message("Hi"), Audience([ASHA], reply_to_reference_id="r0")), "sendMessage", "POST",
        ROOT + "/messages", {}, {"message": "Hi", "subscribers": [ASHA], "replyToReferenceId": "r0"}, False, G),
    "action": (
        calls.post_action(G, Job("t", [ASHA]), Audience(send_to_all_subscribers=True)), "postAction", "POST",
        ROOT + "/actions", {},
        {"actionType": "Job", "actionBody": {"title": "t", "assignedTo": [ASHA]}, "sendToAllSubscribers": True}, False, G),
    "list": (
        calls.list_actions(G, "Survey", datetime(2018, 3, 23, 10, 26, 22, 999_999, tzinfo=UTC), 7).call(None), "listActions", "GET",
        ROOT + "/actions", {"actionType": "Survey", "fromDate": "1521800782", "count": "7"}, None, True, G),
    "list all": (
        calls.list_actions(G, "Job").call(None), "listActions", "GET", ROOT + "/actions",
        {"actionType": "Job", "count": "30"}, None, True, G),
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
    "all groups": (
        calls.list_groups(G, all_groups=True), "listGroups", "GET", "/groups",
        {"showDetails": "true", "fetchAllGroups": "true"}, None, True, G),
    "sub-groups": (calls.list_sub_groups(G), "listSubGroups", "GET", ROOT + "/subGroups", {}, None, True, G),
    "sub-groups of all levels": (
        calls.list_sub_groups(G, all_levels=True), "listSubGroups", "GET", ROOT + "/subGroups", {"fetchAllGroups": "true"}, None,
        True, G),
    "new group below": (
        calls.create_sub_group(G, "Night", "Hi", [ASHA], "connectgroup", join=False), "createSubGroup", "POST",
        ROOT + "/subGroups", {},
        {"name": "Night", "groupName": "Night", "welcomeMessage": "Hi", "groupType": "ConnectGroup", "members": [ASHA],
         "addUserToGroup": False}, False, G),
    "attach": (calls.add_sub_groups(G, ["g2", "g3", "g2"]), "addSubGroups", "PUT", ROOT + "/subGroups", {},
        {"subGroups": ["g2", "g3"]}, True, G),
    "detach": (calls.remove_sub_group(G, "g2@1"), "removeSubGroup", "DELETE", ROOT + "/subGroups/g2@1", {}, None, True, G),
    "tenant search": (
        calls.find_tenant_groups("No & rth").call(None), "findTenantGroups", "GET", "/tenant/findGroupsByQuery",
        {"query": "No & rth", "resultsOffset": "0", "pageSize": "50"}, None, True, None),
    "tenant search, next": (
        calls.find_tenant_groups("N").call(50), "findTenantGroups", "GET", "/tenant/findGroupsByQuery",
        {"query": "N", "resultsOffset": "50", "pageSize": "50"}, None, True, None),
    "role": (calls.update_member(G, "u1", "admin"), "updateMember", "PUT", ROOT + "/members/u1", {}, {"role": "Admin"}, True, G),
    "subscribers": (
        calls.list_subscribers(G).call(None), "listSubscribers", "POST", ROOT + "/subscribers", {}, {"count": 50}, True, G),
    "subscribers, next": (
        calls.list_subscribers(G, 7).call("c1"), "listSubscribers", "POST", ROOT + "/subscribers", {},
        {"count": 7, "cursor": "c1"}, True, G),
    "subscribers, old": (calls.first_subscribers(G), "listSubscribersGet", "GET", ROOT + "/subscribers", {}, None, True, G),
    "add subscribers": (
        calls.add_subscribers(G, [ASHA]), "addSubscribers", "PUT", ROOT + "/subscribers/add", {}, {"subscribers": [ASHA]}, True, G),
    "remove subscribers": (
        calls.remove_subscribers(G, [ASHA]), "removeSubscribers", "PUT", ROOT + "/subscribers/remove", {},
        {"subscribers": [ASHA]}, True, G),
    "file by URL": (
        calls.upload_media_from_url(G, "https://a/b.png"), "uploadMediaFromUrl", "POST", "/media/url", {},
        {"mediaUrl": "https://a/b.png"}, True, G),
    "file in JSON": (
        calls.upload_media_from_attachment(None, "aGk="), "uploadMediaFromAttachment", "POST", "/media/attachment", {},
        {"fileContent": "aGk="}, True, None),
    "card": (
        calls.update_action(G, "a1", [Property("status", "Text", "Done")], notify=True, audience=Audience(send_to_all_subscribers=True)),
        "updateAction", "PUT", ROOT + "/actions/a1", {},
        {"version": -1, "updateProperties": [{"name": "status", "type": "Text", "value": "Done"}],
         "sendToAllSubscribers": True, "sendNotificationToSubscribers": True}, True, G),
    "card of a version": (
        calls.update_action(G, "a1", [Property("n", "numeric", "3")], version=4), "updateAction", "PUT", ROOT + "/actions/a1", {},
        {"version": 4, "updateProperties": [{"name": "n", "type": "Numeric", "value": "3"}]}, False, G),
    "card, old": (
        calls.update_action_properties(G, "a1", [Property("n", "AttachmentList", "3")], notify_group="g2"),
        "updateActionProperties", "PUT", ROOT + "/actions/a1/properties", {},
        {"version": -1, "notificationTargetGroup": "g2",
         "actionProperties": [{"propertyType": "Custom", "name": "n", "type": 7, "value": "3"}]}, True, G),
    "reminder": (calls.send_reminder(G, "a1"), "sendActionReminder", "POST", ROOT + "/actions/a1/reminder", {}, {}, False, G),
    "reminder to some": (
        calls.send_reminder(G, "a1", Audience([ASHA])), "sendActionReminder", "POST", ROOT + "/actions/a1/reminder", {},
        {"subscribers": [ASHA]}, False, G),
    "like": (
        calls.post_reaction(G, "r1"), "postReaction", "POST", ROOT + "/reaction", {},
        {"referenceId": "r1", "sourceGroupId": G, "reactionType": "Like"}, True, G),
    "comment": (
        calls.post_reaction(G, "r1", "comment", "Well done", source_group_id="g0"), "postReaction", "POST", ROOT + "/reaction", {},
        {"referenceId": "r1", "sourceGroupId": "g0", "reactionType": "Comment", "comment": "Well done"}, False, G),
    "counts": (
        calls.count_reactions(G, "r1"), "getReactionSummary", "GET", ROOT + "/reaction/r1/summary", {"sourceGroupId": G}, None, True, G),
    "counts of a group": (
        calls.list_reaction_counts(G, source_group_id="g0", cursor=5).call(None), "getGroupReactionSummary", "GET",
        ROOT + "/reaction/summary", {"sourceGroupId": "g0", "cursor": "5"}, None, True, G),
    "likes": (
        calls.list_reactions(G, "r1", "like").call(None), "getReactions", "GET", ROOT + "/reaction/r1",
        {"sourceGroupId": G, "reactionType": "Like"}, None, True, G),
    "likes, next": (
        calls.list_reactions(G, "r1", "Like", cursor=5).call(636529296000000000), "getReactions", "GET", ROOT + "/reaction/r1",
        {"sourceGroupId": G, "reactionType": "Like", "cursor": "636529296000000000"}, None, True, G),
    "webhook": (
        calls.create_webhook(NewWebhook(G, "group", ["textmessagecreated", "JobResponse"], "https://me.example/k?x=1", "t0ken", "ctx",
                                        timedelta(days=1)), G),
        "createWebhook", "POST", "/webhook", {},
        {"objectId": G, "objectType": "Group", "eventTypes": ["TextMessageCreated", "JobResponse"],
         "callBackUrl": "https://me.example/k?x=1", "callBackToken": "t0ken", "callBackContext": "ctx",
         "validity": int((NOW + timedelta(days=1)).timestamp() * 1000)}, False, G),
    "webhooks": (
        calls.list_webhooks("a1", "action", G), "listWebhooks", "GET", "/webhook",
        {"objectId": "a1", "objectType": "Action"}, None, True, G),
    "wake a webhook": (
        calls.update_webhook("w1", WebhookChange(active=True)), "updateWebhook", "PUT", "/webhook/w1", {}, {"Active": "true"}, True, None),
    "end a webhook": (calls.delete_webhook("w1", G), "deleteWebhook", "DELETE", "/webhook/w1", {}, None, True, G),
    "flow": (
        calls.flow_subscribe("group", "jobresponse", G, "https://me.example/k", group_id=G, action_package_id="p"), "flowSubscribe",
        "POST", "/webhook/Group/JobResponse", {"objectId": G, "groupId": G, "actionPackageId": "p"},
        {"CallbackUrl": "https://me.example/k"}, False, G),
    "new bot": (calls.create_bot("Clerk", "m1"), "createBot", "POST", "/bot", {}, {"name": "Clerk", "profilePic": "m1"}, False, None),
    "bots": (calls.list_bots(), "listBots", "GET", "/bot", {}, None, True, None),
    "bot": (calls.update_bot("b1", name="Clark"), "updateBot", "PUT", "/bot/b1", {}, {"name": "Clark"}, True, None),
    "end a bot": (calls.delete_bot("b1"), "deleteBot", "DELETE", "/bot/b1", {}, None, True, None),
    "bot's token": (calls.bot_access_token("b1"), "getBotAccessToken", "GET", "/bot/accessToken/b1", {}, None, True, None),
    "bot joins": (calls.add_bot_to_group(G, "b1"), "addBotToGroup", "POST", ROOT + "/bot", {}, {"botUserId": "b1"}, True, G),
    "any": (
        calls.any_operation("GETREACTIONS", {"groupid": G, "referenceId": "r/1", "sourceGroupId": "g0", "reactionType": "Like"}),
        "getReactions", "GET", ROOT + "/reaction/r%2F1", {"sourceGroupId": "g0", "reactionType": "Like"}, None, True, G),
    "any with a body": (
        calls.any_operation("updateWebhook", {"webhookId": "w1"}, {"Active": "true"}, group_id=G), "updateWebhook", "PUT",
        "/webhook/w1", {}, {"Active": "true"}, True, G),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_each_call_sends_what_is_documented(name):
    call, operation, method, path, query, body, repeatable, group = CALLS[name]
    assert (call.operation, call.method, call.path) == (operation, method, path)
    assert dict(call.query) == query
    assert (call.body and json.loads(json.dumps(call.body(NOW)))) == body
    assert (call.repeatable, call.group_id, call.needs_token, call.parts) == (repeatable, group, True, ())


def test_the_token_call_sends_three_headers():
    call = calls.access_token("c", "s", "r")
    assert (call.operation, call.method, call.path, call.body) == (
        "getAccessToken",
        "GET",
        "/accessToken",
        None,
    )
    assert call.headers == {"applicationId": "c", "applicationSecret": "s", "refreshToken": "r"}
    assert (call.repeatable, call.needs_token, call.group_id) == (True, False, None)


def test_sign_in_calls_send_what_is_documented():
    pin = calls.generate_pin(ASHA, "c")
    assert (pin.operation, pin.method, pin.path, pin.body(NOW)) == (
        "generatePin", "POST", "/generatePin", {"mobileNumber": ASHA, "applicationId": "c"})  # fmt: skip
    login = calls.login_with_pin(ASHA, "c", "s3cret", 123456)
    assert (login.operation, login.method, login.path) == (
        "loginWithPinAndApplicationId", "POST", "/loginWithPinAndApplicationId")  # fmt: skip
    assert login.body(NOW) == {
        "mobileNumber": ASHA,
        "applicationId": "c",
        "applicationSecret": "s3cret",
        "pin": "123456",
    }
    code = calls.oauth_token("c", "s3cret", "c0de")
    assert (code.operation, code.method, code.path, code.oauth, code.body) == (
        "oauthToken", "POST", "/api/oauth/token", True, None)  # fmt: skip
    assert code.form == {"client_id": "c", "client_secret": "s3cret", "code": "c0de"}
    for call in (pin, login, code):
        assert (call.repeatable, call.needs_token, call.group_id) == (False, False, None)
        assert not {"s3cret", "123456", "c0de"} & set(repr(call).replace("'", " ").split())
    assert set(login.secrets) == {"s3cret", "123456"}
    assert set(code.secrets) == {"s3cret", "c0de"}
    assert (
        calls.authorize_url("https://ds.kaiza.la", "c@1", "https://me.example/back?x=1")
        == "https://ds.kaiza.la/api/Oauth/Authorize?client_id=c%401&redirect_uri=https%3A%2F%2Fme.example%2Fback%3Fx%3D1"
    )


def test_an_upload_sends_its_parts():
    part = Part("a.png", "image/png", lambda: pytest.fail("opened"))
    call = calls.upload_media(G, [part])
    assert (call.operation, call.method, call.path, call.group_id) == ("uploadMedia", "POST", "/media", G)
    assert (call.parts, call.body, call.repeatable) == ((part,), None, True)
    assert call.parse({"MediaResource": "opaque"}) == "opaque"


def test_every_function_returns_a_call_and_is_tested_here():
    made = {name for name in calls.__all__ if inspect.isfunction(getattr(calls, name))} - {"authorize_url"}
    kinds = {getattr(calls, name).__annotations__["return"].split("[")[0] for name in made}
    assert kinds == {"Call", "Paged"}
    here = Path(__file__).read_text()
    assert [name for name in made if f"calls.{name}(" not in here] == []


@pytest.mark.parametrize("call", [calls.add_members(G, [ASHA]), calls.remove_member(G, "u1")])
@pytest.mark.parametrize(
    ("body", "read"),
    [({}, True), ({"result": True}, True), ({"result": "true"}, True), ({"Result": "True"}, True), ({"result": False}, False),
     ({"result": "false"}, False), ([], True), (None, True)],
)  # fmt: skip
def test_a_reply_without_content_is_read_as_done(call, body, read):
    assert call.parse(body) is read


@pytest.mark.parametrize(
    ("body", "read"), [({"responseId": "r1"}, "r1"), ({}, None), (None, None), ({"result": "true"}, None)]
)
def test_a_completed_job_may_reply_in_another_form(body, read):
    assert calls.complete_job(G, "a1").parse(body) == read


def test_a_reply_without_its_list_is_unreadable():
    for call in (calls.list_groups(), calls.list_members(G), calls.list_actions(G, "Job").call(None)):
        with pytest.raises(UnreadableReplyError):
            call.parse({})
    assert calls.list_groups().parse({"Groups": []}) == ()
    assert [each.id for each in calls.list_members(G).parse({"members": [{"id": "u1"}, {"id": "u2"}]})] == [
        "u1",
        "u2",
    ]


def test_other_replies_are_read():
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
    def test_an_id_that_would_address_another_path_is_refused(self, make, odd):
        with pytest.raises(KaizalaInputError, match=r"is not a valid id|If a template was to render it"):
            make(odd)

    def test_bad_arguments_of_a_new_group_are_refused(self):
        numbers = [f"+91{number:010}" for number in range(101)]
        assert len(calls.create_group("N", "Hi", numbers[:100]).body(NOW)["members"]) == 100
        with pytest.raises(KaizalaInputError, match="members: 101 given, but Kaizala accepts at most 100"):
            calls.create_group("N", "Hi", numbers)
        with pytest.raises(KaizalaInputError, match="name is empty"):
            calls.create_group("", "Hi")
        with pytest.raises(KaizalaInputError, match="welcome_message is empty"):
            calls.create_group("N", " ")
        with pytest.raises(KaizalaInputError, match=r"members: .*E\.164"):
            calls.create_group("N", "Hi", ["910"])

    @pytest.mark.parametrize("members", [[], "+910000000001", ["x"], None])
    def test_members_are_read(self, members):
        with pytest.raises(KaizalaInputError, match="members"):
            calls.add_members(G, members)


def test_equal_calls_compare_equal():
    assert Call("x", "GET", "/x", str, repeatable=True).query == {}
    with pytest.raises(AttributeError):
        calls.get_me().path = "/elsewhere"
