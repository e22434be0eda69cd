"""Every operation of the API description against the server, request and reply checked with its schemas."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest

from tests.contract.description import contract, operations

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "11111111-1111-4111-8111-111111111111@1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
REDIRECT = "https://app.example/back"


def fits(value: object, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": contract()["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


def test_there_are_48() -> None:
    assert len(operations()) == 48


def base_of(path: str) -> str:
    return "" if path.startswith("/api/") else "/v1"


@pytest.mark.parametrize("name", list(operations()))
def test_no_route_is_missing(server, api, name) -> None:
    method, path, _ = operations()[name]
    filled = path.replace("{groupId}", GROUP).replace("{objectType}", "Group").replace("{eventType}", "x")
    for start in ("{", "}"):
        filled = filled.replace(start, "")
    headers = {"accessToken": api.http.headers["accessToken"]}
    reply = httpx.request(method, server.url + base_of(path) + filled, headers=headers)
    assert reply.status_code not in (405, 500)
    assert reply.status_code != 404 or reply.json()["message"] != "The path was not found"


def document(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """Return what is documented for a status, its reference followed."""
    found = operation["responses"].get(str(status))
    assert found is not None, f"{operation['operationId']} answered {status}"
    if "$ref" in found:
        found = contract()["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return found


class Caller:
    """Calls operations by name, and notes which ones."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self.called: set[str] = set()

    def __call__(self, name: str, status: int = 200, **options: Any) -> Any:
        method, path, operation = operations()[name]
        places = {key: options.pop(key) for key in list(options) if f"{{{key}}}" in path}
        if "{groupId}" in path:
            places.setdefault("groupId", GROUP)
        headers = {"accessToken": self.token, **options.pop("headers", {})}
        if "json" in options:
            content = operation["requestBody"]["content"]["application/json"]
            fits(options["json"], content["schema"])
        url = self.url + base_of(path) + path.format(**places)
        reply = httpx.request(method, url, headers=headers, timeout=20, **options)
        assert reply.status_code == status, f"{name}: {reply.text}"
        documented = document(operation, status).get("content", {}).get("application/json")
        self.called.add(name)
        if documented is None:
            return reply
        assert reply.headers["content-type"].startswith("application/json")
        fits(reply.json(), documented["schema"])
        return reply.json()


SEED = f"""
people:
  - {{mobileNumber: "+910000000001", name: Asha, pin: "1234", tenantAdmin: true}}
  - {{mobileNumber: "+910000000002", name: Ravi, pin: "1234"}}
  - {{mobileNumber: "+910000000003", name: Meera, pin: "1234"}}
connectors:
  - {{id: app, secret: secret, redirectUrl: "{REDIRECT}"}}
groups:
  - {{id: "{GROUP}", name: Store 12, admins: ["+910000000001"], members: ["+910000000002"]}}
grants:
  - {{connector: app, kind: tenant, person: "+910000000001", refreshToken: tenant-token}}
"""


@pytest.fixture
def call(make_server, tmp_path) -> Caller:
    seed = tmp_path / "seed.yaml"
    seed.write_text(SEED)
    server = make_server(seed=str(seed))
    caller = Caller(server.url, "")
    headers = {"applicationId": "app", "applicationSecret": "secret", "refreshToken": "tenant-token"}
    caller.token = caller("getAccessToken", headers=headers)["accessToken"]
    return caller


class Callback(BaseHTTPRequestHandler):
    """Serves a picture, and echoes validation tokens."""

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        _, _, token = self.path.partition("validationToken=")
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if token else "image/png")
        self.end_headers()
        self.wfile.write(token.encode() or PNG)


@pytest.fixture
def callback() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Callback) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/a.png"
        http.shutdown()


def test_every_operation_answers_as_described(call, callback) -> None:
    sign_in(call)
    groups_and_people(call)
    hub(call)
    resource = media(call, callback)
    action, reference = actions(call, resource)
    reactions(call, reference)
    webhooks(call, action, callback)
    bots(call)
    assert call.called == set(operations())


def sign_in(call: Caller) -> None:
    who = {"mobileNumber": "+910000000002", "applicationId": "app"}
    call("generatePin", json=who)
    call("loginWithPinAndApplicationId", json={**who, "pin": 1234})
    asked = {"client_id": "app", "redirect_uri": REDIRECT}
    assert "<form" in call("oauthAuthorize", params=asked).text
    form = {**asked, "mobileNumber": "+910000000002", "pin": "1234"}
    sent = httpx.post(call.url + "/api/Oauth/Authorize", data=form)
    document(operations()["oauthAuthorize"][2], sent.status_code)
    code = sent.headers["location"].partition("code=")[2]
    form = {"client_id": "app", "client_secret": "secret", "code": code}
    call("oauthToken", data=form)
    call("oauthToken", 400, data=form)
    call("oauthToken", 401, data={**form, "client_secret": "x"})
    call("getMe")
    call("getMe", 401, headers={"accessToken": "x"})


def groups_and_people(call: Caller) -> None:
    made = call("createGroup", json={"name": "North", "welcomeMessage": "Hi", "members": ["+910000000002"]})
    north = made["groupId"]
    call("listGroups", params={"showDetails": "true"})
    call("getGroup")
    call("getGroup", 404, groupId="22222222-2222-4222-8222-222222222222")
    call("addSubGroups", json={"subGroups": [north]})
    call("listSubGroups")
    call("removeSubGroup", subGroupId=north)
    call("createSubGroup", groupId=north, json={"groupName": "Lower", "welcomeMessage": "Hi"})
    call("addMembers", json={"members": ["+910000000003"]})
    meera = next(one for one in call("listMembers")["members"] if one["name"] == "Meera")
    call("updateMember", memberId=meera["id"], json={"role": "Admin"})
    call("removeMember", memberId=meera["id"])
    call("findTenantGroups", params={"query": "Store"})


def hub(call: Caller) -> None:
    given = {"name": "Hub", "welcomeMessage": "Hi", "groupType": "ConnectGroup"}
    made = call("createGroup", json=given)["groupId"]
    phones = {"subscribers": ["+910000000002"]}
    call("addSubscribers", groupId=made, json=phones)
    call("listSubscribers", groupId=made, json={})
    call("listSubscribersGet", groupId=made)
    call("sendMessage", groupId=made, json={"message": "x", **phones})
    call("removeSubscribers", groupId=made, json=phones)


def media(call: Caller, callback: str) -> str:
    call("uploadMediaFromUrl", json={"mediaUrl": callback})
    call("uploadMediaFromUrl", 400, json={"mediaUrl": "http://nowhere.invalid/"})
    call(
        "uploadMediaFromAttachment", json={"fileContent": {"$content-type": "image/png", "$content": "AAAA"}}
    )
    call("uploadMediaFromAttachment", 400, json={"fileContent": "?"})
    call("uploadMedia", 415, files={"files": ("a.exe", PNG, "application/x-exe")})
    return call("uploadMedia", files={"files": ("a.png", PNG, "image/png")})["mediaResource"]


def actions(call: Caller, resource: str) -> tuple[str, str]:
    reference = call("sendMessage", json={"message": "Hello"})["referenceId"]
    call("postAction", json={"actionType": "Image", "actionBody": {"mediaResource": resource}})
    survey = {"title": "Daily", "questions": [{"title": "Q", "type": "Text"}]}
    action = call("postAction", json={"actionType": "Survey", "actionBody": survey})["actionId"]
    call("postResponse", actionId=action, json={"actionType": "Survey", "actionBody": {"Answers": ["x"]}})
    call("listActions", params={"actionType": "Survey"})
    call("getAction", actionId=action, params={"getDetails": "true"})
    call("getAction", 404, actionId="nothing")
    call("sendActionReminder", actionId=action, json={})
    card = {"title": "Card", "properties": [{"name": "status", "type": "Text", "value": "Open"}]}
    sent = call("postAction", json={"id": "com.example.card.2", "actionBody": card})["actionId"]
    closed = [{"name": "status", "type": 0, "value": "Closed"}]
    call("updateAction", actionId=sent, json={"version": -1, "updateProperties": closed})
    call("updateActionProperties", actionId=sent, json={"version": -1, "actionProperties": closed})
    return action, reference


def reactions(call: Caller, reference: str) -> None:
    source = {"sourceGroupId": GROUP}
    call("postReaction", json={"referenceId": reference, **source, "reactionType": "Like"})
    call("getGroupReactionSummary", params=source)
    call("getReactionSummary", referenceId=reference, params=source)
    call("getReactions", referenceId=reference, params={**source, "reactionType": "Like"})


def webhooks(call: Caller, action: str, callback: str) -> None:
    given = {
        "objectId": GROUP,
        "objectType": "Group",
        "eventTypes": ["TextMessageCreated"],
        "callBackUrl": callback,
        "callBackToken": "t",
        "callBackHeaders": None,
    }
    hook = call("createWebhook", json=given)["webhookId"]
    call("createWebhook", 400, json={**given, "callBackUrl": "http://nowhere.invalid/"})
    call("createWebhook", 404, json={**given, "objectId": "22222222-2222-4222-8222-222222222222"})
    [listed] = call("listWebhooks", params={"objectId": GROUP, "objectType": "Group"})["webhooks"]
    assert listed["id"] == hook
    call("listWebhooks", 400)
    call("updateWebhook", webhookId=hook, json={"Active": "true"})
    call("deleteWebhook", webhookId=hook)
    call("deleteWebhook", 404, webhookId=hook)
    call(
        "flowSubscribe",
        objectType="Action",
        eventType="SurveyResponse",
        params={"objectId": action},
        json={"CallbackUrl": callback},
    )


def bots(call: Caller) -> None:
    bot = call("createBot", json={"name": "Robo"})["botUserId"]
    call("listBots")
    call("updateBot", botUserId=bot, json={"name": "Robot"})
    call("addBotToGroup", json={"botUserId": bot})
    call("getBotAccessToken", botUserId=bot)
    call("deleteBot", botUserId=bot)
