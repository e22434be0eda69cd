"""The whole API description against a live server, with generated calls.

Each operation is called with what its schema allows, what it does not, and other methods; then with real ids and
credentials wherever there are any, so that calls succeed too. Every reply must be described: its status, content type,
headers and body. Whether wrong data is refused is not asked here: the server takes JSON as loosely as production did
(choice C1).
"""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.contract.description import contract
from tests.contract.shop import HUB, LOWER, NORTH, PEOPLE, REDIRECT, STORE, Shop

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
    allow_header_conformance,
)
# Whose token each call carries, in turns.
WHO = ("tenant", "tenant", "tenant", "tenant", "tenant", "user", "group", "bot", "nobody")

ID, TEXT = {"$ref": "#/components/schemas/SentGroupId"}, {"type": "string"}
SENT = {
    f"#/components/schemas/{name}": f"#/components/schemas/Sent{name}" for name in ("GroupId", "PhoneNumber")
}
ACTIONS = ("the-real-survey", "the-real-job", "the-real-poll", "the-real-meeting", "the-real-card")
# Callbacks and media come from this machine only: a test does not call addresses that somebody else may own.
URLS = (
    *(
        "the-real-echo",
        "the-real-echo-with-query",
        "the-real-picture",
        "the-real-wrong-echo",
        "the-real-text",
    ),
    *(
        "the-real-redirect",
        "the-real-status-500",
        "http://nowhere.invalid/",
        "ftp://x/",
        "https://[",
        "x",
        "",
    ),
)
# By the name of a parameter or field: what is generated, and values that mean something to the server. Those that begin
# with the-real- are filled in when the call is made.
REAL: dict[str, tuple[dict[str, Any] | None, tuple[Any, ...]]] = {
    "memberId": (TEXT, ("the-real-member", PEOPLE[1])),
    "subGroupId": (ID, ("the-real-sub-group",)),
    "actionId": (TEXT, ACTIONS),
    "referenceId": (TEXT, ("the-real-reference",)),
    "replyToReferenceId": (TEXT, ("the-real-reference",)),
    "webhookId": (TEXT, ("the-real-webhook",)),
    "botUserId": (TEXT, ("the-real-bot",)),
    "objectId": (TEXT, (STORE, "the-real-survey", "com.example.card")),
    "mediaResource": (TEXT, ("the-real-image", "the-real-document")),
    "memberUserIds": ({"type": "array", "items": TEXT}, ([], ["the-real-person"])),
    "callBackUrl": (None, URLS),
    "CallbackUrl": (None, URLS),
    "mediaUrl": (None, URLS),
    "applicationId": (TEXT, ("app", "APP")),
    "applicationSecret": (TEXT, ("secret",)),
    "refreshToken": (TEXT, ("tenant-token", "group-token")),
    "client_id": (TEXT, ("app",)),
    "client_secret": (TEXT, ("secret",)),
    "redirect_uri": ({"type": "string", "format": "uri"}, (REDIRECT,)),
    "code": (TEXT, ("the-real-code",)),
    "pin": ({"oneOf": [{"type": "integer"}, TEXT]}, (1234, "1234")),
}
# A job's assignee is a member, $content is base64, and so on: what the description cannot say.
BODIES = {
    "fileContent": ({"$content-type": "image/png", "$content": "AAAA"}, "iVBORw0KGgo="),
    "subGroups": (["the-real-group"],),
    "assignedTo": (list(PEOPLE[:2]), list(PEOPLE[:4])),
}


def sent(schema: Any) -> Any:
    """Return a schema with its groups and people among the real ones."""
    if isinstance(schema, dict):
        return {key: sent(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [sent(item) for item in schema]
    return SENT.get(schema, schema) if isinstance(schema, str) else schema


class Described:
    """The description with real values among those that are generated for requests, or nothing but them."""

    def __init__(self, *, only_real: bool) -> None:
        self._only_real = only_real
        self.whole: dict[str, Any] = copy.deepcopy(contract())
        schemas = self.whole["components"]["schemas"]
        # Replies are checked with the schemas as they are; requests get schemas of their own.
        schemas["SentGroupId"] = self._some(schemas["GroupId"], STORE, STORE.upper(), HUB, NORTH, LOWER)
        schemas["SentPhoneNumber"] = self._some(schemas["PhoneNumber"], *PEOPLE[:3])
        for name in ("GeneratePinRequest", "LoginWithPinRequest"):
            # Wrong PINs lock a number, so each of these is another one.
            schemas[name]["properties"]["mobileNumber"] = self._some(TEXT, "the-real-phone")
        for parameter in self.whole["components"]["parameters"].values():
            self._fill(parameter)
        for path, item in self.whole["paths"].items():
            if "/subscribers" in path and only_real:
                for operation in item.values():
                    hub = {
                        **self.whole["components"]["parameters"]["groupId"],
                        "schema": {"enum": [HUB, STORE]},
                    }
                    operation["parameters"] = [hub]
            for operation in item.values():
                for parameter in operation.get("parameters", ()):
                    self._fill(parameter)
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    self._fill_body(content["schema"])
        for name, schema in schemas.items():
            if name.endswith(("Request", "Body")):
                self._fill_body(schema)
        if only_real:
            # A body goes with its type, and a file with the type of its content.
            schemas["PostActionRequest"] = {
                "oneOf": [self._action(name) for name in ("Survey", "Job", "Poll", "Media")]
            }
            upload = self.whole["paths"]["/media"]["post"]["requestBody"]["content"]["multipart/form-data"]
            upload["schema"] = {
                "type": "object",
                "properties": {"files": {"type": "string", "format": "binary", "minLength": 1}},
                "required": ["files"],
                "additionalProperties": False,
            }
            upload["encoding"] = {"files": {"contentType": "image/png"}}

    def _some(self, generated: dict[str, Any] | None, *values: Any) -> dict[str, Any]:
        known: dict[str, Any] = {"enum": list(values)}
        return known if self._only_real or generated is None else {"anyOf": [known, generated]}

    def _named(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        if name in REAL:
            return self._some(REAL[name][0], *REAL[name][1])
        return {"enum": list(BODIES[name])} if self._only_real and name in BODIES else schema

    def _fill(self, parameter: dict[str, Any]) -> None:
        if "name" in parameter:
            parameter["schema"] = sent(self._named(parameter["name"], parameter["schema"]))
            if parameter["name"] == "actionType":
                parameter["schema"] = self._some(
                    TEXT, "Survey", "job", "Poll", "LetsMeet", "Image", "ShareLocation"
                )

    def _fill_body(self, schema: dict[str, Any]) -> None:
        for name in schema.get("properties", {}):
            schema["properties"][name] = sent(self._named(name, schema["properties"][name]))

    def _action(self, name: str) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "actionType": {"enum": ["Image", "Document"] if name == "Media" else [name]},
                "actionBody": {"$ref": f"#/components/schemas/{name}Body"},
            },
            "required": ["actionType", "actionBody"],
            "additionalProperties": False,
        }


pytest_plugins = ("schemathesis.pytest.plugin",)

anything = schemathesis.openapi.from_dict(Described(only_real=False).whole)
sensible = schemathesis.openapi.from_dict(Described(only_real=True).whole)
for schema in (anything, sensible):
    schema.config.seed = 20
sensible.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])
sensible.config.phases.coverage.enabled = False
turns = itertools.cycle(WHO)
answered: dict[str, set[int]] = defaultdict(set)

repeatable = settings(
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)


@pytest.fixture
def shop(session_shop: Shop) -> Shop:
    """The shop as it was for each operation: what one makes does not change what another finds."""
    session_shop.start_over()
    return session_shop


def call(case: schemathesis.Case, shop: Shop, who: str) -> None:
    for name in ("path_parameters", "query", "headers"):
        setattr(case, name, shop.filled(getattr(case, name)))
    if isinstance(case.body, (dict, list, str)):
        case.body = shop.filled(case.body)
    reply = case.call(
        base_url=shop.url if case.path.startswith("/api/") else shop.url + "/v1",
        session=shop.http,
        headers={"accessToken": shop.token(who)},
        allow_redirects=False,
        timeout=20,
    )
    answered[case.operation.definition.raw["operationId"]].add(reply.status_code)
    checks = list(CHECKS)
    if case.path == "/api/Oauth/Authorize":
        # The sign-in page posts its form to itself. That is the page's own affair, and not described.
        checks.remove(unsupported_method if case.method == "POST" else allow_header_conformance)
    case.validate_response(reply, checks=checks)


@anything.parametrize()
@settings(repeatable, max_examples=10)
def test_every_reply_is_as_described(case: schemathesis.Case, shop: Shop) -> None:
    call(case, shop, next(turns))


@sensible.parametrize()
@settings(repeatable, max_examples=8)
def test_replies_to_sensible_calls_are_as_described(case: schemathesis.Case, shop: Shop) -> None:
    call(case, shop, "tenant")


def test_every_operation_succeeded_too() -> None:
    if len(answered) < 48:
        pytest.skip("only a part of the operations was called")
    assert not [name for name, statuses in answered.items() if not statuses & {200, 302}]
