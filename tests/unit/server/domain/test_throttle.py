from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from sqlalchemy import event

from airflow_provider_kaizala.server.clock import MINUTE
from airflow_provider_kaizala.server.domain import throttle

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


def test_a_read_within_the_limits_writes_nothing(make_server, call_with, monkeypatch) -> None:
    monkeypatch.setattr(throttle, "TELL_AFTER_SECONDS", 10_000)
    server = make_server(connector_limit=100_000, tenant_limit=100_000)
    server.state.clock.freeze()
    api = call_with("demo-group-token", url=server.url)
    for _ in range(3):  # the first calls of a minute are told at once
        api.ok("GET", "/groups")
        server.state.database.submit(lambda _conn: None).result()
    written = []

    def committed(connection):
        if connection.get_execution_options().get("writes"):
            written.append(connection)

    event.listen(server.state.database.engine, "commit", committed)
    for _ in range(30):
        api.ok("GET", "/groups")
    event.remove(server.state.database.engine, "commit", committed)
    assert written == []


def test_two_processes_share_a_limit(new_database, make_server, call_with, tmp_path) -> None:
    database = new_database(tmp_path, "shared")
    servers = [make_server(database, connector_limit=40) for _ in range(2)]
    for one in servers:
        one.state.clock.freeze(servers[0].state.clock.now_ms())
    apis = [call_with("demo-group-token", url=one.url) for one in servers]
    admitted = 0
    for _ in range(40):
        for one, api in zip(servers, apis, strict=True):
            admitted += api.http.get("/groups").status_code == 200
            while one.state.throttle._telling:  # so that the others know it, however slow the machine is
                time.sleep(0.001)
    assert 40 <= admitted < 60


def test_calls_of_one_moment_are_counted_exactly(make_server, call_with) -> None:
    server = make_server(connector_limit=20)
    server.state.clock.freeze()
    api = call_with("demo-group-token", url=server.url)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: api.http.get("/groups").status_code, range(40)))
    assert (statuses.count(200), statuses.count(429)) == (20, 20)


def test_a_restarted_process_knows_what_was_counted_before(
    new_database, make_server, call_with, tmp_path
) -> None:
    database = new_database(tmp_path, "restarted")
    first = make_server(database, connector_limit=20)
    now_ms = first.state.clock.freeze()
    api = call_with("demo-group-token", url=first.url)
    assert [api.http.get("/groups").status_code for _ in range(20)] == [200] * 20
    first.state.database.submit(lambda _conn: None).result()
    second = make_server(database, connector_limit=20)
    second.state.clock.freeze(now_ms)
    api = call_with("demo-group-token", url=second.url)
    api.ok("GET", "/groups")
    second.state.database.submit(lambda _conn: None).result()  # it has read the table now
    admitted = [api.http.get("/groups").status_code for _ in range(20)].count(200)
    assert admitted < 15
