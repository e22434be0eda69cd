"""The client against the contract: its table, and each request of each function."""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.effects import Reply, Send
from airflow_provider_kaizala.client.errors import KaizalaBadRequestError, KaizalaInputError
from airflow_provider_kaizala.client.models import (
    Announcement,
    Audience,
    Job,
    Location,
    Media,
    Meeting,
    Message,
    NewWebhook,
    Package,
    Poll,
    Property,
    Question,
    Survey,
    WebhookChange,
)
from airflow_provider_kaizala.client.operations import OPERATIONS
from airflow_provider_kaizala.client.settings import DEFAULT_API_ROOT, Settings
from tests.contract.checker import (
    FILES,
    FORM,
    JSON,
    check_request,
    content_of,
    described,
    find,
    followed,
    undescribed,
)
from tests.contract.given import PLACE, QUESTIONS, WHEN, png
from tests.contract.shop import ASHA, MEERA, NORTH, RAVI, STORE

SOON = timedelta(hours=2)


def test_the_checker_sees_what_is_not_described():
    webhook = described()["createWebhook"]["requestBody"]["content"][JSON]["schema"]
    assert undescribed({"callBackUrl": "x", "callbackUrI": "y"}, webhook) == [".callbackUrI"]
    assert undescribed({"questions": [{"titel": "x"}]}, {"$ref": "#/components/schemas/SurveyBody"}) == [
        ".questions[].titel"
    ]


# --- the table -------------------------------------------------------------------------------------------------------------


def test_the_table_is_the_contract():
    kinds = {JSON: "json", FORM: "form", FILES: "files"}
    expected = {}
    for name, operation in described().items():
        queries = [each for each in operation["parameters"] if each["in"] == "query"]
        expected[name] = (
            operation["method"],
            operation["path"],
            {each["name"] for each in operation["parameters"] if each["in"] == "path"},
            {each["name"] for each in queries if each.get("required")},
            {each["name"] for each in queries if not each.get("required")},
            next((kinds[kind] for kind in operation.get("requestBody", {}).get("content", {})), None),
            operation.get("security") == [],
            operation["host"] == "https://ds.kaiza.la",
        )
    assert len(expected) == 48
    table = {
        name: (row.method, row.path, set(row.path_parameters), set(row.needed), set(row.optional), row.sends, row.signs_in, row.oauth)
        for name, row in OPERATIONS.items()
    }  # fmt: skip
    assert table == expected


def test_what_only_reads_or_overwrites_is_repeated_and_nothing_else():
    """A PUT, a DELETE or a GET may go out twice; of the POSTs only those that show nobody anything."""
    posts = {
        "listSubscribers",
        "uploadMedia",
        "uploadMediaFromUrl",
        "uploadMediaFromAttachment",
        "addBotToGroup",
    }
    for name, operation in described().items():
        assert OPERATIONS[name].repeatable == (operation["method"] != "POST" or name in posts), name


# --- each function's requests ----------------------------------------------------------------------------------------------

OTHER = "5d0f3a52-6f0e-4f1c-9a77-2b0c6d1f8e10@2"
ODD = "aü/?#%2F&=+@1"  # an id is opaque: whatever characters it holds arrive unchanged
GIVEN = {STORE, OTHER, ODD, "a", "b", "r", "u", "w", "Group", "Action", "MemberAdded", "ActionResponse"}
TO = Audience([RAVI, MEERA], reply_to_reference_id="r0")
ALL = Audience(send_to_all_subscribers=True)
PROPERTIES = [
    Property("a b", "Text", "ü"),
    Property("n", "Numeric", "1"),
    Property("files", "AttachmentList", ""),
]


#: function to calls: with as little as it takes, and with all there is
REQUESTS: dict[str, list[Any]] = {
    "access_token": [calls.access_token("c@1", "s", "r")],
    "generate_pin": [calls.generate_pin(ASHA, "c")],
    "login_with_pin": [calls.login_with_pin(ASHA, "c", "s", "0471"), calls.login_with_pin(ASHA, "c", "s", 4711)],
    "oauth_token": [calls.oauth_token("c", "s&=+ü", "c0de")],
    "get_me": [calls.get_me(), calls.get_me(STORE)],
    "create_group": [
        calls.create_group("N", "Hi"),
        calls.create_group("Nord & Süd", "Hi\nall", [ASHA, RAVI], "ConnectGroup", STORE)],
    "list_groups": [calls.list_groups(), calls.list_groups(STORE, all_groups=True)],
    "get_group": [calls.get_group(STORE)],
    "list_sub_groups": [calls.list_sub_groups(STORE), calls.list_sub_groups(STORE, all_levels=True)],
    "create_sub_group": [
        calls.create_sub_group(STORE, "N", "Hi"),
        calls.create_sub_group(STORE, "N", "Hi", [ASHA], "ConnectGroup", join=False)],
    "add_sub_groups": [calls.add_sub_groups(STORE, [OTHER, NORTH])],
    "remove_sub_group": [calls.remove_sub_group(STORE, OTHER)],
    "find_tenant_groups": [calls.find_tenant_groups("N & S+%20ü").call(None), calls.find_tenant_groups("N").call(50)],
    "list_members": [calls.list_members(STORE)],
    "add_members": [calls.add_members(STORE, [ASHA, RAVI])],
    "update_member": [calls.update_member(STORE, ODD, "Admin"), calls.update_member(STORE, "u", "member")],
    "remove_member": [calls.remove_member(STORE, ODD)],
    "list_subscribers": [calls.list_subscribers(STORE).call(None), calls.list_subscribers(STORE, 70).call("c 1")],
    "first_subscribers": [calls.first_subscribers(STORE)],
    "add_subscribers": [calls.add_subscribers(STORE, [ASHA])],
    "remove_subscribers": [calls.remove_subscribers(STORE, [ASHA, RAVI])],
    "send_message": [
        calls.send_message(STORE, Message("x")), calls.send_message(STORE, Message("x" * 4000), TO),
        calls.send_message(STORE, Message("👋🏽 \"'\\\n"), ALL)],
    "upload_media": [calls.upload_media(None, [png()]), calls.upload_media(STORE, [png('ü "1".png'), png("b.png")])],
    "upload_media_from_url": [calls.upload_media_from_url(STORE, "https://cdn.example/ü.png?a=b")],
    "upload_media_from_attachment": [
        calls.upload_media_from_attachment(None, "aGk="),
        calls.upload_media_from_attachment(STORE, {"$content-type": "image/png", "$content": "aGk="})],
    "post_action": [
        calls.post_action(STORE, action, audience)
        for action, audience in [
            (Survey("S", [Question("Q")]), Audience()),
            (Survey("S", QUESTIONS, SOON, "All of it", True, True, True), TO),
            (Job("J", [ASHA]), Audience()), (Job("J", [ASHA, RAVI], WHEN), ALL),
            (Poll("P", ["a", "b"]), Audience()), (Poll("P", ["a", "b", "c"], "2030-01-01", True), TO),
            (Meeting("M", WHEN), Audience()), (Meeting("M", "2030-01-01T10:00:00", timedelta(hours=1), PLACE, "All", True), TO),
            (Announcement("A"), Audience()), (Announcement("A", "T", ("m1", "m2")), ALL),
            (Media("Image", "m"), Audience()), (Media("album", "m", "Caption"), TO),
            (Package("com.example.card"), Audience()),
            (Package("com.example.card.2", "C", QUESTIONS, PROPERTIES, SOON, WHEN, True, True, True), TO),
        ]],
    "list_actions": [
        calls.list_actions(STORE, "Job").call(None), calls.list_actions(STORE, "LetsMeet", WHEN, 7).call(None),
        calls.list_actions(STORE, "Poll").call((1_700_000_000, 60))],
    "get_action": [calls.get_action(STORE, ODD)],
    "update_action": [
        calls.update_action(STORE, "a", PROPERTIES[:1]),
        calls.update_action(STORE, ODD, PROPERTIES, version=4, notify=True, audience=Audience([RAVI])),
        calls.update_action(STORE, ODD, PROPERTIES, audience=ALL)],
    "update_action_properties": [
        calls.update_action_properties(STORE, "a", PROPERTIES[:1]),
        calls.update_action_properties(STORE, "a", PROPERTIES, version=4, notify_group=OTHER)],
    "send_reminder": [
        calls.send_reminder(STORE, "a"), calls.send_reminder(STORE, "a", ALL), calls.send_reminder(STORE, "a", Audience([RAVI]))],
    "post_response": [
        calls.post_response(STORE, "a", []),
        calls.post_response(STORE, "a", ["A", ["X", "Y"], 2, 2.5, WHEN, PLACE, Location(1, 2), None], name="Asha", location=PLACE),
        calls.post_response(STORE, "a", ["A"], package_id="com.example.card.2", response_id="r1")],
    "complete_job": [calls.complete_job(STORE, "a"), calls.complete_job(STORE, "a", done=False)],
    "post_reaction": [
        calls.post_reaction(STORE, "r"), calls.post_reaction(STORE, "r", "Comment", "Nice 👍", source_group_id=OTHER)],
    "count_reactions": [calls.count_reactions(STORE, "r"), calls.count_reactions(STORE, ODD, source_group_id=OTHER)],
    "list_reaction_counts": [
        calls.list_reaction_counts(STORE).call(None), calls.list_reaction_counts(STORE, source_group_id=OTHER, cursor=5).call(None),
        calls.list_reaction_counts(STORE).call(636529296000000001)],
    "list_reactions": [
        calls.list_reactions(STORE, "r", "Like").call(None),
        calls.list_reactions(STORE, "r", "Comment", source_group_id=OTHER, cursor=5).call(None)],
    "create_webhook": [
        calls.create_webhook(NewWebhook(STORE, "Group", ["MemberAdded"], "https://me.example/k")),
        calls.create_webhook(
            NewWebhook("com.example.card", "ActionPackage", ["ActionResponse"], "https://me.example/k?x=1", "t", "ctx", SOON), STORE)],
    "list_webhooks": [calls.list_webhooks(STORE), calls.list_webhooks("a1&", "action", STORE)],
    "update_webhook": [
        calls.update_webhook("w", WebhookChange(active=True)),
        calls.update_webhook(
            "w", WebhookChange(STORE, "Group", ["JobResponse"], "https://me.example/k", "t", "ctx", WHEN, False), STORE)],
    "delete_webhook": [calls.delete_webhook("w"), calls.delete_webhook(ODD, STORE)],
    "flow_subscribe": [
        calls.flow_subscribe("Group", "MemberAdded", STORE, "https://me.example/k"),
        calls.flow_subscribe("action", "actionresponse", "a", "https://me.example/k", group_id=STORE, action_package_id="p")],
    "create_bot": [calls.create_bot("Clerk"), calls.create_bot("Clerk", "m")],
    "list_bots": [calls.list_bots()],
    "update_bot": [calls.update_bot("b", "Clark"), calls.update_bot(ODD, "Clark", "m")],
    "delete_bot": [calls.delete_bot("b")],
    "bot_access_token": [calls.bot_access_token("b")],
    "add_bot_to_group": [calls.add_bot_to_group(STORE, "b")],
    "any_operation": [
        calls.any_operation("sendActionReminder", {"groupId": STORE, "actionId": ODD}),
        calls.any_operation("LISTACTIONS", {"GroupID": STORE, "actionType": "Job", "fromDate": 5, "id": "com.example.card"}),
        calls.any_operation("getAction", {"groupId": STORE, "actionId": "a", "getDetails": False}),
        calls.any_operation("listGroups", {"showDetail": True}),
        calls.any_operation("sendMessage", {"groupId": STORE}, {"message": "x"})],
}  # fmt: skip


class Captured(KaizalaClient):
    """Sends nothing: notes the requests, hands out tokens and refuses all else."""

    def __init__(self) -> None:
        super().__init__(
            Settings("app", "secret", refresh_token="r", calls_per_minute=0, retries=0, proxies={})
        )
        self.sends: list[Send] = []
        self._transport.exchange = self.note  # type: ignore[method-assign]

    def note(self, send: Send) -> Reply:
        self.sends.append(send)
        if "/accessToken" not in send.url or "/bot/" in send.url:
            return Reply(400, {}, b'{"message": "no", "errorCode": "No"}')
        token = {
            "accessToken": "a",
            "endpointUrl": "https://kms.kaiza.la",
            "accessTokenExpiry": 4_000_000_000_000,
        }
        return Reply(200, {}, json.dumps(token).encode())


def sent_by(call: Any) -> list[Send]:
    with Captured() as client, suppress(KaizalaBadRequestError):
        client.run(call)
    return client.sends


@pytest.mark.parametrize(
    ("function", "call"),
    [
        pytest.param(name, call, id=f"{name}-{at}")
        for name, made in REQUESTS.items()
        for at, call in enumerate(made)
    ],
)
def test_each_request_is_as_described(function, call):
    sends = sent_by(call)
    names = [check_request(send) for send in sends]
    assert names == (["getAccessToken"] if call.needs_token else []) + [call.operation]
    assert set(find(sends[-1])[1].values()) <= GIVEN


def test_the_sign_in_page_is_asked_for_as_described():
    root = Settings("app", "secret", refresh_token="r").oauth_root
    assert root == described()["oauthAuthorize"]["host"]
    url = calls.authorize_url(root, "app@1", "https://me.example/back?x=1&y=ü")
    assert check_request(Send("GET", url, {}, None, 1, 1, 1)) == "oauthAuthorize"
    assert dict(parse_qsl(urlsplit(url).query))["redirect_uri"] == "https://me.example/back?x=1&y=ü"


def test_calls_go_to_the_host_that_is_described():
    for name, made in REQUESTS.items():
        send = sent_by(made[0])[-1]
        host = described()[made[0].operation]["host"]
        assert send.url.startswith(host if host.startswith("https://") else "https://kms.kaiza.la/v1/"), name
    assert described()["getAccessToken"]["host"] == DEFAULT_API_ROOT + "/v1"


def test_every_function_and_every_operation_is_here():
    functions = {name for name in calls.__all__ if inspect.isfunction(getattr(calls, name))}
    assert set(REQUESTS) == functions - {"authorize_url"}
    assert {call.operation for made in REQUESTS.values() for call in made} == set(OPERATIONS) - {
        "oauthAuthorize"
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_any_operation_by_its_name(name):
    """With every parameter there is; the body is the caller's, and an empty object is sent if there is none."""
    operation = described()[name]
    values = {"integer": 7, "boolean": True}
    parameters = {}
    for each in operation["parameters"]:
        if each["in"] in ("path", "query"):
            schema = followed(each["schema"])
            enum = schema.get("enum", [None])[0]
            parameters[each["name"]] = enum or (
                STORE if "pattern" in schema else values.get(schema["type"], "xy/ü&")
            )
    files = [png()] if OPERATIONS[name].sends == "files" else ()
    if operation.get("security") == [] or name == "getBotAccessToken":
        with pytest.raises(KaizalaInputError, match=f"{name} exchanges secrets"):
            calls.any_operation(name, parameters)
        return
    call = calls.any_operation(name.upper(), parameters, files=files)
    send = sent_by(call)[-1]
    assert check_request(send, with_body=bool(files)) == name
    assert (content_of(send) or b"{}") == b"{}" or files
