from __future__ import annotations

import httpx

from airflow_provider_kaizala.server.clock import MINUTE

GROUP = "11111111-1111-4111-8111-111111111111@1"


def test_calls_per_minute_refused_ones_included(make_server, call_with) -> None:
    server = make_server(connector_limit=5)
    server.state.clock.freeze(server.state.clock.now_ms() // MINUTE * MINUTE + 10_500)
    api = call_with("demo-group-token", url=server.url)
    for _ in range(3):
        api.ok("GET", "/groups")
    api.refused(400, "POST", f"/groups/{GROUP}/messages", json={})
    api.refused(404, "GET", "/groups/nothing")
    refused = api.http.post(f"/groups/{GROUP}/messages", json={"message": "x"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "50")
    assert refused.json()["errorCode"] == "TooManyRequests"
    assert httpx.get(server.url + "/healthz").status_code == 200
    server.state.clock.advance(50_000)
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "x"})


def test_calls_per_minute_of_the_tenant(make_server, call_with) -> None:
    server = make_server(tenant_limit=2)
    server.state.clock.freeze()
    one, other = (call_with(token, url=server.url) for token in ("demo-group-token", "demo-refresh-token"))
    one.ok("GET", "/groups")
    other.ok("GET", "/groups")
    one.refused(429, "GET", "/groups")
