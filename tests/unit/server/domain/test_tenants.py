"""Two organisations on one server: neither reads the other by signing in, and guests are heard where they speak."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.server.conftest import RAVI

GUEST = "+440000000001"
SEED = {
    "tenants": [{"id": "other", "name": "Other"}],
    "people": [{"mobileNumber": GUEST, "name": "Guest", "pin": "4321", "tenant": "other"}],
    "connectors": [
        {
            "id": "theirs",
            "secret": "their-secret",
            "tenant": "other",
            "redirectUrl": "https://their.example/",
            "permissions": ["Text Message", "Media"],
        }
    ],
    "grants": [
        {"connector": "theirs", "kind": "user", "person": GUEST, "refreshToken": "their-token"},
    ],
}


@pytest.fixture(autouse=True)
def other_tenant(server):
    httpx.post(server.url + "/_test/seed", json=SEED).raise_for_status()


def login(server, connector, mobile, pin):
    body = {"applicationId": connector, "mobileNumber": mobile, "pin": pin}
    return httpx.post(server.url + "/v1/loginWithPinAndApplicationId", json=body)


def authorize(server, connector, mobile, pin):
    form = {
        "client_id": connector,
        "redirect_uri": "https://their.example/",
        "mobileNumber": mobile,
        "pin": pin,
    }
    return httpx.post(server.url + "/api/oauth/authorize", data=form)


def test_a_pin_signs_nobody_in_to_a_connector_of_another_tenant(server) -> None:
    assert login(server, "theirs", GUEST, "4321").status_code == 200
    foreign, wrong = login(server, "theirs", RAVI, "1234"), login(server, "theirs", GUEST, "0000")
    assert foreign.status_code == 401
    assert foreign.json() == wrong.json(), "nothing tells that the number is known elsewhere"


def test_oauth_signs_nobody_in_to_a_connector_of_another_tenant(server) -> None:
    assert authorize(server, "theirs", GUEST, "4321").status_code == 302
    refused = authorize(server, "theirs", RAVI, "1234")
    assert refused.status_code == 401
    assert "location" not in refused.headers


def test_oauth_tells_what_the_connector_may_do(server) -> None:
    asked = {"client_id": "theirs", "redirect_uri": "https://their.example/"}
    page = httpx.get(server.url + "/api/oauth/authorize", params=asked).text
    assert "Write messages" in page
    assert "Send and read photos and files" in page
    assert "List your groups" not in page


def test_the_granted_scope_is_that_of_the_connector(server) -> None:
    assert login(server, "theirs", GUEST, "4321").json()["grantedScope"] == "textmessage.read,media.read"
    whole = login(server, "demo-connector", RAVI, "1234").json()["grantedScope"]
    assert whole.startswith("groupinfo.read,groupinfo.write,")
    assert whole.endswith("webhook.update,webhook.remove")
