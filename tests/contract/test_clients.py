"""The habits of programs that were written for Kaizala: what production took, and what HTTP allows."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.contract.shop import ASHA, HUB, NORTH, RAVI, STORE

if TYPE_CHECKING:
    from tests.contract.shop import Shop

MESSAGES = f"/v1/groups/{STORE}/messages"


def post(shop: Shop, body: object, **headers: str) -> int:
    found = {
        "accessToken": shop.token("tenant"),
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    return shop.http.post(shop.url + MESSAGES, data=body, headers=found).status_code


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json; charset=iso-8859-1",
        "text/plain",
        "text/html; charset=nothing-known",
        "application/x-www-form-urlencoded",
        "nonsense",
        "",
    ],
)
def test_any_content_type_or_none(shop: Shop, kind: str) -> None:
    headers = {"Content_Type": kind} if kind else {}
    assert post(shop, '{"message": "Grüße"}'.encode(), **headers) == 200


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"message": "BOM"}',
        '{"message": "x"}'.encode("utf-16"),
        b'{message: "bare"}',
        b"{'message': 'single'}",
        b"{'message': \"mixed\"}",
        str({"message": 'it\'s "so" €', "subscribers": None, "sendToAllSubscribers": False}).encode(),
        b'{"Message": "x",}',
        b'/* why */ {MESSAGE: "x" // because\n}',
        b'{"message": "two\nlines"}',
        b'{"message": 5}',
        b'\r\n {"message": "x"} \n',
    ],
)
def test_bodies_production_took(shop: Shop, body: bytes) -> None:
    assert post(shop, body) == 200


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=windows-1252", "; charset=ISO-8859-1"])
def test_one_byte_charsets_also_undeclared(shop: Shop, charset: str) -> None:
    """As Python's http.client sends a text, whatever its caller says; .NET's readers refuse no bytes either."""
    text = {"title": "x", "questions": [{"title": "“Grüße”", "type": "Text"}]}
    sent = json.dumps({"actionType": "Survey", "actionBody": text}, ensure_ascii=False).encode("cp1252")
    headers = {"accessToken": shop.token("tenant"), "Content-Type": f"application/json{charset}"}
    made = shop.http.post(f"{shop.url}/v1/groups/{STORE}/actions", data=sent, headers=headers).json()
    found = shop.call("GET", f"/groups/{STORE}/actions/{made['actionId']}")
    assert found["actionDetails"]["questions"][0]["title"] == "“Grüße”"


def test_a_body_in_pieces(shop: Shop) -> None:
    assert post(shop, iter([b'{"mess', b'age": "x"}'])) == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/groups/{STORE}",
        f"//v1/groups/{STORE}/",
        f"/V1/GROUPS/{STORE.upper()}",
        f"/v1//groups//{STORE}//",
        f"/v1/groups/{STORE.replace('@', '%40')}",
    ],
)
@pytest.mark.parametrize("header", ["accessToken", "accesstoken", "ACCESSTOKEN"])
def test_paths_and_headers_in_any_casing(shop: Shop, path: str, header: str) -> None:
    reply = shop.http.get(shop.url + path, headers={header: shop.token("tenant")})
    assert reply.json()["groupName"] == "Store 12"


@pytest.mark.parametrize("body", [b"", b"{}", b"undefined", b"null", b"{{{", b"x" * 3_000_000])
def test_bodies_of_get_and_delete_are_ignored(shop: Shop, body: bytes) -> None:
    headers = {"accessToken": shop.token("tenant")}
    webhook, bot = shop.filled("the-real-webhook"), shop.filled("the-real-bot")
    for method, path in (
        ("GET", f"/groups/{STORE}"),
        ("GET", f"/bot/accessToken/{bot}"),
        ("DELETE", f"/webhook/{webhook}"),
        ("DELETE", f"/bot/{bot}"),
    ):
        reply = shop.http.request(method, f"{shop.url}/v1{path}", data=body, headers=headers)
        assert reply.status_code == 200, reply.text
    given = {"applicationId": "app", "applicationSecret": "secret", "refreshToken": "tenant-token"}
    assert shop.http.get(shop.url + "/v1/accessToken", data=body, headers=given).status_code == 200


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1"])
@pytest.mark.parametrize("name", ["showDetails", "showDetail", "SHOWDETAILS"])
def test_booleans_in_queries(shop: Shop, name: str, value: str) -> None:
    groups = shop.call("GET", "/groups", params={name: value})["groups"]
    assert all("userCount" in group for group in groups)
    groups = shop.call("GET", "/groups", params={name: "0" if value == "1" else "false"})["groups"]
    assert not any("userCount" in group for group in groups)


@pytest.mark.parametrize("members", [[ASHA, RAVI], f"{ASHA},{RAVI}", [f"{ASHA}, {RAVI}"], f"{ASHA};"[:-1]])
def test_numbers_joined_by_commas(shop: Shop, members: object) -> None:
    assert shop.call("PUT", f"/groups/{STORE}/members", {"Members": members}) == {"result": "true"}


@pytest.mark.parametrize("pin", ["1234", 1234])
def test_signing_in_with_a_pin_as_javascript_does(shop: Shop, pin: object) -> None:
    who = "{mobileNumber: '%s', applicationId: 'app'" % RAVI  # noqa: UP031 - braces
    assert shop.http.post(shop.url + "/v1/generatepin/", data=who + "}").json() == {}
    sent = f"{who}, applicationSecret: 'secret', pin: {pin!r}}}"
    reply = shop.http.post(shop.url + "/v1/loginWithPinAndApplicationId", data=sent).json()
    headers = {"applicationid": "app", "applicationsecret": "secret", "refreshtoken": reply["refreshToken"]}
    assert shop.http.get(reply["endpointUrl"] + "v1/accessToken", headers=headers).status_code == 200


def test_options_without_an_origin_is_told_what_the_path_takes(shop: Shop) -> None:
    for method in ("OPTIONS", "PATCH"):
        reply = shop.http.request(method, f"{shop.url}/v1/groups/{STORE}/members/")
        assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD, PUT")


def raw(shop: Shop, request: bytes) -> bytes:
    address = urlsplit(shop.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("host", [b"", b"Host: a b<>\r\n", b"Host: x/../y\r\n"])
def test_links_are_links_whatever_host_is_sent(shop: Shop, host: bytes) -> None:
    given = b"applicationId: app\r\napplicationSecret: secret\r\nrefreshToken: tenant-token\r\n"
    reply = raw(shop, b"GET /v1/accessToken HTTP/1.0\r\n" + host + given + b"\r\n")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["endpointUrl"] == shop.url + "/"


def test_the_full_url_in_the_request_line(shop: Shop) -> None:
    token = shop.token("tenant").encode()
    line = b"GET http://api.kaiza.la/v1/users/me HTTP/1.1\r\nHost: api.kaiza.la\r\nConnection: close\r\n"
    assert b"Asha" in raw(shop, line + b"accessToken: " + token + b"\r\n\r\n")


def test_a_bot_has_no_number(shop: Shop) -> None:
    assert "mobileNumber" not in shop.call("GET", "/users/me", who="bot")
    card = {"id": "com.example.card.2", "actionBody": {"title": "x"}}
    made = shop.call("POST", f"/groups/{STORE}/actions", card, who="bot")
    found = shop.call("GET", f"/groups/{STORE}/actions/{made['actionId']}", who="bot")
    assert "sender" not in found
    assert found["creatorName"] == "Robo"


@pytest.mark.parametrize("path", ["/members%20", "/members/%20", "/members%20/", "//members%20%20"])
def test_blanks_at_the_end_of_a_path(shop: Shop, path: str) -> None:
    assert shop.call("GET", f"/groups/{STORE}{path}")["members"]


@pytest.mark.parametrize(
    "path", ["/v1/users/me", f"/v1/groups/{STORE}", "/healthz", "/", "/sign-in", "/people/groups"]
)
def test_head_is_get_without_the_body(shop: Shop, path: str) -> None:
    """C32."""
    headers = {"accessToken": shop.token("tenant")}
    found, headed = (
        shop.http.request(method, shop.url + path, headers=headers, allow_redirects=False)
        for method in ("GET", "HEAD")
    )
    assert (headed.status_code, headed.content) == (found.status_code, b"")
    assert headed.headers["content-length"] == found.headers["content-length"]


def form(shop: Shop, method: str, path: str, body: str, who: str = "tenant") -> Any:
    headers = {
        "accessToken": shop.token(who),
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    }
    reply = shop.http.request(method, f"{shop.url}/v1{path}", data=body.encode(), headers=headers)
    assert reply.ok, reply.text
    return reply.json()


def test_forms_as_jquery_and_others_send_them(shop: Shop) -> None:
    """C32."""
    assert form(shop, "POST", f"/groups/{STORE}/messages", "message=Gr%C3%BC%C3%9Fe+%26+so&x")["referenceId"]
    members = f"/groups/{STORE}/members"
    for names in ("members[]={}&members[]={}", "members={}&members={}", "Members[0]={}&Members[1]={}"):
        assert form(shop, "PUT", members, names.format("%2B910000000001", "%2B910000000002")) == {
            "result": "true"
        }
    survey = (
        "actionType=Survey&actionBody[title]=S&actionBody[questions][0][title]=Q&actionBody[questions][0][type]=SingleOption"
        "&actionBody[questions][0][options][0][title]=Yes&actionBody[questions][0][options][1][title]=No"
    )
    made = form(shop, "POST", f"/groups/{STORE}/actions", survey)["actionId"]
    question = shop.call("GET", f"/groups/{STORE}/actions/{made}")["actionDetails"]["questions"][0]
    assert [one["title"] for one in question["options"]] == ["Yes", "No"]


@pytest.mark.parametrize(
    "body", ["a[b]=1&a=2", "a=1&a[b]=2", "a" + "[b]" * 100 + "=1", "a=%00", "&".join("a" * 2000)]
)
def test_forms_that_are_refused(shop: Shop, body: str) -> None:
    assert post(shop, body.encode(), Content_Type="application/x-www-form-urlencoded") == 400


def test_a_card_takes_the_answers_of_its_package(shop: Shop) -> None:
    """C27: with the type of a survey, more answers than the card has questions, and answers that do not fit them."""
    question = {"title": "Fixed?", "type": "SingleOption", "options": [{"title": "Yes"}, {"title": "No"}]}
    body = {"title": "C", "questions": [question, {"title": "N", "type": "Numeric"}]}
    path = f"/groups/{STORE}/actions"
    made = shop.call("POST", path, {"id": "com.example.card.2", "actionBody": body})["actionId"]
    given = [["Perhaps"], "many", "more", {"a": [1]}, None]
    answer = {"actionType": "Survey", "actionBody": {"Answers": given}}
    shop.call("POST", f"{path}/{made}/responses", answer)
    fitting = {"id": "com.example.card", "actionBody": {"answers": ["yes", 0]}}
    shop.call("POST", f"{path}/{made}/responses", fitting, who="user")
    details = shop.call("GET", f"{path}/{made}", params={"getDetails": "true"})["actionDetails"]
    first, second = (
        [one["answer"] for one in response["responseWithQuestions"][:-3]] for response in details["responses"]
    )
    assert first == given
    assert second == [["Yes"], 0]


def test_a_survey_takes_only_what_fits(shop: Shop) -> None:
    for answers in (["x", "more"], [{"a": 1}]):
        headers = {"accessToken": shop.token("tenant")}
        body = {"actionType": "Survey", "actionBody": {"Answers": answers}}
        path = f"{shop.url}/v1/groups/{STORE}/actions/{shop.filled('the-real-survey')}/responses"
        assert shop.http.post(path, json=body, headers=headers).status_code == 400


def test_a_hub_group_below_a_public_group(shop: Shop) -> None:
    """C30."""
    path = f"/groups/{NORTH}/subGroups"
    assert shop.call("PUT", path, {"subGroups": [HUB]}) == {"result": "true"}
    body = {"groupName": "News", "welcomeMessage": "x", "groupType": "ConnectGroup"}
    made = shop.call("POST", path, body)["groupId"]
    below = {one["groupId"]: one["groupType"] for one in shop.call("GET", path)["subGroups"]}
    assert below.items() >= {HUB: "ConnectGroup", made: "ConnectGroup"}.items()
    assert shop.call("DELETE", f"{path}/{HUB}") == {"result": "true"}


def test_one_malformed_number_fails_alone(shop: Shop) -> None:
    """C34."""
    reply = shop.call("PUT", f"/groups/{STORE}/members", {"members": [ASHA, "98765", "+91 1", RAVI]})
    assert reply["result"] == "true"
    assert [one["subscriber"] for one in reply["failedResult"]] == ["98765", "+91 1"]
    assert all(one["errorReason"] and one["errorCode"] for one in reply["failedResult"])
