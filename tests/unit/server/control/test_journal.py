from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.control.journal import MAX_ENTRIES, Journal, Wanted

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.run import RunningServer

GROUP = "11111111-1111-4111-8111-111111111111@1"
RAVI = "+910000000002"


def test_request_and_reply(control, api) -> None:
    url = f"{control.url}//v1/groups/{GROUP.upper()}/messages/?a=b"
    assert api.http.post(url, json={"message": "größer 😀"}).status_code == 200
    entry = control.entries()[-1]
    assert entry["operation"] == "sendMessage"
    assert entry["kind"] == "request"
    assert (entry["method"], entry["group"], entry["query"]) == ("POST", GROUP, {"a": "b"})
    assert entry["body"] == {"message": "größer 😀"}
    assert entry["status"] == 200
    assert entry["reply"]["referenceId"]
    assert entry["replyHeaders"]["content-type"].startswith("application/json")
    assert 0 < entry["durationMs"] < 5000
    assert entry["faults"] == []
    assert entry["at"].endswith("Z")


def test_it_is_filtered(control, api, ravi) -> None:
    start = control.ok("GET", "/journal")["last"]
    api.ok("GET", "/groups")
    api.refused(404, "GET", f"/groups/{GROUP}/actions/nothing")
    api.refused(400, "POST", f"/groups/{GROUP}/messages", json={})
    ravi.ok("GET", "/groups")
    shown = control.entries(since=start)
    assert [entry["operation"] for entry in shown] == ["listGroups", "getAction", "sendMessage", None]
    assert [entry["seq"] for entry in shown] == list(range(start + 1, start + 5))
    assert shown[1]["action"] == "nothing"
    assert len(control.entries(since=start, group=GROUP)) == 2
    assert len(control.entries(since=start, status="4xx")) == 2
    assert len(control.entries(since=start, status="200,400")) == 3
    assert len(control.entries(since=start, operation="sendMessage,GETACTION")) == 2
    page = control.ok("GET", "/journal", params={"since": start, "count": 2})
    assert (page["last"], page["hasMore"], len(page["entries"])) == (start + 2, True, 2)
    assert control.ok("GET", "/journal", params={"since": start + 4}) == {
        "entries": [],
        "last": start + 4,
        "hasMore": False,
    }


@pytest.mark.parametrize(
    "query",
    [{"since": "x"}, {"since": -1}, {"operation": "nope"}, {"status": "4x"}, {"wait": 99}, {"count": 0}],
)
def test_wrong_questions_are_refused(control, query: dict[str, Any]) -> None:
    assert next(iter(query)) in control.refused(400, "GET", "/journal", params=query)


def test_people_are_in_it_and_the_control_plane_is_not(control) -> None:
    start = control.ok("GET", "/journal")["last"]
    control.ok("POST", "/clock", json={"advance": 1})
    control.ok("GET", f"/people/{RAVI}/groups")
    (entry,) = control.entries(since=start)
    assert entry["path"] == f"/_test/people/{RAVI}/groups"


def test_a_reset_empties_it_and_its_numbers_go_on(control, api) -> None:
    api.ok("GET", "/groups")
    last = control.ok("GET", "/journal")["last"]
    control.ok("POST", "/reset")
    assert control.ok("GET", "/journal") == {"entries": [], "last": last, "hasMore": False}


def test_a_reader_can_wait(control, api) -> None:
    start = control.ok("GET", "/journal")["last"]
    threading.Timer(0.3, lambda: api.ok("GET", "/users/me")).start()
    began = time.monotonic()
    entries = control.ok(
        "GET", "/journal", params={"since": start, "wait": 30, "operation": "getMe"}, timeout=60
    )["entries"]
    assert [entry["operation"] for entry in entries] == ["getMe"]
    assert 0.2 < time.monotonic() - began < 25, "as soon as there is something"
    began = time.monotonic()
    assert control.entries(since=start + 1, wait=1) == []
    assert time.monotonic() - began >= 1


def test_no_secret_is_in_it(control, server: RunningServer, api, fetch_token) -> None:
    token = fetch_token(server.url, "demo-refresh-token")["accessToken"]
    fetch = {
        "applicationId": "demo-connector",
        "applicationSecret": "secret-wrong",
        "refreshToken": "refresh-wrong",
    }
    httpx.get(server.url + "/v1/accessToken", headers=fetch)
    httpx.get(server.url + "/v1/groups", headers={"Authorization": "Bearer secret-bearer"})
    httpx.post(server.url + "/people/session", json={"mobileNumber": RAVI, "pin": "secret-pin"})
    signed = httpx.post(server.url + "/people/session", json={"mobileNumber": RAVI, "pin": "1234"}).json()[
        "token"
    ]
    httpx.post(
        server.url + "/v1/loginWithPinAndApplicationId",
        content="{mobileNumber: '" + RAVI + "', PIN: 'secret-lenient', applicationId: 'x'}",
    )
    httpx.post(server.url + "/v1/loginWithPinAndApplicationId", content='{"pin": "secret-broken')
    form = {"client_id": "x", "client_secret": "secret-client", "code": "secret-code"}
    httpx.post(server.url + "/api/oauth/token", data=form)
    httpx.get(server.url + "/api/Oauth/Authorize", params={"client_id": "x", "access_token": "secret-query"})
    hook = {
        "objectId": GROUP,
        "callBackToken": "secret-callback",
        "callBackUrl": "https://user:secret-user@h.example/a?sig=secret-sig",
        "callBackHeaders": {"X-Key": "secret-header"},
        "eventTypes": ["ActionCreated"],
    }
    api.http.post("/webhook", json=hook)
    api.http.get("/groups/say%20secret-wrong", headers={"applicationSecret": "secret-wrong"})
    server.state.on_delivery(
        {
            "operation": "deliverEvent",
            "webhookId": "w1",
            "callbackUrl": "https://h.example/a?sig=secret-sig",
            "headers": {"kz-callback-token": "secret-callback"},
            "status": 503,
            "error": "the callback said secret-callback",
            "body": {"objectId": GROUP, "data": {"text": "Hello"}},
        }
    )
    whole = json.dumps(control.ok("GET", "/journal"))
    for secret in (
        token,
        signed,
        "demo-refresh-token",
        "demo-secret",
        "demo-group-token",
        "secret-",
        "refresh-wrong",
    ):
        assert secret not in whole, secret
    assert "1234" not in json.dumps([entry["body"] for entry in control.entries() if entry["body"]])
    (delivery,) = control.entries(operation="deliverEvent", status="503")
    assert (delivery["kind"], delivery["group"], delivery["webhookId"]) == ("delivery", GROUP, "w1")
    assert delivery["callbackUrl"] == "https://h.example/a?***"
    assert delivery["body"]["data"] == {"text": "Hello"}


def test_bodies_that_are_not_shown(control, api) -> None:
    api.ok("POST", "/media", files={"file": ("a.png", b"\x89PNG" * 100, "image/png")})
    assert control.entries()[-1]["body"].startswith("<")
    api.refused(400, "POST", f"/groups/{GROUP}/messages", json={"message": "x" * 20_000})
    assert control.entries()[-1]["body"].endswith("too long to keep>")
    api.refused(400, "POST", f"/groups/{GROUP}/messages", content="{" * 50)
    assert control.entries()[-1]["body"] == "<50 bytes of unknown type>"


def test_it_is_bounded() -> None:
    journal = Journal(Clock())
    for number in range(MAX_ENTRIES + 10):
        journal.delivered({"status": number})
    page = journal.read(Wanted(), MAX_ENTRIES * 2)
    assert len(page["entries"]) == MAX_ENTRIES  # type: ignore[arg-type]
    assert page["last"] == MAX_ENTRIES + 10
    assert page["entries"][0]["seq"] == 11  # type: ignore[index]
