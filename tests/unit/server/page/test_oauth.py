"""The authorization-code flow as a browser and a connector go through it."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

REDIRECT = "https://app.example/back?from=kaizala"
WEIRD = 'https://app.example/"><script>alert(1)</script>'
SEED = f"""
people:
  - {{mobileNumber: "+910000000001", name: Asha, pin: "1234"}}
  - {{mobileNumber: "+910000000002", name: Ravi, pin: "1234"}}
connectors:
  - {{id: app, secret: app-secret, name: "App <b>&amp;", redirectUrl: "{REDIRECT}"}}
  - {{id: weird, secret: app-secret, redirectUrl: '{WEIRD}'}}
  - {{id: none, secret: app-secret}}
groups:
  - {{id: 22222222-2222-4222-8222-222222222222@1, name: A, admins: ["+910000000001"], members: ["+910000000002"]}}
"""
PAGE = "/api/Oauth/Authorize"
ASKED = {"client_id": "app", "redirect_uri": REDIRECT}
SIGNED = {**ASKED, "mobileNumber": "+910000000002", "pin": "1234"}


@pytest.fixture
def server(make_server, tmp_path):
    seed = tmp_path / "seed.yaml"
    seed.write_text(SEED)
    return make_server(seed=str(seed))


@pytest.fixture
def browser(server):
    with httpx.Client(base_url=server.url) as client:
        yield client


def get_code(browser, **more):
    reply = browser.post(PAGE, data={**SIGNED, **more})
    assert reply.status_code == 302, reply.text
    return parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]


def redeem(browser, code, **more):
    form = {"client_id": "app", "client_secret": "app-secret", "code": code, **more}
    return browser.post("/api/oauth/token", data=form)


class Inputs(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "input":
            self.fields[found["name"] or ""] = found.get("value") or ""


@pytest.mark.parametrize("path", [PAGE, "/api/oauth/authorize", "/API/OAUTH/AUTHORIZE/"])
def test_the_whole_way(browser, server, path) -> None:
    page = browser.get(path, params={**ASKED, "state": "a b&c"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    fields = Inputs(page.text).fields
    reply = browser.post(path, data={**fields, "mobileNumber": "+910000000002", "pin": "1234"})
    assert reply.status_code == 302
    location = reply.headers["location"]
    assert location.startswith(REDIRECT + "&code=")
    query = parse_qs(urlsplit(location).query)
    assert (query["from"], query["state"]) == (["kaizala"], ["a b&c"])
    body = redeem(browser, query["code"][0]).json()
    assert set(body) == {"accessToken", "endpointUrl", "accessTokenExpiry", "refreshToken", "scope"}
    headers = {"accessToken": body["accessToken"]}
    assert httpx.get(body["endpointUrl"] + "/v1/users/me", headers=headers).json()["name"] == "Ravi"
    secrets = {
        "applicationId": "app",
        "applicationSecret": "app-secret",
        "refreshToken": body["refreshToken"],
    }
    assert browser.get("/v1/accessToken", headers=secrets).status_code == 200


def test_a_code_works_once_for_five_minutes_and_for_its_connector(browser, server) -> None:
    code = get_code(browser)
    assert redeem(browser, code, client_id="none").status_code == 400
    assert redeem(browser, code).status_code == 200
    again = redeem(browser, code)
    assert (again.status_code, again.json()["errorCode"]) == (400, "InvalidParameters")
    late = get_code(browser)
    server.state.clock.advance(5 * 60 * 1000)
    assert redeem(browser, late).status_code == 400


def test_a_new_grant_ends_the_refresh_token_before(browser) -> None:
    first, second = (redeem(browser, get_code(browser)).json()["refreshToken"] for _ in range(2))
    secrets = {"applicationId": "app", "applicationSecret": "app-secret"}
    for token, status in ((first, 401), (second, 200)):
        assert (
            browser.get("/v1/accessToken", headers={**secrets, "refreshToken": token}).status_code == status
        )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"client_id": "app"},
        {"redirect_uri": REDIRECT},
        {"client_id": "app", "redirect_uri": "https://evil.example/"},
        {"client_id": "app", "redirect_uri": REDIRECT + "x"},
        {"client_id": "app", "redirect_uri": REDIRECT.upper()},
        {"client_id": "none", "redirect_uri": "https://app.example/"},
        {"client_id": "unknown", "redirect_uri": REDIRECT},
    ],
)
def test_nobody_is_sent_elsewhere(browser, asked) -> None:
    for reply in (
        browser.get(PAGE, params=asked),
        browser.post(PAGE, data={**asked, "mobileNumber": "+910000000002", "pin": "1234"}),
    ):
        assert reply.status_code == 400
        assert "location" not in reply.headers
        assert set(reply.json()) == {"message", "errorCode", "errorCategoryKey"}


def test_a_wrong_pin_shows_the_page_again(browser) -> None:
    shown = browser.post(PAGE, data={**SIGNED, "pin": "999", "mobileNumber": '"><script>', "state": "s<'\""})
    assert shown.status_code == 401
    assert Inputs(shown.text).fields["state"] == "s<'\""
    assert Inputs(shown.text).fields["pin"] == ""
    assert "script" not in Inputs(shown.text).tags
    statuses = [browser.post(PAGE, data={**SIGNED, "pin": str(n)}).status_code for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    refused = browser.post(PAGE, data=SIGNED)
    assert (refused.status_code, refused.headers["retry-after"].isdigit()) == (429, True)


def test_the_page_escapes_and_is_not_framed(browser) -> None:
    page = browser.get(PAGE, params={"client_id": "weird", "redirect_uri": WEIRD})
    assert page.status_code == 200
    assert "script" not in Inputs(page.text).tags
    assert Inputs(page.text).fields["redirect_uri"] == WEIRD
    named = browser.get(PAGE, params=ASKED)
    assert "App &lt;b&gt;&amp;amp;" in named.text
    policy = named.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example" in policy
    assert named.headers["cache-control"] == "no-store"
    sent = browser.post(PAGE, data={**SIGNED, "client_id": "weird", "redirect_uri": WEIRD})
    assert sent.status_code == 302
    assert "<" not in sent.headers["location"]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 400),
        ({"client_id": "app", "code": "x"}, 400),
        ({"client_id": "app", "client_secret": "wrong", "code": "x"}, 401),
        ({"client_id": "unknown", "client_secret": "app-secret", "code": "x"}, 401),
        ({"client_id": "app", "client_secret": "app-secret", "code": "x"}, 400),
        ({"client_id": "app", "client_secret": "app-secret", "code": "\0"}, 400),
    ],
)
def test_refusals_of_the_exchange(browser, form, status) -> None:
    reply = browser.post("/api/oauth/token", data=form)
    assert reply.status_code == status
    assert set(reply.json()) == {"message", "errorCode", "errorCategoryKey"}


def test_bodies_that_are_no_form(browser) -> None:
    assert browser.post("/api/oauth/token", content=b"\xff\xfe").status_code == 400
    assert browser.post("/api/oauth/token", content=b"a=1&" * 200).status_code == 400
    assert browser.post("/api/oauth/token", content=b"x" * 100_000).status_code == 413


@pytest.mark.parametrize("client_id", ["nobody", ""])
def test_a_person_sent_by_an_unknown_connector_sees_a_page(browser, client_id) -> None:
    asked = {"client_id": client_id, "redirect_uri": REDIRECT}
    page = browser.get(PAGE, params=asked, headers={"Accept": "text/html"})
    assert page.status_code == 400
    assert page.headers["content-type"].startswith("text/html")
    assert "location" not in page.headers
    program = browser.get(PAGE, params=asked, headers={"Accept": "application/json"})
    assert program.json()["errorCode"] == "InvalidParameters"
