"""What a test does with its server."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_kaizala.testing.wire import KaizalaServerError

if TYPE_CHECKING:
    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

RAVI = "+910000000002"
MORE = """
groups:
  - {id: north, name: North, admins: ["+910000000002"]}
"""
OPS = """
connectors:
  - {id: ops, secret: ops-secret}
grants:
  - {connector: ops, kind: group, person: "+910000000002", group: north, refreshToken: ops-token}
"""


def test_clock(kaizala_server: KaizalaServer) -> None:
    moment = datetime(2030, 5, 1, 12, tzinfo=UTC)
    kaizala_server.freeze(moment)
    assert kaizala_server.now() == moment
    kaizala_server.advance(timedelta(hours=1))
    kaizala_server.advance(0.5)
    assert kaizala_server.now() == moment + timedelta(hours=1, seconds=0.5)
    kaizala_server.resume()
    kaizala_server.reset()
    assert abs(kaizala_server.now() - datetime.now(UTC)) < timedelta(minutes=1)
    kaizala_server.freeze()


def test_faults_and_journal(kaizala_server: KaizalaServer) -> None:
    kaizala_server.fault("getMe", status=503, count=1)
    assert requests.get(f"{kaizala_server.url}/v1/users/me", timeout=10).status_code == 503
    assert [one["fired"] for one in kaizala_server.faults()] == [1]
    assert [entry["status"] for entry in kaizala_server.journal(operation="getMe")] == [503]
    kaizala_server.clear_faults()
    assert kaizala_server.faults() == []
    with pytest.raises(KaizalaServerError, match="did you mean 'getMe'"):
        kaizala_server.fault("getM", status=503)


def test_seeds(kaizala_server: KaizalaServer, kaizala_people: People) -> None:
    kaizala_server.seed(MORE)
    kaizala_people.ravi.says("Hello", group_id="north")
    assert [item["text"] for item in kaizala_server.feed("north")] == ["Hello"]
    kaizala_server.seed({"groups": [{"id": "alone", "name": "Alone"}]}, replace=True)
    assert kaizala_server.people() == []
    assert kaizala_server.default_group() == "alone"
    with pytest.raises(KaizalaServerError, match="no one is in the group"):
        kaizala_server.feed()
    with pytest.raises(KaizalaServerError, match="no connector"):
        kaizala_server.connection()
    kaizala_server.seed({}, replace=True)
    with pytest.raises(KaizalaServerError, match="no group"):
        kaizala_server.default_group()
    with pytest.raises(KaizalaServerError, match="line 1"):
        kaizala_server.seed("people: [")


def test_deleted_and_revoked(kaizala_server: KaizalaServer, kaizala_people: People) -> None:
    group = kaizala_server.default_group()
    poll = {"question": "Tea?", "choices": ["Yes", "No"]}
    action = {"group": group, "sender": RAVI, "actionType": "Poll", "actionBody": poll}
    kaizala_server.seed({"actions": [action]})
    (item,) = kaizala_server.feed()
    kaizala_server.delete_action(item["actionId"])
    assert kaizala_server.feed() == []
    kaizala_server.revoke_grant()
    with pytest.raises(KaizalaServerError, match="grant was not found"):
        kaizala_server.revoke_grant(group_id=group)
    kaizala_server.revoke_grant(mobile_number="+910000000001")


def test_http_libraries_may_be_replaced(
    kaizala_server: KaizalaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(requests.Session, "request", None)
    assert len(kaizala_server.people()) == 3


def post(server: KaizalaServer, path: str, body: dict[str, object], number: str = "+910000000002") -> None:
    server.call("POST", f"/people/{number}{path}", body)


def test_what_was_posted_is_checked(kaizala_server: KaizalaServer) -> None:
    group = kaizala_server.default_group()
    for text in ("Hello", "Hello", "Good evening"):
        post(kaizala_server, f"/groups/{group}/messages", {"text": text})
    assert len(kaizala_server.assert_posted("Hello", times=2)) == 2
    (item,) = kaizala_server.assert_posted(re.compile("even"), kind="text")
    assert item["text"] == "Good evening"
    assert kaizala_server.assert_posted("Goodbye", times=0) == []
    with pytest.raises(AssertionError) as wrong:
        kaizala_server.assert_posted("Hello", kind="poll")
    assert "poll 'Hello' was posted 0 times, not 1" in str(wrong.value)
    assert "  text: Good evening" in str(wrong.value)


def test_a_connection_of_another_connector(kaizala_server: KaizalaServer) -> None:
    kaizala_server.seed(MORE + OPS)
    assert kaizala_server.connection(connector_id="ops")["extra"]["default_group"] == "north"
    found = kaizala_server.connection(connector_id="ops", default_group="south", retries=0)
    assert found["login"] == "ops"
    assert found["extra"]["default_group"] == "south"
    assert found["extra"]["group_refresh_tokens"] == {"north": "ops-token"}
    assert found["extra"]["retries"] == 0
    with pytest.raises(KaizalaServerError, match="no connector 'opps'; it has demo-connector, ops"):
        kaizala_server.connection(connector_id="opps")
