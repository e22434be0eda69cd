"""The client against the contract: its table, each request of each function, and the whole journey with a live server.

A request is looked up in the API description by method and path and checked whole: path, query and header parameters,
the kind of body, its schema, and that it names no field which is not described. So is every reply of the server.
"""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import functools
import inspect
import io
import json
import queue
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema
import pytest
import requests

from airflow_provider_kaizala.client import AsyncKaizalaClient, KaizalaClient, calls
from airflow_provider_kaizala.client.calls import groups as group_calls
from airflow_provider_kaizala.client.effects import Reply, Send
from airflow_provider_kaizala.client.errors import (
    KaizalaBadRequestError,
    KaizalaError,
    KaizalaInputError,
    KaizalaNotFoundError,
)
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
    SubscriberOutcome,
    Survey,
    WebhookChange,
)
from airflow_provider_kaizala.client.multipart import Part, Upload
from airflow_provider_kaizala.client.operations import OPERATIONS
from airflow_provider_kaizala.client.settings import DEFAULT_API_ROOT, Settings
from tests.contract.description import contract, operations
from tests.contract.shop import ASHA, HUB, MEERA, NORTH, PNG, RAVI, REDIRECT, STORE, STRANGER, Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON, FORM, FILES = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
SOON = timedelta(hours=2)


# --- the contract ----------------------------------------------------------------------------------------------------------


def followed(found: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to its end."""
    while "$ref" in found:
        place: Any = contract()
        for name in found["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        found = place
    return found


@functools.cache
def described() -> dict[str, dict[str, Any]]:
    """Each operation by its operationId, with method, path and host."""
    return {
        name: {
            **operation,
            "method": method,
            "path": path,
            "parameters": [followed(each) for each in operation.get("parameters", ())],
            "host": operation.get("servers", contract()["servers"])[0]["url"],
        }
        for name, (method, path, operation) in operations().items()
    }


formats = jsonschema.FormatChecker()


@formats.checks("date-time", raises=(ValueError, AssertionError))
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@formats.checks("uri", raises=ValueError)
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


def fits(value: object, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": contract()["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=formats).validate(value)


def undescribed(value: object, *schemas: dict[str, Any], at: str = "") -> list[str]:
    """Return the fields of *value* that none of the schemas names; an object without any names may hold all."""
    found: list[dict[str, Any]] = []
    for schema in map(followed, schemas):
        found += [schema]
        for how in ("allOf", "anyOf", "oneOf"):
            found += map(followed, schema.get(how, ()))
    if isinstance(value, list):
        items = [each["items"] for each in found if "items" in each]
        return [name for item in value for name in (undescribed(item, *items, at=f"{at}[]") if items else ())]
    if not isinstance(value, dict):
        return []
    known: dict[str, list[dict[str, Any]]] = {}
    others = [
        each["additionalProperties"] for each in found if isinstance(each.get("additionalProperties"), dict)
    ]
    for each in found:
        for name, schema in each.get("properties", {}).items():
            known.setdefault(name, []).append(schema)
    if not known and not others:
        return []
    lost = []
    for name, item in value.items():
        inner = known.get(name, others)
        lost += undescribed(item, *inner, at=f"{at}.{name}") if inner else [f"{at}.{name}"]
    return lost


def test_the_checker_sees_what_is_not_described():
    webhook = described()["createWebhook"]["requestBody"]["content"][JSON]["schema"]
    assert undescribed({"callBackUrl": "x", "callbackUrI": "y"}, webhook) == [".callbackUrI"]
    assert undescribed({"questions": [{"titel": "x"}]}, {"$ref": "#/components/schemas/SurveyBody"}) == [
        ".questions[].titel"
    ]


BODIES = {
    "Survey": "SurveyBody",
    "Job": "JobBody",
    "Poll": "PollBody",
    "LetsMeet": "LetsMeetBody",
    "Announcement": "AnnouncementBody",
}


def find(send: Send) -> tuple[str, dict[str, str]]:
    """Return the operation a request is for, and its path parameters; what is spelled out wins over a parameter."""
    path = urlsplit(send.url).path
    path = path if path.startswith("/api/") else path.removeprefix("/v1")
    assert path != urlsplit(send.url).path or path.startswith("/api/"), f"{path} lies outside of /v1"
    given = [unquote(part, errors="strict") for part in path.split("/")]
    best: tuple[int, str, dict[str, str]] | None = None
    for name, operation in described().items():
        parts = operation["path"].split("/")
        if operation["method"] != send.method or len(parts) != len(given):
            continue
        pairs = list(zip(parts, given, strict=True))
        if all(part.startswith("{") or part == one for part, one in pairs):
            places = {part.strip("{}"): one for part, one in pairs if part.startswith("{")}
            if best is None or len(places) < best[0]:
                best = (len(places), name, places)
    assert best is not None, f"{send.method} {path} is not described"
    return best[1], best[2]


def check_request(send: Send, *, with_body: bool = True) -> str:
    """Check a request in every respect; return its operationId."""
    name, places = find(send)
    operation = described()[name]
    pairs = parse_qsl(
        urlsplit(send.url).query, keep_blank_values=True, strict_parsing=bool(urlsplit(send.url).query)
    )
    query = dict(pairs)
    assert len(query) == len(pairs), f"{name}: a parameter comes twice"
    headers = {key.lower(): value for key, value in send.headers.items()}
    assert ("accesstoken" in headers) == (operation.get("security") != []), f"{name}: access token"
    by_place = {"path": places, "query": query}
    for parameter in operation["parameters"]:
        where = parameter["in"]
        value = (
            headers.get(parameter["name"].lower())
            if where == "header"
            else by_place[where].pop(parameter["name"], None)
        )
        assert value is not None or not parameter.get("required"), f"{name}: {parameter['name']} is missing"
        if value is not None:
            fits(as_typed(value, followed(parameter["schema"])), parameter["schema"])
    assert query == {}, f"{name}: {query} is not described"
    if with_body:
        check_body(name, headers.get("content-type", ""), content_of(send))
    return name


def as_typed(value: str, schema: dict[str, Any]) -> object:
    return json.loads(value) if schema.get("type") in ("integer", "boolean") else value


def content_of(send: Send) -> bytes | None:
    return b"".join(send.content) if isinstance(send.content, Upload) else send.content


def check_body(name: str, content_type: str, content: bytes | None) -> None:
    body = described()[name].get("requestBody")
    if body is None or content is None:
        assert content is None, f"{name}: takes no body"
        assert not (body and body["required"]), f"{name}: needs a body"
        return
    kind = content_type.partition(";")[0]
    assert kind in body["content"], f"{name}: {kind} is not described"
    schema = body["content"][kind]["schema"]
    if kind == FILES:
        head = f"Content-Type: {content_type}\r\n\r\n".encode()
        whole = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
        for part in whole.iter_parts():
            assert part.get_param("name", header="content-disposition") in schema["properties"]
            assert part.get_filename()
            assert part["Content-Type"]
        return
    value = dict(parse_qsl(content.decode(), strict_parsing=True)) if kind == FORM else json.loads(content)
    fits(value, schema)
    assert undescribed(value, schema) == []
    if name == "postAction":
        inner = {
            "$ref": f"#/components/schemas/{BODIES.get(value.get('actionType'), 'MediaBody' if 'actionType' in value else 'PackageBody')}"
        }
        fits(value["actionBody"], inner)
        assert undescribed(value["actionBody"], inner) == []


def check_reply(name: str, status: int, headers: dict[str, str], content: bytes) -> None:
    """Check a reply against what is described for its status."""
    found = described()[name]["responses"].get(str(status))
    assert found is not None, f"{name} answered {status}: {content[:500]!r}"
    found = followed(found)
    for header, about in found.get("headers", {}).items():
        assert header.lower() in headers or not about.get("required"), f"{name}: {header} is missing"
    if JSON in found.get("content", {}):
        assert headers["content-type"].startswith(JSON)
        fits(json.loads(content), found["content"][JSON]["schema"])


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
WHEN = datetime(2030, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
TO = Audience([RAVI, MEERA], reply_to_reference_id="r0")
ALL = Audience(send_to_all_subscribers=True)
PLACE = Location(17.4, 78.3, "Hyderabad")
KINDS = ("Text", "Image", "Numeric", "Date", "DateTime", "Location", "AttachmentList", "PhoneNumber")
QUESTIONS = [Question(kind, kind, is_invisible=True) for kind in KINDS] + [
    Question("One", "SingleOption", ("A", "B")), Question("Many", "MultiOption", ("X", "Y", "Z"))]  # fmt: skip
PROPERTIES = [
    Property("a b", "Text", "ü"),
    Property("n", "Numeric", "1"),
    Property("files", "AttachmentList", ""),
]


def png(name: str = "a.png") -> Part:
    return Part(name, "image/png", lambda: io.BytesIO(PNG))


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


# --- the journey -----------------------------------------------------------------------------------------------------------


class Seen:
    """What was called, and whether all of it was as described."""

    def __init__(self) -> None:
        self.operations: set[str] = set()

    def check(self, send: Send, reply: Reply) -> Reply:
        name = check_request(send)
        check_reply(name, reply.status, dict(reply.headers), reply.body)
        self.operations.add(name)
        return reply


class Watched(KaizalaClient):
    """The real client; each exchange is checked against the contract as it passes."""

    seen: Seen

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        exchange = self._transport.exchange
        self._transport.exchange = lambda send: self.seen.check(send, exchange(send))  # type: ignore[method-assign]


class WatchedAsync(AsyncKaizalaClient):
    """The same for the async client."""

    seen: Seen

    async def _exchange(self, send: Send) -> Reply:
        return self.seen.check(send, await super()._exchange(send))


class Journey:
    """Clients of one server: Asha as the tenant's admin, Ravi as a user, Store 12 by its own token."""

    def __init__(self, shop: Shop, listener: Listener) -> None:
        self.shop, self.listener, self.seen = shop, listener, Seen()
        self._open: list[KaizalaClient] = []
        self.asha = self.client(refresh_token="tenant-token")
        self.ravi = self.client(refresh_token="user-token")
        self.store = self.client(group_refresh_tokens={STORE: "group-token"})

    def settings(self, **tokens: Any) -> Settings:
        return Settings(
            "app", "secret", self.shop.url, calls_per_minute=0, proxies={}, verify=False, **tokens
        )

    def client(self, **tokens: Any) -> KaizalaClient:
        client = Watched(self.settings(**tokens))
        client.seen = self.seen
        self._open.append(client)
        return client

    def raw(self, group_id: str, action_id: str) -> dict[str, Any]:
        """Return all of an action's details."""
        found = {"groupId": group_id, "actionId": action_id, "getDetails": True}
        details: dict[str, Any] = self.asha.run(calls.any_operation("getAction", found))["actionDetails"]
        return details

    def close(self) -> None:
        for client in self._open:
            client.close()


class Listener:
    """A program that Kaizala calls back: echoes the validation token, keeps the events, serves a picture."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[dict[str, str], dict[str, Any]]] = queue.Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                token = dict(parse_qsl(urlsplit(self.path).query)).get("validationToken")
                self.answer(*((PNG, "image/png") if token is None else (token.encode(), "text/plain")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.events.put(({key.lower(): value for key, value in self.headers.items()}, body))
                self.answer(b"", "text/plain")

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def journey_in(shop: Shop) -> Iterator[Journey]:
    listener = Listener()
    shop.start_over()
    journey = Journey(shop, listener)
    yield journey
    journey.close()
    listener.close()


def test_the_whole_journey(session_shop, monkeypatch):
    """Every operation there is, by the real client with the real server, each exchange as described."""
    with journey_in(session_shop) as journey:
        sign_in(journey)
        groups(journey, monkeypatch)
        members(journey)
        subscribers(journey)
        media(journey)
        actions(journey)
        responses(journey)
        reactions(journey)
        webhooks(journey)
        bots(journey)
        refusals(journey)
        assert journey.seen.operations == set(OPERATIONS)


class Form(HTMLParser):
    """The hidden fields of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden":
            self.fields[str(found["name"])] = found["value"] or ""


def sign_in(journey: Journey) -> None:
    anybody = journey.client(refresh_token="none")
    assert anybody.run(calls.generate_pin(STRANGER, "app")) is True
    signed = anybody.run(calls.login_with_pin(STRANGER, "app", "secret", "1234"))
    assert signed.expires_at is not None
    assert timedelta(days=364) < signed.expires_at - datetime.now(UTC) <= timedelta(days=365)
    assert str(signed.endpoint_url).rstrip("/") == journey.shop.url
    assert journey.client(refresh_token=signed.refresh_token).run(calls.get_me()).name == "Stranger"

    url = calls.authorize_url(anybody.settings.oauth_root, "app", REDIRECT)
    page = requests.get(url, timeout=20)
    send = Send("GET", url, {}, None, 1, 1, 1)
    journey.seen.check(
        send, Reply(page.status_code, {k.lower(): v for k, v in page.headers.items()}, page.content)
    )
    given = {**Form(page.text).fields, "mobileNumber": MEERA, "pin": "1234"}
    back = requests.post(url, given, allow_redirects=False, timeout=20)
    check_reply(
        "oauthAuthorize", back.status_code, {k.lower(): v for k, v in back.headers.items()}, back.content
    )
    address, _, query = back.headers["Location"].partition("?")
    assert (back.status_code, address) == (302, REDIRECT)
    code = dict(parse_qsl(query))["code"]
    redeemed = anybody.run(calls.oauth_token("app", "secret", code))
    assert redeemed.refresh_token is not None
    assert redeemed.endpoint_url.rstrip("/") == journey.shop.url
    assert journey.client(refresh_token=redeemed.refresh_token).run(calls.get_me()).mobile_number == MEERA
    with pytest.raises(KaizalaBadRequestError) as caught:
        anybody.run(calls.oauth_token("app", "secret", code))
    assert code not in str(caught.value)


def groups(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    asha = journey.asha
    made = asha.run(calls.create_group("Süd 🏬", "Willkommen", [RAVI]))
    assert (made.name, made.members_added, made.is_added_as_sub_group) == ("Süd 🏬", True, False)
    found = asha.run(calls.get_group(made.group_id))
    assert (found.name, found.welcome_message, found.caller_role, found.user_count) == (
        "Süd 🏬",
        "Willkommen",
        "Admin",
        2,
    )
    listed = {group.group_id: group for group in asha.run(calls.list_groups())}
    assert listed[made.group_id].name == "Süd 🏬"
    assert made.group_id in {group.group_id for group in journey.ravi.run(calls.list_groups())}

    assert asha.run(calls.add_sub_groups(NORTH, [made.group_id])) is True
    below = asha.run(calls.create_sub_group(made.group_id, "Nacht", "Hi", [MEERA], join=False))
    assert below.is_added_as_sub_group
    assert {one.mobile_number for one in asha.run(calls.list_members(below.group_id))} == {MEERA}
    tree = asha.run(calls.list_sub_groups(NORTH))
    assert tree.group.name == "North"
    assert tree.group.has_sub_groups
    assert {group.name for group in tree.sub_groups} == {"Lower", "Süd 🏬"}
    assert {group.name for group in asha.run(calls.list_sub_groups(NORTH, all_levels=True)).sub_groups} == {
        "Lower",
        "Süd 🏬",
        "Nacht",
    }
    assert asha.run(calls.remove_sub_group(NORTH, made.group_id)) is True
    assert {group.name for group in asha.run(calls.list_sub_groups(NORTH)).sub_groups} == {"Lower"}

    by_store = journey.store.run(calls.create_group("Kasse", "Hi", parent=STORE))
    assert by_store.is_added_as_sub_group
    assert [group.name for group in asha.run(calls.list_sub_groups(STORE)).sub_groups] == ["Kasse"]
    assert [group.group_id for group in journey.store.run(calls.list_groups(STORE))] == [STORE]
    assert [group.name for group in journey.store.run(calls.list_groups(STORE, all_groups=True))] == [
        "Store 12",
        "Kasse",
    ]

    journey.store.run(
        calls.remove_sub_group(STORE, by_store.group_id)
    )  # a group with some takes no plain messages

    for number in range(5):
        asha.run(calls.create_group(f"Lager 100% {number}", "Hi"))
    monkeypatch.setattr(group_calls, "FOUND_PER_PAGE", 2)
    names = [group.name for group in asha.iterate(calls.find_tenant_groups("lager 100%"))]
    assert names == [f"Lager 100% {number}" for number in range(5)]


def members(journey: Journey) -> None:
    asha = journey.asha
    group = asha.run(calls.create_group("Team", "Hi")).group_id
    new = "+910000000777"
    assert asha.run(calls.add_members(group, [RAVI, new])) is True
    found = {one.mobile_number: one for one in asha.run(calls.list_members(group))}
    assert {number: (one.role, one.is_provisioned) for number, one in found.items()} == {
        ASHA: ("Admin", True), RAVI: ("Member", True), new: ("Member", False)}  # fmt: skip
    assert found[RAVI].name == "Ravi"
    assert asha.run(calls.update_member(group, found[RAVI].id, "Admin")) is True
    assert {one.name: one.role for one in asha.run(calls.list_members(group))}["Ravi"] == "Admin"
    assert journey.ravi.run(calls.get_group(group)).caller_role == "Admin"
    assert asha.run(calls.remove_member(group, found[new].id)) is True
    assert {one.mobile_number for one in asha.run(calls.list_members(group))} == {ASHA, RAVI}


def subscribers(journey: Journey) -> None:
    asha = journey.asha
    hub = asha.run(calls.create_group("News", "Hi", group_type="ConnectGroup")).group_id
    numbers = [f"+91000000080{number}" for number in range(5)]
    assert asha.run(calls.add_subscribers(hub, numbers)) == tuple(
        SubscriberOutcome(one, True) for one in numbers
    )
    found = list(asha.iterate(calls.list_subscribers(hub, count=2)))
    assert [one.mobile_number for one in found] == numbers
    assert not any(one.is_provisioned for one in found)
    first = asha.run(calls.list_subscribers(hub, count=2).call(None))
    assert (len(first.items), first.next is None) == (2, False)
    assert [one.mobile_number for one in asha.run(calls.first_subscribers(hub)).items] == numbers
    posted = asha.run(calls.send_message(hub, Message("Hello"), Audience([numbers[0], STRANGER])))
    assert [one.subscriber for one in posted.failed] == [STRANGER]
    removed = asha.run(calls.remove_subscribers(hub, [numbers[0], STRANGER]))
    assert (removed[0].mobile_number, removed[0].done) == (numbers[0], True)
    assert [one.mobile_number for one in asha.iterate(calls.list_subscribers(hub))] == numbers[1:]


def media(journey: Journey) -> None:
    asha = journey.asha
    content = {"$content-type": "image/png", "$content": "iVBORw0KGgo="}
    resources = [
        asha.run(calls.upload_media(STORE, [png()])),
        asha.run(calls.upload_media_from_url(None, journey.listener.url + "/a.png")),
        asha.run(calls.upload_media_from_attachment(STORE, content)),
    ]
    album = asha.run(calls.upload_media(None, [png(), png("b.png")]))
    since = datetime.now(UTC) - timedelta(seconds=2)
    posted = [
        asha.run(calls.post_action(STORE, Media("Image", one, "Site"))).reference_id for one in resources
    ]
    assert asha.run(calls.post_action(STORE, Media("Album", album))).action_id is None
    asha.run(calls.post_action(STORE, Announcement("Shift moved", "Notice", (resources[0],))))
    listed = list(asha.iterate(calls.list_actions(STORE, "Image", since, count=2)))
    assert [one.reference_id for one in listed] == posted
    assert {requests.get(one.raw["imageUrl"], timeout=20).status_code for one in listed} == {200}
    assert requests.get(listed[0].raw["imageUrl"], timeout=20).content == PNG


def actions(journey: Journey) -> None:
    asha = journey.asha
    told = asha.run(calls.send_message(STORE, Message("Hello")))
    answer = asha.run(
        calls.send_message(STORE, Message("Hello too"), Audience(reply_to_reference_id=told.reference_id))
    )
    assert told.action_id is None
    assert answer.reference_id != told.reference_id

    job = asha.run(calls.post_action(STORE, Job("Check pump", [RAVI, MEERA, STRANGER], SOON)))
    assert [one.subscriber for one in job.failed] == [STRANGER]
    found = asha.run(calls.get_action(STORE, str(job.action_id)))
    assert (found.title, found.creator_name, [one.mobile_number for one in found.assignees]) == (
        "Check pump",
        "Asha",
        [RAVI, MEERA],
    )
    assert found.due is not None
    assert abs(found.due - datetime.now(UTC) - SOON) < timedelta(minutes=1)
    listed = [one for one in asha.iterate(calls.list_actions(STORE, "job")) if one.action_id == job.action_id]
    assert [(one.title, one.is_completed, one.response_count, one.sender) for one in listed] == [
        ("Check pump", False, 0, ASHA)
    ]

    meeting = asha.run(calls.post_action(STORE, Meeting("Review", WHEN, 45, PLACE, "All of it")))
    (shown,) = list(asha.iterate(calls.list_actions(STORE, "LetsMeet")))
    assert (shown.action_id, shown.title, shown.raw["duration"]) == (meeting.action_id, "Review", 45)
    assert shown.raw["place"] == {"latitude": 17.4, "longitude": 78.3, "name": "Hyderabad"}
    assert asha.run(calls.get_action(STORE, str(meeting.action_id))).due == WHEN.replace(microsecond=0)

    card = str(
        asha.run(
            calls.post_action(
                STORE, Package("com.example.card.2", "Card", properties={"status": "Open", "n": 1})
            )
        ).action_id
    )
    asha.run(
        calls.update_action(
            STORE, card, [Property("status", "Text", "Löst 🎉")], version=journey.raw(STORE, card)["version"]
        )
    )
    asha.run(calls.update_action_properties(STORE, card, [Property("n", "Numeric", "2")]))
    values = {each["name"]: (each["type"], each["value"]) for each in journey.raw(STORE, card)["properties"]}
    assert values == {"status": ("Text", "Löst 🎉"), "n": ("Numeric", "2")}

    reminded = asha.run(calls.send_reminder(STORE, str(job.action_id)))
    assert reminded.reference_id not in (None, job.reference_id)


def responses(journey: Journey) -> None:
    asha, ravi = journey.asha, journey.ravi
    survey = str(
        asha.run(calls.post_action(STORE, Survey("Daily", QUESTIONS[-2:] + QUESTIONS[:1]))).action_id
    )
    first = ravi.run(calls.post_response(STORE, survey, ["A", ["X", "Z"], "gut"], name="R.", location=PLACE))
    (response,) = asha.run(calls.get_action(STORE, survey)).responses
    assert response.response_id == first
    assert (response.responder.mobile_number, response.responder.name) == (RAVI, "Ravi")
    assert response.answers == {"One": "A", "Many": ["X", "Z"], "Text": "gut"}
    assert response.responded_at is not None
    assert abs(response.responded_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert ravi.run(calls.post_response(STORE, survey, ["B"], response_id=first)) == first
    (response,) = asha.run(calls.get_action(STORE, survey)).responses
    assert response.answers == {"One": "B", "Many": None, "Text": None}

    job = str(asha.run(calls.post_action(STORE, Job("Check pump", [RAVI, MEERA]))).action_id)
    for done in (True, False, True):
        ravi.run(calls.complete_job(STORE, job, done=done))
        (response,) = asha.run(calls.get_action(STORE, job)).responses
        assert (response.responder.mobile_number, response.completed, response.counts) == (RAVI, done, done)

    poll = str(asha.run(calls.post_action(STORE, Poll("Lunch?", ["Yes", "No"]))).action_id)
    session = {"mobileNumber": RAVI, "pin": "1234"}
    token = requests.post(journey.shop.url + "/people/session", json=session, timeout=20).json()["token"]
    people = {"Authorization": f"Bearer {token}"}
    voted = requests.post(
        f"{journey.shop.url}/people/actions/{poll}/votes", json={"choice": "No"}, headers=people, timeout=20
    )
    assert voted.status_code == 200, voted.text
    found = asha.run(calls.get_action(STORE, poll))
    assert (found.title, found.response_count) == ("Lunch?", 1)
    assert [(one.responder.name, one.answers) for one in found.responses] == [("Ravi", {"Lunch?": "No"})]


def reactions(journey: Journey) -> None:
    asha, ravi = journey.asha, journey.ravi
    group = asha.run(calls.create_group("Talk", "Hi", [RAVI])).group_id
    one, other = (
        asha.run(calls.send_message(group, Message(text))).reference_id for text in ("one", "other")
    )
    like = ravi.run(calls.post_reaction(group, one))
    assert ravi.run(calls.post_reaction(group, one, "like")) == like
    asha.run(calls.post_reaction(group, one))
    texts = ["Gut", "شكرا 🎉", "👍"]
    for text in texts:
        ravi.run(calls.post_reaction(group, one, "Comment", text))
    counts = asha.run(calls.count_reactions(group, one))
    assert (counts.reference_id, counts.likes, counts.comments) == (one, 2, 3)
    likes = list(asha.iterate(calls.list_reactions(group, one, "Like")))
    assert likes[0].reaction_id == like
    assert {each.user_id for each in likes} == {asha.run(calls.get_me()).id, ravi.run(calls.get_me()).id}
    assert [each.comment for each in likes] == [None, None]
    page = asha.run(calls.list_reactions(group, one, "Comment").call(None))
    assert [each.comment for each in page.items] == texts
    assert asha.run(calls.list_reactions(group, one, "Comment").call(page.next)).items == ()
    ravi.run(calls.post_reaction(group, one, "Comment", "late"))
    assert [
        each.comment for each in asha.iterate(calls.list_reactions(group, one, "Comment", cursor=page.next))
    ] == ["late"]

    summary = asha.run(calls.list_reaction_counts(group).call(None))
    assert [(each.reference_id, each.likes, each.comments) for each in summary.items] == [(one, 2, 4)]
    ravi.run(calls.post_reaction(group, other))
    changed = list(asha.iterate(calls.list_reaction_counts(group, cursor=summary.next)))
    assert [(each.reference_id, each.likes, each.comments) for each in changed] == [(other, 1, 0)]


def webhooks(journey: Journey) -> None:
    asha, listener = journey.asha, journey.listener
    group = asha.run(calls.create_group("Hooked", "Hi")).group_id
    new = NewWebhook(
        group,
        "Group",
        ["TextMessageCreated", "MemberAdded"],
        listener.url + "/k?x=1",
        "t0ken",
        "Kontext ü",
        timedelta(days=1),
    )
    hook = asha.run(calls.create_webhook(new))
    (kept,) = asha.run(calls.list_webhooks(group))
    assert (kept.id, kept.object_id, kept.object_type, kept.event_types) == (
        hook,
        group,
        "Group",
        ("TextMessageCreated", "MemberAdded"),
    )
    assert (kept.callback_url, kept.callback_token, kept.context, kept.active) == (
        new.callback_url,
        "t0ken",
        "Kontext ü",
        True,
    )
    assert kept.expires_at is not None
    assert abs(kept.expires_at - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=1)
    asha.run(calls.send_message(group, Message("Hallo 🎉")))
    headers, event = listener.events.get(timeout=20)
    fits(event, {"$ref": "#/components/schemas/Event"})
    assert headers["kz-callback-token"] == "t0ken"
    assert (event["subscriptionId"], event["context"], event["data"]["text"]) == (
        hook,
        "Kontext ü",
        "Hallo 🎉",
    )

    asha.run(
        calls.update_webhook(hook, WebhookChange(event_types=["JobResponse"], context="neu", active=False))
    )
    (changed,) = asha.run(calls.list_webhooks(group))
    assert (changed.event_types, changed.context, changed.active) == (("JobResponse",), "neu", False)
    assert (changed.callback_url, changed.callback_token, changed.expires_at) == (
        kept.callback_url,
        "t0ken",
        kept.expires_at,
    )
    asha.run(calls.update_webhook(hook, WebhookChange(active=True)))
    assert [one.active for one in asha.run(calls.list_webhooks(group))] == [True]
    flow = asha.run(calls.flow_subscribe("Group", "MemberRemoved", group, listener.url))
    assert {one.event_types for one in asha.run(calls.list_webhooks(group))} == {
        ("JobResponse",),
        ("MemberRemoved",),
    }
    for one in asha.run(calls.list_webhooks(group)):
        assert asha.run(calls.delete_webhook(one.id)) is True
    assert flow is None or flow != hook
    assert asha.run(calls.list_webhooks(group)) == ()


def bots(journey: Journey) -> None:
    asha = journey.asha
    group = asha.run(calls.create_group("With a bot", "Hi")).group_id
    bot = asha.run(calls.create_bot("Clerk"))
    assert asha.run(calls.update_bot(bot, name="Schreiber 🤖")) is True
    (kept,) = asha.run(calls.list_bots())
    assert (kept.bot_user_id, kept.name, kept.creator_name) == (bot, "Schreiber 🤖", "Asha")
    assert asha.run(calls.add_bot_to_group(group, bot)) is True
    assert bot in {one.id for one in asha.run(calls.list_members(group))}
    granted = asha.run(calls.bot_access_token(bot))
    assert timedelta(hours=23) < granted.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    me = requests.get(
        journey.shop.url + "/v1/users/me", headers={"accessToken": granted.access_token}, timeout=20
    ).json()
    assert (me["id"], me["name"]) == (bot, "Schreiber 🤖")
    assert asha.run(calls.delete_bot(bot)) is True
    assert asha.run(calls.list_bots()) == ()


def refusals(journey: Journey) -> None:
    """Errors are as described too, and arrive as what they are."""
    asha = journey.asha
    for call, kind in (
        (calls.get_group("22222222-0000-4222-8222-222222222222"), KaizalaNotFoundError),
        (calls.create_group("x" * 300, "Hi"), KaizalaBadRequestError),
        (
            calls.create_webhook(NewWebhook(STORE, "Group", ["MemberAdded"], "http://nowhere.invalid/")),
            KaizalaBadRequestError,
        ),
        (calls.list_subscribers(STORE).call("not a cursor"), KaizalaError),
    ):
        with pytest.raises(kind) as caught:
            asha.run(call)
        assert str(caught.value).startswith(call.operation)


def test_the_async_client_on_the_same_road(session_shop):
    with journey_in(session_shop) as journey:
        asyncio.run(walk(journey))
        assert {
            "getAccessToken",
            "getMe",
            "uploadMedia",
            "listSubscribers",
            "listActions",
            "getReactions",
        } < journey.seen.operations


async def walk(journey: Journey) -> None:
    async with WatchedAsync(journey.settings(refresh_token="tenant-token")) as asha:
        asha.seen = journey.seen
        assert (await asha.run(calls.get_me())).name == "Asha"
        group = (await asha.run(calls.create_group("Süd 🏬", "Hi", [RAVI]))).group_id
        assert group in {one.group_id for one in await asha.run(calls.list_groups())}
        assert {one.mobile_number for one in await asha.run(calls.list_members(group))} == {ASHA, RAVI}
        numbers = [f"+91000000090{number}" for number in range(5)]
        await asha.run(calls.add_subscribers(HUB, numbers))
        paged = calls.list_subscribers(HUB, count=2)
        assert [one.mobile_number async for one in asha.iterate(paged)] == [RAVI, *numbers]
        resource = await asha.run(calls.upload_media(group, [png("ü.png")]))
        await asha.run(calls.post_action(group, Media("Image", resource)))
        polls = [
            await asha.run(calls.post_action(group, Poll(f"P{number}", ["a", "b"]))) for number in range(3)
        ]
        listed = [one.title async for one in asha.iterate(calls.list_actions(group, "Poll", count=2))]
        assert listed == ["P0", "P1", "P2"]
        said = await asyncio.gather(
            *(
                asha.run(calls.post_reaction(group, polls[0].reference_id, "Comment", text))
                for text in ("ein", "zwei", "drei")
            )
        )
        found = [
            one async for one in asha.iterate(calls.list_reactions(group, polls[0].reference_id, "Comment"))
        ]
        assert {one.reaction_id for one in found} == set(said)
        assert {one.comment for one in found} == {"ein", "zwei", "drei"}
        with pytest.raises(KaizalaNotFoundError):
            await asha.run(calls.get_action(group, "nothing"))
