from __future__ import annotations

import sqlite3
import time

import httpx
import pytest

from airflow_provider_kaizala.server.clock import DAY, HOUR
from airflow_provider_kaizala.server.domain import tokens

GROUP = "11111111-1111-4111-8111-111111111111@1"


def ask(url, refresh="demo-refresh-token", connector="demo-connector", secret="demo-secret"):
    headers = {"applicationid": connector, "APPLICATIONSECRET": secret, "refreshToken": refresh}
    return httpx.get(url + "/v1/accessToken", headers=headers)


def test_the_reply(server) -> None:
    body = ask(server.url).json()
    assert body["endpointUrl"] == server.url + "/"
    assert body["refreshToken"] is None
    assert abs(body["accessTokenExpiry"] - (time.time() * 1000 + 24 * HOUR)) < 10_000
    assert "message" not in body


@pytest.mark.parametrize("wrong", [{"refresh": "x"}, {"connector": "x"}, {"secret": "x"}, {"secret": ""}])
def test_wrong_credentials(server, wrong) -> None:
    reply = ask(server.url, **wrong)
    assert reply.status_code == 401
    assert reply.json()["message"] == "Dont have correct applicationId and secret in header!"
    assert reply.json()["errorCode"] == "Unauthenticated"


def test_another_connector_cannot_spend_a_refresh_token(server) -> None:
    other = {"connectors": [{"id": "other", "secret": "other-secret"}]}
    httpx.post(server.url + "/_test/seed", json=other).raise_for_status()
    stolen = ask(server.url, "demo-refresh-token", "other", "other-secret")
    assert stolen.status_code == 401
    assert stolen.json() == ask(server.url, "x", "other", "other-secret").json(), (
        "nothing tells that it is one"
    )
    assert ask(server.url).status_code == 200


def test_an_access_token_ends_by_the_servers_clock(server, api) -> None:
    api.ok("GET", "/groups")
    server.state.clock.advance(24 * HOUR - 60_000)
    api.ok("GET", "/groups")
    server.state.clock.advance(61_000)
    assert api.refused(401, "GET", "/groups")["errorCode"] == "InvalidToken"
    assert ask(server.url).status_code == 200


def test_one_changed_character(server, api) -> None:
    token = api.http.headers["accessToken"]
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    assert httpx.get(server.url + "/v1/groups", headers={"accessToken": changed}).status_code == 401


def test_rotation_from_day_328(server) -> None:
    server.state.clock.advance(328 * DAY - 10_000)
    assert ask(server.url).json()["refreshToken"] is None
    server.state.clock.advance(20_000)
    first, second = ask(server.url).json()["refreshToken"], ask(server.url).json()["refreshToken"]
    assert first
    assert second
    assert first != second
    # The used one lives on to its own end, and the new ones do not rotate at once.
    assert ask(server.url, first).json()["refreshToken"] is None
    server.state.clock.advance(37 * DAY)
    assert ask(server.url).status_code == 401
    assert ask(server.url, first).status_code == 200


def test_a_rotation_ends_the_old_refresh_token_if_a_test_wants_that(server) -> None:
    httpx.post(server.url + "/_test/rotation", json={"endsOldToken": True}).raise_for_status()
    assert ask(server.url).json()["refreshToken"] is None
    assert ask(server.url).status_code == 200, "without a rotation nothing ends"
    server.state.clock.advance(328 * DAY)
    rotated = ask(server.url).json()["refreshToken"]
    assert ask(server.url).status_code == 401
    assert ask(server.url, rotated).status_code == 200
    assert ask(server.url, "demo-group-token").status_code == 200
    httpx.post(server.url + "/_test/reset").raise_for_status()
    server.state.clock.advance(328 * DAY)
    assert ask(server.url).json()["refreshToken"]
    assert ask(server.url).status_code == 200, "a reset takes the switch back"


def test_a_newly_issued_refresh_token_ends_the_old_one(server) -> None:
    def issue(conn):
        grant = tokens.find_grant(conn, 1, "demo-connector", "group", _asha(conn), GROUP)
        return tokens.issue_refresh_token(conn, server.state.clock.now_ms(), grant)[0]

    fresh = server.state.database.submit(issue).result()
    assert ask(server.url, "demo-group-token").status_code == 401
    assert ask(server.url, fresh).status_code == 200
    assert ask(server.url, "demo-refresh-token").status_code == 200


def _asha(conn):
    from sqlalchemy import select

    from airflow_provider_kaizala.server.store.tables import person

    return conn.execute(select(person.c.id).where(person.c.name == "Asha")).scalar_one()


def test_no_secret_lies_in_the_database_or_the_log(
    make_server, tmp_path, fetch_token, sign_in, caplog
) -> None:
    server = make_server()
    token = fetch_token(server.url, "demo-refresh-token")["accessToken"]
    person = sign_in("+910000000001", server.url)
    session = person.http.headers["Authorization"].split()[1]
    with sqlite3.connect(tmp_path / "0.db") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    for secret in ("demo-secret", "demo-refresh-token", "demo-group-token", token, session, "'1234'"):
        assert secret not in dump
        assert secret not in caplog.text
