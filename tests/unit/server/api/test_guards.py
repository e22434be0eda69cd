"""What stands before the routes: limits for strangers, browsers' origins, caches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.routing import Route

from airflow_provider_kaizala.server.app import create_app
from airflow_provider_kaizala.server.clock import MINUTE
from airflow_provider_kaizala.server.limits import MAX_ADDRESSES, MAX_KNOWN, AddressLimit, KnownTokens
from airflow_provider_kaizala.server.page.assets import asset_url, assets

if TYPE_CHECKING:
    from airflow_provider_kaizala.server.run import RunningServer

GROUP = "11111111-1111-4111-8111-111111111111@1"
ORIGIN = {"Origin": "https://app.example"}


@pytest.mark.parametrize("path", ["/", "/people/groups", "/v1/groups", "/v1/accessToken"])
def test_strangers_are_limited_and_known_callers_are_not(make_server, fetch_token, path: str) -> None:
    server = make_server(test_mode=False, anonymous_limit=5)
    token = fetch_token(server.url, "demo-group-token")["accessToken"]
    mine = {"accessToken": token}
    assert httpx.get(server.url + "/v1/groups", headers=mine).status_code == 200
    found = [httpx.get(server.url + path, headers={"accessToken": "x"}) for _ in range(6)]
    assert [one.status_code == 429 for one in found] == [False] * 3 + [True] * 3
    assert 0 < int(found[-1].headers["Retry-After"]) <= 60
    assert httpx.get(server.url + "/v1/groups", headers=mine).status_code == 200
    assert httpx.get(server.url + "/healthz").status_code == 200
    assert httpx.get(server.url + asset_url("kaizala.css")).status_code == 200


def test_a_stranger_gets_a_page_where_a_page_was_asked_for(make_server) -> None:
    server = make_server(test_mode=False, anonymous_limit=1)
    replies = [httpx.get(server.url + "/sign-in", headers={"Accept": "text/html"}) for _ in range(2)]
    assert [one.status_code for one in replies] == [200, 429]
    assert replies[1].headers["content-type"].startswith("text/html")
    assert "PIN" not in replies[1].text


def test_an_address_gets_its_share_again_each_minute() -> None:
    limit = AddressLimit(3)
    assert [limit.wait_seconds("a", 0) for _ in range(4)] == [0, 0, 0, 21]
    assert limit.wait_seconds("b", 0) == 0
    assert [limit.wait_seconds("a", MINUTE // 3) for _ in range(2)] == [0, 21]
    assert [limit.wait_seconds("a", 100 * MINUTE) for _ in range(4)] == [0, 0, 0, 21]
    assert [AddressLimit(0).wait_seconds("a", 0) for _ in range(9)] == [0] * 9


def test_what_is_remembered_is_bounded() -> None:
    limit, known = AddressLimit(1), KnownTokens()
    for number in range(MAX_ADDRESSES + 10):
        limit.wait_seconds(str(number), 0)
    for number in range(MAX_KNOWN + 10):
        known.add(str(number), 0)
    assert len(limit._left) == MAX_ADDRESSES
    assert len(known._until) == MAX_KNOWN
    assert known.holds(str(MAX_KNOWN), 0)
    assert not known.holds(str(MAX_KNOWN), 11 * MINUTE)
    assert not known.holds("0", 0)


def test_a_token_taken_back_does_nothing_though_it_was_known(server: RunningServer, api) -> None:
    path = f"/groups/{GROUP}/messages"
    api.ok("POST", path, json={"message": "x"})
    given = {"connectorId": "demo-connector", "groupId": GROUP}
    assert httpx.post(server.url + "/_test/revoke-grant", json=given).status_code == 200
    api.refused(401, "POST", path, json={"message": "y"})
    api.refused(401, "POST", path, content=b"{{{")


def test_scripts_of_other_sites_may_call_the_api(server: RunningServer, api) -> None:
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "accesstoken,content-type",
    }
    for path in (f"/v1/groups/{GROUP}/members", f"//V1/groups/{GROUP}/messages/", "/v1/nowhere"):
        reply = httpx.options(server.url + path, headers={**ORIGIN, **asked})
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "PUT" in reply.headers["access-control-allow-methods"]
        assert "accesstoken" in reply.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in reply.headers
    for status, path in ((200, f"/groups/{GROUP}"), (404, "/nowhere")):
        reply = api.http.get(path, headers=ORIGIN)
        assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (status, "*")
    assert httpx.get(server.url + "/v1/groups", headers=ORIGIN).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/", "/people/groups", "/_test/people", "/healthz", "/api/oauth/authorize"])
def test_scripts_of_other_sites_may_call_nothing_else(server: RunningServer, path: str) -> None:
    reply = httpx.get(server.url + path, headers=ORIGIN)
    assert "access-control-allow-origin" not in reply.headers


def test_origins_can_be_named_or_none(make_server) -> None:
    named = make_server(cors_origins=("https://app.example",))
    assert (
        httpx.get(named.url + "/v1/groups", headers=ORIGIN).headers["access-control-allow-origin"]
        == ORIGIN["Origin"]
    )
    other = httpx.get(named.url + "/v1/groups", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    none = make_server(cors_origins=())
    assert "access-control-allow-origin" not in httpx.get(none.url + "/v1/groups", headers=ORIGIN).headers


def test_nothing_may_be_cached_but_what_never_changes(server: RunningServer, api, asha) -> None:
    app = create_app(server.config, replace(server.state))
    paths = [
        (method, route.path.replace("{groupId}", GROUP).replace("{group_id}", GROUP))
        for route in app.routes
        if isinstance(route, Route) and not route.path.startswith(("/media", "/static", "/_test/reset"))
        for method in route.methods or ()
        if not route.path.endswith("/live")
    ]
    assert len(paths) > 80
    headers = {
        "accessToken": api.http.headers["accessToken"],
        "Authorization": asha.http.headers["Authorization"],
    }
    with httpx.Client(base_url=server.url, timeout=20) as http:
        for method, path in [*paths, ("GET", "/v1/nowhere"), ("PATCH", "/v1/groups"), ("GET", "/nowhere")]:
            reply = http.request(method, path.replace("{", "").replace("}", ""), headers=headers)
            assert reply.headers["cache-control"] == "no-store", (method, path)
        assert "immutable" in http.get(asset_url("kaizala.css")).headers["cache-control"]
        for query in ("", "?v=other"):
            assert http.get(f"/static/{next(iter(assets()))}{query}").headers["cache-control"] == "no-store"
