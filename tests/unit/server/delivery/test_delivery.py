"""The outbox on its way to real listeners: headers, retries, order, fairness, what ends it."""

from __future__ import annotations

import itertools
import json
import logging
import time

import httpx
from sqlalchemy import select

from airflow_provider_kaizala.server.delivery import posting
from airflow_provider_kaizala.server.delivery.outbox import RETRIES, Retries
from airflow_provider_kaizala.server.store.tables import webhook_delivery

GROUP = "11111111-1111-4111-8111-111111111111@1"
HOUR_MS = 3600 * 1000


def rows(server):
    with server.state.database.engine.connect() as connection:
        return connection.execute(select(webhook_delivery).order_by(webhook_delivery.c.id)).all()


def rows_in(server, state, seconds=20):
    """Wait until all deliveries are in a state."""
    until = time.monotonic() + seconds
    while (found := rows(server)) and any(row.state != state for row in found):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def row_after_an_attempt(server):
    """Wait until the first delivery was tried, and what came of it written down."""
    until = time.monotonic() + 20
    while not (row := rows(server)[0]).attempts:
        assert time.monotonic() < until
        time.sleep(0.02)
    return row


def active(api):
    hooks = api.ok("GET", "/webhook", params={"objectId": GROUP, "objectType": "Group"})["webhooks"]
    return [hook["active"] for hook in hooks]


def test_what_is_posted(server, api, listen, listener, subscribe, say) -> None:
    other = listen()
    hook = subscribe(
        api,
        callBackToken="t0ken-é",
        callBackContext="ctx",
        callBackHeaders={
            "X-Own": "yes ü",
            "HOST": "evil",
            "content-length": "3",
            "KZ-Callback-Token": "evil",
        },
    )
    subscribe(api, to=other)
    say(api, "Hello")
    [got] = listener.wait(1)
    headers = listener.got[0]["headers"]
    assert got["subscriptionId"] == hook
    assert (got["eventType"], got["data"], got["context"]) == ("TextMessageCreated", {"text": "Hello"}, "ctx")
    assert headers["kz-callback-token"].encode("latin-1").decode() == "t0ken-é"
    assert headers["x-own"].encode("latin-1").decode() == "yes ü"
    assert headers["host"] == f"127.0.0.1:{listener.port}"
    assert headers["content-type"].startswith("application/json")
    for name in ("host", "content-length", "kz-callback-token"):
        assert len(headers.get_all(name)) == 1
    [second] = other.wait(1)
    assert second["eventId"] == got["eventId"]
    assert "kz-callback-token" not in other.got[0]["headers"]
    text = json.dumps(got)
    for secret in ("t0ken", "demo-secret", "demo-group-token", api.http.headers["accessToken"], "1234"):
        assert secret not in text
    assert [row.state for row in rows_in(server, "delivered")] == ["delivered"] * 2
    listener.stays_at(1)


def test_order_and_once(api, listener, subscribe, say) -> None:
    subscribe(api)
    texts = [f"message {n}" for n in range(60)]
    say(api, *texts)
    assert [body["data"]["text"] for body in listener.wait(60)] == texts
    listener.stays_at(60)


def test_only_what_was_asked_for(api, listener, subscribe, say) -> None:
    subscribe(api, "Announcement")
    say(api, "x")
    api.post_action("Announcement", {"title": "T", "message": "M"})
    assert listener.events(1) == ["Announcement"]
    listener.stays_at(1)


def test_retries_span_48_hours_with_doubling_gaps() -> None:
    gaps = [Retries(2_742_000).gap_ms(attempt) for attempt in range(1, RETRIES + 1)]
    assert all(later == 2 * earlier for earlier, later in itertools.pairwise(gaps))
    assert 47.9 * HOUR_MS < sum(gaps) <= 48 * HOUR_MS
    assert Retries(2_742_000).gap_ms(RETRIES + 1) is None


def test_retries_by_the_clock_and_then_inactive(server, api, listener, subscribe, say) -> None:
    clock = server.state.clock
    clock.freeze()
    hook = subscribe(api, validity=clock.now_ms() + 1000 * HOUR_MS)
    listener.status = 500
    say(api, "Hello")
    gap_ms = 2_742_000
    for attempt in range(1, 8):
        listener.wait(attempt)
        if attempt < 7:
            assert active(api) == [True]
            clock.advance(gap_ms - 1000)
            listener.stays_at(attempt, 0.3)
            clock.advance(1000)
            gap_ms *= 2
    rows_in(server, "failed")
    # 48 hours later the token is old, too.
    api.http.headers["accessToken"] = fetch(server)
    assert active(api) == [False]
    assert len({body["eventId"] for body in listener.wait(7)}) == 1
    [row] = rows(server)
    assert (row.attempts, row.last_status, row.last_error) == (7, 500, "status 500")
    say(api, "while inactive")
    clock.advance(1000 * HOUR_MS // 2)
    listener.stays_at(7)
    api.http.headers["accessToken"] = fetch(server)
    listener.status = 204
    api.ok("PUT", f"/webhook/{hook}", json={"Active": "true"})
    assert listener.wait(8)[-1]["eventId"] == row.event_id
    rows_in(server, "delivered")
    say(api, "again")
    assert listener.wait(9)[-1]["data"] == {"text": "again"}


def fetch(server):
    headers = {
        "applicationId": "demo-connector",
        "applicationSecret": "demo-secret",
        "refreshToken": "demo-group-token",
    }
    return httpx.get(server.url + "/v1/accessToken", headers=headers).json()["accessToken"]


def test_compressed_retries(make_server, call_with, listener, subscribe, say) -> None:
    server = make_server(webhook_first_retry_seconds=0.01)
    api = call_with("demo-group-token", url=server.url)
    subscribe(api)
    listener.statuses = [500, 302, 404, 100 + 299, 503, 400]
    say(api, "Hello")
    listener.wait(7)
    [row] = rows_in(server, "delivered")
    assert (row.attempts, row.last_status, row.last_error) == (7, 200, None)
    assert active(api) == [True]


def test_when_one_gives_up_the_rest_waits_for_the_update(
    make_server, call_with, listener, subscribe, say
) -> None:
    server = make_server(webhook_first_retry_seconds=0.01)
    api = call_with("demo-group-token", url=server.url)
    hook = subscribe(api)
    listener.status = 500
    say(api, "a", "b", "c")
    rows_in(server, "failed")
    assert active(api) == [False]
    before = len(listener.got)
    listener.status = 200
    api.ok("PUT", f"/webhook/{hook}", json={"Active": True})
    listener.wait(before + 3)
    assert [one["body"]["data"]["text"] for one in listener.got[before:]] == ["a", "b", "c"]


def test_a_redirect_is_not_followed(api, listener, subscribe, say) -> None:
    subscribe(api)
    listener.status = 307
    say(api, "Hello")
    listener.wait(1)
    listener.stays_at(1)
    assert listener.got[0]["path"] == "/hook"


def test_a_connection_that_fails_is_retried(make_server, call_with, listen, subscribe, say) -> None:
    server = make_server(webhook_first_retry_seconds=0.3)
    api = call_with("demo-group-token", url=server.url)
    down = listen()
    subscribe(api, to=down)
    down.close()
    say(api, "Hello")
    assert row_after_an_attempt(server).last_error == "no connection"
    up = listen(down.port)
    up.wait(1)


def test_a_slow_receiver_holds_up_nobody(api, listen, listener, subscribe, say, monkeypatch) -> None:
    monkeypatch.setattr(posting, "DELIVERY_SECONDS", 60)
    slow = [listen() for _ in range(4)]
    for one in slow:
        one.answers.clear()
        for _ in range(20):
            subscribe(api, to=one)
    subscribe(api)
    say(api, "a", "b", "c")
    listener.wait(3)
    assert [one.got for one in slow] == [[]] * 4


def test_a_receiver_that_never_answers_is_a_timeout(
    api, server, listener, subscribe, say, monkeypatch
) -> None:
    monkeypatch.setattr(posting, "DELIVERY_SECONDS", 0.3)
    subscribe(api)
    listener.answers.clear()
    say(api, "Hello")
    row = row_after_an_attempt(server)
    assert (row.state, row.attempts, row.last_error) == ("pending", 1, "timeout")


def test_what_ends_a_webhook(server, api, listener, subscribe, say) -> None:
    clock = server.state.clock
    listener.status = 500
    hook = subscribe(api, validity=clock.now_ms() + 2 * HOUR_MS)
    say(api, "a")
    listener.wait(1)
    clock.advance(2 * HOUR_MS)
    listener.stays_at(1)
    assert active(api) == [False]
    assert rows_in(server, "failed")[0].last_error == "the webhook has expired"
    say(api, "not heard")
    assert len(rows(server)) == 1
    # A longer life, and it goes on with what it missed delivering.
    listener.status = 200
    api.ok("PUT", f"/webhook/{hook}", json={"validity": clock.now_ms() + HOUR_MS})
    assert [body["data"]["text"] for body in listener.wait(2)] == ["a", "a"]
    listener.status = 500
    say(api, "b")
    listener.wait(3)
    api.ok("PUT", f"/webhook/{hook}", json={"Active": "false"})
    clock.advance(2742 * 1000)
    listener.stays_at(3)
    api.ok("DELETE", f"/webhook/{hook}")
    say(api, "c")
    listener.stays_at(3)
    assert {row.state for row in rows(server)} == {"delivered"}


def test_logs_hold_no_secret(server, api, listener, subscribe, say, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    subscribe(api, callBackToken="s3cret-token", callBackUrl=listener.url + "?code=s3cret-code")
    listener.statuses = [500]
    say(api, "Hello, s3cret-text")
    row_after_an_attempt(server)
    until = time.monotonic() + 20
    while "not delivered" not in caplog.text:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "s3cret" not in caplog.text
    assert "validationToken" not in caplog.text


def test_two_servers_share_the_work(make_server, call_with, tmp_path, listen, subscribe, say) -> None:
    one = make_server(database=f"sqlite:///{tmp_path}/shared.db")
    two = make_server(database=f"sqlite:///{tmp_path}/shared.db")
    api, api_two = (call_with("demo-group-token", url=server.url) for server in (one, two))
    listeners = [listen() for _ in range(4)]
    for listener in listeners:
        subscribe(api, to=listener)
    for n in range(30):
        say(api if n % 2 else api_two, str(n))
    for listener in listeners:
        assert [body["data"]["text"] for body in listener.wait(30, 30)] == [str(n) for n in range(30)]
    for listener in listeners:
        listener.stays_at(30, 0.3)


def test_stopping_is_quick_and_loses_nothing(
    make_server, call_with, tmp_path, listener, subscribe, say, monkeypatch
) -> None:
    monkeypatch.setattr(posting, "DELIVERY_SECONDS", 60)
    shared = {"database": f"sqlite:///{tmp_path}/shared.db"}
    server = make_server(**shared)
    api = call_with("demo-group-token", url=server.url)
    subscribe(api)
    listener.answers.clear()
    say(api, "Hello", "there")
    listener.reached(1)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 30, "it did not wait for the receiver"
    listener.answers.set()
    make_server(**shared)
    texts = {one["data"]["text"] for one in listener.wait(3)}
    assert texts == {"Hello", "there"}


def test_what_comes_of_a_removed_webhook_is_not_told_of_another(
    api, server, listener, listen, subscribe, say
) -> None:
    hook = subscribe(api)
    listener.answers.clear()
    say(api, "old")
    listener.reached(1)
    api.ok("DELETE", f"/webhook/{hook}")
    other = listen()
    subscribe(api, to=other)
    other.statuses = [500]
    say(api, "new")
    row_after_an_attempt(server)
    listener.answers.set()
    listener.stays_at(1)
    [row] = rows(server)
    assert (row.state, row.attempts, row.last_status) == ("pending", 1, 500)


def test_a_delivery_that_a_reset_overtakes_is_not_in_the_journal_after_it(
    server, api, call_with, listen, listener, subscribe, say
) -> None:
    subscribe(api)
    listener.delay = 0.3
    say(api, "before")
    listener.reached(1)
    httpx.post(server.url + "/_test/reset").raise_for_status()
    listener.wait(1)
    api, other = call_with("demo-group-token"), listen()
    subscribe(api, to=other)
    say(api, "after")
    other.wait(1)
    rows_in(server, "delivered")
    entries = httpx.get(server.url + "/_test/journal", params={"operation": "deliverEvent"}).json()["entries"]
    assert [entry["body"]["data"]["text"] for entry in entries] == ["after"]


def test_old_rows_are_swept(server, api, listener, subscribe, say) -> None:
    from airflow_provider_kaizala.server.delivery.outbox import sweep

    subscribe(api)
    say(api, "Hello")
    rows_in(server, "delivered")
    state = server.state
    state.database.submit(lambda conn: sweep(conn, state.clock.now_ms() + 29 * 24 * HOUR_MS)).result()
    assert len(rows(server)) == 1
    state.database.submit(lambda conn: sweep(conn, state.clock.now_ms() + 31 * 24 * HOUR_MS)).result()
    assert rows(server) == []
