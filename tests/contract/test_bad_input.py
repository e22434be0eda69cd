"""What must be refused: with a clear error in the documented form, no traceback, no secret, and the server goes on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.contract.description import operations
from tests.contract.shop import ASHA, FOREIGN, HUB, MEERA, PNG, RAVI, REDIRECT, STORE, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.shop import Shop

SECRETS = ("secret", "tenant-token", "group-token", "foreign-token")
WITH_JSON = [
    name
    for name, (_, _, operation) in operations().items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
]
IN_A_GROUP = [name for name, (_, path, _) in operations().items() if "{groupId}" in path]


@pytest.fixture(autouse=True)
def the_server_goes_on(shop: Shop, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert shop.call("GET", f"/groups/{STORE}")["groupName"] == "Store 12"
    assert not [record for record in caplog.records if record.exc_info or "Traceback" in record.getMessage()]


def refused(reply: requests.Response, *statuses: int) -> dict[str, str]:
    assert reply.status_code in statuses, (reply.status_code, reply.text[:500])
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    body: dict[str, str] = reply.json()
    assert set(body) == {"message", "errorCode", "errorCategoryKey"}
    assert all(isinstance(text, str) and text for text in body.values())
    assert not [secret for secret in SECRETS if secret in reply.text.replace("applicationId and secret", "")]
    assert "Traceback" not in reply.text
    return body


def filled(shop: Shop, path: str, group: str = STORE) -> str:
    """Return a path with real ids of Store 12 and, for the group, the one given."""
    names = {
        "memberId": "member",
        "subGroupId": "sub-group",
        "actionId": "survey",
        "referenceId": "reference",
    }
    names |= {"webhookId": "webhook", "botUserId": "bot"}
    path = (
        path.replace("{groupId}", group)
        .replace("{objectType}", "Group")
        .replace("{eventType}", "MemberAdded")
    )
    for parameter, name in names.items():
        if f"{{{parameter}}}" in path:
            path = path.replace(f"{{{parameter}}}", shop.filled(f"the-real-{name}"))
    return path


def send(shop: Shop, name: str, body: Any = None, who: str = "tenant", **options: Any) -> requests.Response:
    method, path, _ = operations()[name]
    headers = {"accessToken": shop.token(who), "Content-Type": "application/json"}
    url = f"{shop.url}/v1{filled(shop, path, options.pop('group', STORE))}"
    return shop.http.request(method, url, data=body, headers=headers, timeout=30, **options)


# One of each way a body is read: under a token, without one, and with a limit of its own. All others are read as the first.
READ_APART = ("sendMessage", "loginWithPinAndApplicationId", "uploadMediaFromAttachment")


def all_refused(found: dict[str, requests.Response], *statuses: int) -> None:
    """Check the replies of many operations, and say which are not as they should be."""
    wrong = {}
    for name, reply in found.items():
        try:
            refused(reply, *statuses)
        except (AssertionError, ValueError) as error:
            wrong[name] = str(error)
    assert wrong == {}


@pytest.mark.parametrize("name", READ_APART)
@pytest.mark.parametrize(
    "body",
    [
        b'{"message": ',
        b"{{{",
        b"\xff\xfe\xfd",
        b"\x00",
        b"null",
        b'"text"',
        b"[]",
        b"message=x&y=z",
        b"<xml/>",
        b'{"a": "\\u0000"}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
    ],
)
def test_malformed_json(shop: Shop, name: str, body: bytes) -> None:
    assert refused(send(shop, name, body), 400)["errorCode"] == "InvalidParameters"


@pytest.mark.parametrize("name", READ_APART)
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_nested_ten_thousand_deep(shop: Shop, name: str, pair: str) -> None:
    inner = "[" * 10_000 + "]" * 10_000 if pair == "[]" else '{"a":' * 10_000 + "1" + "}" * 10_000
    for body in (inner, f'{{"message": {inner}}}', f"{{message: {inner}}}", inner[:10_000]):
        refused(send(shop, name, body.encode()), 400)


@pytest.mark.parametrize("name", READ_APART)
def test_a_json_body_of_50_mb(shop: Shop, name: str) -> None:
    reply = send(shop, name, b'{"message": "' + b"x" * 50_000_000 + b'"}')
    assert refused(reply, 413)["errorCode"] == "PayloadTooLarge"


@pytest.mark.parametrize("body", [b'{"message": ', b"null", b"[" * 10_000])
def test_no_operation_takes_what_is_no_json(shop: Shop, body: bytes) -> None:
    all_refused({name: send(shop, name, body) for name in WITH_JSON}, 400)


def test_every_operation_bounds_its_body(shop: Shop) -> None:
    body = b'{"message": "' + b"x" * 2_000_000 + b'"}'
    others = [name for name in WITH_JSON if name != "uploadMediaFromAttachment"]
    all_refused({name: send(shop, name, body) for name in others}, 413)


def test_an_upload_of_50_mb(shop: Shop, tmp_path: Path) -> None:
    content = PNG + b"\0" * 50_000_000
    assert shop.call("POST", "/media", files={"files": ("a.png", content, "image/png")})["mediaResource"]
    (tmp_path / "small").mkdir()
    with open_shop(tmp_path / "small", max_media=10_000_000) as small:
        headers = {"accessToken": small.token("tenant")}
        files = {"files": ("a.png", content, "image/png")}
        reply = small.http.post(small.url + "/v1/media", files=files, headers=headers)
        assert refused(reply, 413)["errorCode"] == "PayloadTooLarge"
        left = [
            path
            for path in (tmp_path / "small").rglob("*")
            if path.is_file() and path.stat().st_size > 1_000_000
        ]
        assert left == []
        assert small.call("GET", "/users/me")["name"] == "Asha"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "application/x-msdownload"),
        ("a.exe", "image/png"),
        ("a.png", "application/pdf"),
        ("a.svg", "image/svg+xml"),
        ("a.html", "text/html"),
        ("a.png", "x" * 300),
    ],
)
def test_wrong_mime_types(shop: Shop, name: str, kind: str) -> None:
    headers = {"accessToken": shop.token("tenant")}
    reply = shop.http.post(shop.url + "/v1/media", files={"files": (name, PNG, kind)}, headers=headers)
    assert refused(reply, 415)["errorCode"] == "UnsupportedMedia"


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_uploads_that_are_none(shop: Shop, kind: str) -> None:
    headers = {"accessToken": shop.token("tenant"), "Content-Type": kind}
    refused(shop.http.post(shop.url + "/v1/media", data=PNG, headers=headers), 400, 415)


BODIES: dict[str, Any] = {
    "createSubGroup": {"groupName": "x", "welcomeMessage": "x"},
    "addSubGroups": {"subGroups": [STORE]},
    "addMembers": {"members": [RAVI]},
    "updateMember": {"role": "Admin"},
    "listSubscribers": {},
    "addSubscribers": {"subscribers": [RAVI]},
    "removeSubscribers": {"subscribers": [RAVI]},
    "sendMessage": {"message": "x"},
    "postAction": {"actionType": "Job", "actionBody": {"title": "x", "assignedTo": [MEERA]}},
    "updateAction": {"updateProperties": [{"name": "a", "type": 0, "value": "b"}]},
    "updateActionProperties": {"actionProperties": [{"name": "a", "type": 0, "value": "b"}]},
    "postResponse": {"actionType": "Survey", "actionBody": {"Answers": ["x"]}},
    "sendActionReminder": {},
    "addBotToGroup": {"botUserId": "the-real-bot"},
}


def request_for(shop: Shop, name: str, group: str) -> dict[str, Any]:
    """Return what an operation needs to succeed, so that only the group stands in the way."""
    options: dict[str, Any] = {
        "params": {"actionType": "Survey", "sourceGroupId": group, "reactionType": "Like"}
    }
    body = dict(BODIES.get(name, {}))
    if name == "postReaction":
        body = {
            "referenceId": shop.filled("the-real-reference"),
            "sourceGroupId": group,
            "reactionType": "Like",
        }
    return {"body": json.dumps(shop.filled(body)), **options}


@pytest.mark.parametrize("who", ["group", "user", "group-bot"])
def test_a_foreign_group(shop: Shop, who: str) -> None:
    found = {
        name: send(shop, name, who=who, group=FOREIGN, **request_for(shop, name, FOREIGN))
        for name in IN_A_GROUP
    }
    all_refused(found, 403, 404)
    for reply in found.values():
        assert "Foreign" not in reply.text
        assert "Stranger" not in reply.text


def test_a_group_token_beside_its_group(shop: Shop) -> None:
    # Its granter is an admin of the hub too, but the grant is for the store only.
    found = {
        name: send(shop, name, who="group", group=HUB, **request_for(shop, name, HUB)) for name in IN_A_GROUP
    }
    all_refused(found, 403, 404)


def test_anothers_connector(shop: Shop) -> None:
    found = {}
    for name in IN_A_GROUP:
        method, path, _ = operations()[name]
        options = request_for(shop, name, STORE)
        found[name] = shop.http.request(
            method,
            f"{shop.url}/v1{filled(shop, path)}",
            data=options["body"],
            params=options["params"],
            headers={"accessToken": shop.foreign},
        )
    all_refused(found, 403, 404)
    assert not [name for name, reply in found.items() if "Store 12" in reply.text]


def test_foreign_ids_inside_of_calls(shop: Shop) -> None:
    headers = {"accessToken": shop.foreign}
    survey = {
        "actionType": "Survey",
        "actionBody": {"title": "T", "questions": [{"title": "Q", "type": "Text"}]},
    }
    url = f"{shop.url}/v1"
    theirs = shop.http.post(f"{url}/groups/{FOREIGN}/actions", json=survey, headers=headers).json()
    hook = {"eventTypes": ["SurveyResponse"], "callBackUrl": shop.elsewhere + "/echo"}
    mine = shop.http.post(
        f"{url}/webhook", json={**hook, "objectId": FOREIGN, "objectType": "Group"}, headers=headers
    ).json()["webhookId"]
    bot = shop.http.post(f"{url}/bot", json={"name": "B"}, headers=headers).json()["botUserId"]
    action, reference = theirs["actionId"], theirs["referenceId"]
    store = f"/groups/{STORE}"
    for method, path, body in (
        ("GET", f"{store}/actions/{action}", None),
        ("POST", f"{store}/actions/{action}/responses", BODIES["postResponse"]),
        ("POST", f"{store}/actions/{action}/reminder", {}),
        ("POST", f"{store}/messages", {"message": "x", "replyToReferenceId": reference}),
        (
            "POST",
            f"{store}/reaction",
            {"referenceId": reference, "sourceGroupId": STORE, "reactionType": "Like"},
        ),
        (
            "POST",
            f"{store}/reaction",
            {"referenceId": reference, "sourceGroupId": FOREIGN, "reactionType": "Like"},
        ),
        ("GET", f"{store}/reaction/{reference}?sourceGroupId={FOREIGN}&reactionType=Like", None),
        ("GET", f"{store}/reaction/{reference}/summary?sourceGroupId={FOREIGN}", None),
        ("PUT", f"{store}/subGroups", {"subGroups": [FOREIGN]}),
        ("DELETE", f"{store}/subGroups/{FOREIGN}", None),
        ("POST", "/webhook", {**hook, "objectId": FOREIGN, "objectType": "Group"}),
        ("POST", "/webhook", {**hook, "objectId": action, "objectType": "Action"}),
        ("POST", "/webhook", {**hook, "objectId": "p", "objectType": "ActionPackage", "groupId": FOREIGN}),
        ("GET", f"/webhook?objectType=Group&objectId={FOREIGN}", None),
        ("GET", f"/webhook?objectType=Action&objectId={action}", None),
        ("PUT", f"/webhook/{mine}", {"Active": "false"}),
        ("DELETE", f"/webhook/{mine}", None),
        ("POST", f"/webhook/Group/SurveyResponse?objectId={FOREIGN}", {"CallbackUrl": hook["callBackUrl"]}),
        ("PUT", f"/bot/{bot}", {"name": "Mine"}),
        ("DELETE", f"/bot/{bot}", None),
        ("GET", f"/bot/accessToken/{bot}", None),
        ("POST", f"{store}/bot", {"botUserId": bot}),
    ):
        token = {"accessToken": shop.token("group")}
        reply = shop.http.request(method, url + path, json=body, headers=token)
        assert refused(reply, 403, 404), (method, path)
    assert shop.http.get(f"{url}/webhook?objectType=Group&objectId={FOREIGN}", headers=headers).json()[
        "webhooks"
    ]


def test_a_pin_guessed_at_every_door_at_once(session_shop: Shop) -> None:
    session_shop.start_over()
    shop, guesses = session_shop, 200

    def guess(pin: int) -> tuple[int, str]:
        given = {"mobileNumber": RAVI, "applicationId": "app", "pin": f"{pin:04}"}
        form = {"mobileNumber": RAVI, "client_id": "app", "redirect_uri": REDIRECT, "pin": f"{pin:04}"}
        match pin % 3:
            case 0:
                path, options = "/v1/loginWithPinAndApplicationId", {"json": given}
            case 1:
                path, options = "/people/session", {"json": given}
            case _:
                path, options = "/api/oauth/authorize", {"data": form}
        reply = requests.post(shop.url + path, allow_redirects=False, timeout=60, **options)
        if pin % 3 < 2:
            refused(reply, 401, 429)
        if reply.status_code == 429:
            assert 0 < int(reply.headers["Retry-After"]) <= 900
        return reply.status_code, reply.text

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for status, _ in pool.map(guess, range(guesses))]
    assert statuses.count(401) == 5
    assert statuses.count(429) == guesses - 5
    # The right one does not help either, while others sign in as ever.
    assert [guess(1234)[0] for _ in range(3)] == [429, 429, 429]
    given = {"mobileNumber": ASHA, "applicationId": "app", "pin": "1234"}
    assert requests.post(shop.url + "/v1/loginWithPinAndApplicationId", json=given, timeout=60).ok
    assert shop.call("GET", "/users/me")["name"] == "Asha"
    shop.start_over()


def test_a_token_with_a_changed_character(shop: Shop) -> None:
    token = shop.token("tenant")
    changed = [
        *(token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token))),
        *(token[:at] + token[at + 1 :] for at in (0, 10, len(token) - 1)),
        *(token + more for more in ("A", "=", ",")),
        token.swapcase(),
        token[::-1],
    ]
    for one in changed:
        reply = shop.http.get(shop.url + "/v1/groups", headers={"accessToken": one})
        body = refused(reply, 401)
        assert body["message"].startswith("Invalid token. Failure reason:")
        assert one not in reply.text
    for name in ("tenant-token", "secret", "app"):
        given = {"applicationId": "app", "applicationSecret": "secret", "refreshToken": "tenant-token"}
        given = {key: value[:-1] + "x" if value == name else value for key, value in given.items()}
        assert (
            refused(shop.http.get(shop.url + "/v1/accessToken", headers=given), 401)["errorCode"]
            == "Unauthenticated"
        )


@pytest.mark.parametrize("where", ["wrong", "redirect", "failing", "text", "picture"])
def test_callbacks_that_do_not_echo(shop: Shop, where: str) -> None:
    for body in (
        {"objectId": STORE, "objectType": "Group", "eventTypes": ["MemberAdded"]},
        {
            "objectId": shop.filled("the-real-survey"),
            "objectType": "Action",
            "eventTypes": ["SurveyResponse"],
        },
    ):
        reply = send(shop, "createWebhook", json.dumps({**body, "callBackUrl": f"{shop.elsewhere}/{where}"}))
        assert refused(reply, 400)["errorCode"] == "InvalidParameters"
        found = shop.call(
            "GET", "/webhook", params={"objectId": body["objectId"], "objectType": body["objectType"]}
        )
        assert [hook for hook in found["webhooks"] if where in hook["callbackUrl"]] == []
