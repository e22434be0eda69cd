"""What no receiver should be sent, sent to a real API server: the right status, one line in the log, and no effect."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

pytest.importorskip("fastapi", reason="Airflow 2 receives no webhooks")
pytest.importorskip("airflow.api_fastapi.app", reason="Airflow 2 receives no webhooks")

from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.receiver import LONGEST_BODY
from airflow_provider_kaizala.push.subscriptions import Subscription
from benchmarks import load, push_load
from demo.stack import wait_for
from tests.airflow.push.api_server import GROUP, SECRET, SUBSCRIPTION, ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

URI = asset_uri("kaizala_default", GROUP)
URL = SUBSCRIPTION.callback_url("")
TOKEN = SUBSCRIPTION.token(SECRET)
FOREIGN = Subscription("kaizala_default", "Group", "another")
HEAD = f"POST {URL} HTTP/1.1\r\nHost: airflow\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
REFUSED = "Refused a webhook request"
MB = 1_000_000
#: as many as the machine takes, from so many connections at once
FLOOD_SECONDS, FLOOD_CONNECTIONS = 3.0, 16


@pytest.fixture(scope="module")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("api-server")
    with ApiServer(folder, f"sqlite:///{folder / 'airflow.db'}?timeout=20") as server:
        server.declare(URI)
        yield server


@pytest.fixture(scope="module")
def slow_senders(api_server: ApiServer) -> Iterator[list[socket.socket]]:
    """Connections over which verified events have begun to come, but do not go on."""
    connections = [socket.create_connection(("127.0.0.1", api_server.port), timeout=60) for _ in range(40)]
    for connection in connections:
        connection.sendall(f"{HEAD}kz-callback-token: {TOKEN}\r\n\r\n{{".encode())
    yield connections
    for connection in connections:
        connection.close()


@pytest.fixture
def no_effect(api_server: ApiServer) -> Iterator[None]:
    """What is refused leaves neither an event nor an asset event."""

    def traces() -> tuple[int, int]:
        return len(api_server.events()), api_server.asset_events(URI)

    time.sleep(2.2)  # the bell may still ring for what the test before has sent
    before = traces()
    yield
    time.sleep(2.2)
    assert traces() == before


def event(event_id: str, **changes: Any) -> dict[str, Any]:
    body = {"objectId": GROUP, "objectType": "Group", "eventType": "TextMessageCreated", "eventId": event_id}
    return {**body, "data": {"text": "Hello"}, "fromUser": "+910000000001", **changes}


def deep(levels: int) -> bytes:
    return json.dumps(event("deep"))[:-1].encode() + b', "more": ' + b"[" * levels + b"]" * levels + b"}"


def post(api_server: ApiServer, body: Any, token: str | None = TOKEN, **headers: str) -> requests.Response:
    given = {"Content-Type": "application/json", "kz-callback-token": token, **headers}
    return requests.post(
        f"{api_server.url}{URL}",
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={name: value for name, value in given.items() if value is not None},
        timeout=60,
    )


def answer(response: requests.Response) -> tuple[Any, ...]:
    """What a sender sees of an answer, but for what is of the connection and of Airflow's session."""
    names = {name.lower() for name in response.headers} - {"date", "server", "connection", "set-cookie"}
    return response.status_code, response.content, *sorted(names)


UNKNOWN = (404, b'{"detail":"Not Found"}')


# --- who is known ------------------------------------------------------------------------------------------------------------


BAD_EVENTS = {
    "10 MB": (b"x" * 10 * MB, 413),
    "64 levels": (deep(64), 400),
    "100,000 levels": (deep(100_000), 400),
    "NaN": (event("nan", data={"text": float("nan")}), 400),
    "a number too large": (b'{"eventId": "1", "eventType": "x", "data": {"a": 1e999}}', 400),
    "invalid JSON": (b'{"eventId": "1", ', 400),
    "nothing": (b"", 400),
    "not UTF-8": (b"\xff\xfe{}", 400),
    "another group": (event("foreign", objectId="another"), 400),
    "a long event id": (event("a" * 1000), 400),
    "a NUL": (event("a\x00b"), 400),
}


@pytest.mark.usefixtures("no_effect", "slow_senders")
def test_each_bad_event_has_its_status_and_one_line_in_the_log(api_server: ApiServer) -> None:
    for name, (body, status) in BAD_EVENTS.items():
        time.sleep(1.1)  # the log has one line per second and process
        before = api_server.log.count(REFUSED)
        response = post(api_server, body)
        assert response.status_code == status, name
        assert set(response.json()) == {"detail"}, name
        wait_for(name, lambda n=before: api_server.log.count(REFUSED) > n, 10, api_server.processes.check)
        assert api_server.log.count(REFUSED) == before + 1, name


def test_what_is_unknown_is_stored(api_server: ApiServer) -> None:
    unknown = Subscription("kaizala_default", "Group", "no such group")
    assert post(api_server, event("new type", eventType="HologramCreated")).status_code == 200
    assert api_server.post("new group", subscription=unknown).status_code == 200
    assert api_server.events("new") == ["new type", "new group"]


def test_a_replay_is_taken_once(api_server: ApiServer) -> None:
    assert [post(api_server, event("replay")).status_code for _ in range(10)] == [200] * 10
    time.sleep(2.2)
    rung = api_server.asset_events(URI)
    # whoever has recorded one event may change all but its id
    assert post(api_server, event("replay", data={"text": "Pay twice"})).status_code == 200
    time.sleep(2.2)
    assert api_server.events("replay") == ["replay"]
    assert api_server.asset_events(URI) == rung
    ((body,),) = api_server.sql("SELECT body FROM kaizala_event WHERE event_id = 'replay'")
    assert "Hello" in body


def test_slow_bodies_keep_nobody_waiting(api_server: ApiServer, slow_senders: list[socket.socket]) -> None:
    began = time.monotonic()
    assert post(api_server, event("swift")).status_code == 200
    assert time.monotonic() - began < LONGEST_BODY / 3
    assert api_server.events("swift") == ["swift"]


# --- strangers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_effect")
def test_strangers_get_the_same_answer_whatever_they_send(api_server: ApiServer) -> None:
    tokens = [None, "", "wrong", FOREIGN.token(SECRET), SECRET, TOKEN[:-1], f"{TOKEN}x", "x" * 10_000]
    bodies = [b"x" * 10 * MB, deep(64), b"{", event("stranger")]
    others = [("not_opted_in", GROUP), ("missing", GROUP), ("kaizala_default/x", GROUP)]
    answers = [post(api_server, body, token) for token in tokens for body in bodies]
    for conn_id, group_id in others:
        answers.append(api_server.post("stranger", subscription=Subscription(conn_id, "Group", group_id)))
    (only,) = set(map(answer, answers))
    assert only[:2] == UNKNOWN


@pytest.mark.usefixtures("no_effect")
def test_only_a_plain_validation_token_is_echoed(api_server: ApiServer) -> None:
    tokens = [
        "<script>alert(1)</script>",
        "%3Cb%3E",
        "a%0d%0aSet-Cookie:%20x",
        "%00",
        "%FF",
        "",
        "1" * 60_000,
    ]
    where = dict.fromkeys(tokens, URL) | {"1": "/kaizala/not_opted_in?", "2": "/kaizala/?x=1"}
    answers = [
        requests.get(f"{api_server.url}{url}&validationToken={token}", timeout=30)
        for token, url in where.items()
    ]
    (only,) = set(map(answer, answers))
    assert only[:2] == UNKNOWN
    # the web server itself takes no more than 64 KiB
    response = requests.get(f"{api_server.url}{URL}&validationToken={'1' * MB}", timeout=30)
    assert (response.status_code, response.content) == (400, b"Invalid HTTP request received.")


def test_a_stranger_is_refused_before_its_body_comes(api_server: ApiServer) -> None:
    with socket.create_connection(("127.0.0.1", api_server.port), timeout=LONGEST_BODY / 3) as connection:
        connection.sendall(f"{HEAD}kz-callback-token: wrong\r\n\r\n{{".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 404 ")


def test_a_flood_of_strangers_keeps_nobody_out_who_is_known(api_server: ApiServer) -> None:
    count = round(10 * FLOOD_SECONDS)
    headers = {"Content-Type": "application/json", "kz-callback-token": TOKEN}
    body = json.dumps(event(push_load.EVENT_ID))
    lines = api_server.log.count(REFUSED)
    verified = push_load.start(
        push_load.Plan(api_server.port, URL, headers, body, "verified", count, rate=10, connections=4)
    )
    strangers = load.run_load(
        load.Plan(
            port=api_server.port,
            head=f"POST {URL} HTTP/1.1\r\nContent-Type: application/json\r\nkz-callback-token: wrong\r\n",
            body=body,
            expect='{"detail":"Not Found"}',
            status=404,
            connections=FLOOD_CONNECTIONS,
            seconds=FLOOD_SECONDS,
        )
    )
    sent = push_load.finish(verified)
    assert sent.statuses == {"200": count}, "none has to be sent again"
    expected = [push_load.event_id("verified", number) for number in range(count)]
    assert sorted(api_server.events("verified")) == expected
    assert len(strangers.latencies_ms) > 100
    # one a second from each of two processes
    assert api_server.log.count(REFUSED) - lines <= 2 * (strangers.seconds + 2)
    assert api_server.events(push_load.EVENT_ID) == []


def test_slow_bodies_are_given_up(slow_senders: list[socket.socket]) -> None:
    assert {connection.recv(100)[:13] for connection in slow_senders} == {b"HTTP/1.1 408 "}


def test_the_log_shows_no_traceback_and_no_secret(api_server: ApiServer) -> None:
    """Runs last: it looks at what all others have caused."""
    log = api_server.log
    assert "Traceback" not in log
    assert SECRET not in log
    assert TOKEN not in log
    assert "Pay twice" not in log
