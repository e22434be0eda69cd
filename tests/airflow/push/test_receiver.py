"""Webhooks reach a real API server with two workers, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time

import pytest
import requests

pytest.importorskip("fastapi", reason="Airflow 2 receives no webhooks")
pytest.importorskip("airflow.api_fastapi.app", reason="Airflow 2 receives no webhooks")

from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.bodies import MAX_BYTES
from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.stack import wait_for
from tests.airflow.push.api_server import GROUP, SUBSCRIPTION, ApiServer

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]


def answer(response: requests.Response) -> tuple[int, bytes, set[str]]:
    return (
        response.status_code,
        response.content,
        {*response.headers} - {"date", "server", "Connection", "connection"},
    )


def test_airflow_db_migrate_makes_the_tables(api_server: ApiServer) -> None:
    assert [row[0] for row in api_server.sql("SELECT version_num FROM alembic_version_kaizala")] == [
        "kaizala_0001"
    ]
    api_server.migrate()
    assert api_server.events("nothing") == []


def test_the_validation_is_answered(api_server: ApiServer) -> None:
    response = api_server.validate("123456789012345")
    assert (response.status_code, response.text) == (200, "123456789012345")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_every_refusal_is_the_same(api_server: ApiServer) -> None:
    another = Subscription("kaizala_default", "Group", "another")
    refusals = [
        api_server.post("r", token=None),
        api_server.post("r", token="wrong"),
        api_server.post("r", token=another.token("the secret of the connection")),
        api_server.post(
            "r",
            url=another.callback_url(api_server.url),
            token=SUBSCRIPTION.token("the secret of the connection"),
        ),
        api_server.post("r", token="wrong", data="x" * 10 * MAX_BYTES),
        api_server.post("r", subscription=Subscription("missing", "Group", "g")),
        api_server.post("r", subscription=Subscription("not_opted_in", "Group", "g")),
        requests.post(f"{api_server.url}/kaizala/", timeout=30),
        requests.get(f"{api_server.url}/kaizala/other?validationToken=5", timeout=30),
        api_server.validate("<b>"),
    ]
    (only,) = {(status, body, *sorted(names)) for status, body, names in map(answer, refusals)}
    assert only[:2] == (404, b'{"detail":"Not Found"}')
    assert api_server.events("r") == []


def test_an_event_is_stored_and_announced_once(api_server: ApiServer) -> None:
    uri = asset_uri("kaizala_default", GROUP)
    api_server.declare(uri)
    assert (api_server.post("once").status_code, api_server.post("once").content) == (200, b"{}")
    assert api_server.post_all(["once"] * 20) == [200] * 20, "both workers answer"
    assert api_server.events("once") == ["once"]
    time.sleep(2.5)  # something would ring again within two seconds
    assert api_server.asset_events(uri) == 1


def test_a_burst_is_kept_in_order_and_rings_again_after_its_end(api_server: ApiServer) -> None:
    group = Subscription("kaizala_default", "Group", "burst")
    uri = asset_uri("kaizala_default", "burst", "TextMessageCreated")
    api_server.declare(uri)
    seen: list[int] = []
    done = threading.Event()

    def read_on() -> None:
        while True:
            is_last = done.is_set()
            after = seen[-1] if seen else 0
            rows = api_server.sql(
                "SELECT id FROM kaizala_event WHERE group_id = 'burst' AND id > :after ORDER BY id",
                after=after,
            )
            seen.extend(row[0] for row in rows)
            if is_last:
                return

    reader = threading.Thread(target=read_on)
    reader.start()
    threads = []
    statuses: list[int] = []

    def post(number: int) -> None:
        posted = (api_server.post(f"burst{number}-{each}", subscription=group) for each in range(25))
        statuses.extend(response.status_code for response in posted)

    began = time.monotonic()
    for number in range(8):
        threads.append(threading.Thread(target=post, args=[number]))
        threads[-1].start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    rung = api_server.asset_events(uri)
    done.set()
    reader.join()
    assert statuses == [200] * 200
    assert len(seen) == 200, "who reads by cursor misses nothing, although two processes write"
    assert len(api_server.events("burst")) == 200
    assert 1 <= rung <= took + 1, "at most once a second"
    wait_for(
        "a ring for the last event",
        lambda: has_rung_for_the_last(api_server, uri, "burst"),
        60,
        api_server.processes.check,
    )
    rung = api_server.asset_events(uri)
    time.sleep(2.5)
    assert api_server.asset_events(uri) == rung, "it rings no more than once for what came last"


def has_rung_for_the_last(api_server: ApiServer, uri: str, group_id: str) -> bool:
    last = "SELECT max(received_at) FROM kaizala_event WHERE group_id = :group"
    rings = (
        "SELECT count(*) FROM asset_event JOIN asset ON asset.id = asset_event.asset_id "
        f"WHERE asset.uri = :uri AND asset_event.timestamp >= ({last})"
    )
    return bool(api_server.sql(rings, uri=uri, group=group_id)[0][0])


def test_database_trouble_makes_kaizala_try_again(api_server: ApiServer) -> None:
    api_server.sql("ALTER TABLE kaizala_event RENAME TO kaizala_event_gone")
    try:
        response = api_server.post("trouble")
    finally:
        api_server.sql("ALTER TABLE kaizala_event_gone RENAME TO kaizala_event")
    assert (response.status_code, response.content) == (503, b'{"detail":"Temporarily unavailable"}')
    assert response.headers["retry-after"] == "30"
    assert api_server.post("trouble").status_code == 200
    assert api_server.events("trouble") == ["trouble"]


def test_what_must_ring_again_rings_after_a_crash(api_server: ApiServer) -> None:
    group = Subscription("kaizala_default", "Group", "crash")
    uri = asset_uri("kaizala_default", "crash")
    api_server.declare(uri)
    for number in range(5):
        assert api_server.post(f"crash{number}", subscription=group).status_code == 200
    api_server.kill()
    rung = api_server.asset_events(uri)
    ((pending,),) = api_server.sql("SELECT pending FROM kaizala_bell WHERE group_id = 'crash'")
    assert pending
    api_server.start()
    wait_for("the ring", lambda: api_server.asset_events(uri) == rung + 1, 20, api_server.processes.check)
    assert len(api_server.events("crash")) == 5


def test_the_log_shows_no_traceback_and_no_secret(api_server: ApiServer) -> None:
    """Runs last: it looks at what all others have caused."""
    log = api_server.log
    assert "Traceback" not in log
    assert "the secret of the connection" not in log
    assert SUBSCRIPTION.token("the secret of the connection") not in log
    assert "Message burst" not in log
