from __future__ import annotations

import pytest

from airflow_provider_kaizala.server.seeds.apply import apply_seed
from airflow_provider_kaizala.server.seeds.load import read_seed

GROUP = "11111111-1111-4111-8111-111111111111@1"
HUB = "33333333-3333-4333-8333-333333333333@1"
ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"message": "strict"}', "strict"),
        (b"{message: 'bare'}", "bare"),
        (b"{'MESSAGE': \"it's\"}", "it's"),
        (
            str({"message": "Olá 😀 שלום", "sendToAllSubscribers": False, "subscribers": None}).encode(),
            "Olá 😀 שלום",
        ),
        (b'{"message": "x", "unknown": {"deep": [1]}}', "x"),
        (b"{'message': True}", "true"),
        (b"{message: 12.5}", "12.5"),
    ],
)
def test_lenient_bodies_arrive(api, ravi, body, text) -> None:
    reference = api.ok("POST", f"/groups/{GROUP}/messages", content=body)["referenceId"]
    [item] = ravi.feed()["items"]
    assert (item["referenceId"], item["text"], item["kind"], item["sender"]["name"]) == (
        reference,
        text,
        "text",
        "Asha",
    )


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"message": "x" * 4001}, {"message": ["x"]}, {"message": None}]
)
def test_bad_texts_name_the_field(api, ravi, body) -> None:
    assert "message" in api.refused(400, "POST", f"/groups/{GROUP}/messages", json=body)["message"]
    assert ravi.feed()["items"] == []


def test_exactly_4000_characters(api) -> None:
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "é" * 4000})


def test_replies(api, ravi) -> None:
    first = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "1"})["referenceId"]
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "2", "replyToReferenceId": first})
    assert ravi.feed()["items"][1]["replyToReferenceId"] == first
    api.refused(
        404, "POST", f"/groups/{GROUP}/messages", json={"message": "2", "replyToReferenceId": "nothing"}
    )


def test_nobody_replies_to_what_another_group_has_seen(user_api, ravi) -> None:
    group = {"name": "Elsewhere", "welcomeMessage": "Hi", "members": ["+910000000002"]}
    elsewhere = user_api.ok("POST", "/groups", json=group)["groupId"]
    there = user_api.ok("POST", f"/groups/{elsewhere}/messages", json={"message": "1"})["referenceId"]
    reply = {"message": "2", "replyToReferenceId": there}
    user_api.refused(404, "POST", f"/groups/{GROUP}/messages", json=reply)
    assert ravi.feed()["items"] == []


def test_hub_groups_need_an_audience(server, call_with, ravi, meera, asha) -> None:
    seed = read_seed(
        {
            "groups": [
                {
                    "id": HUB,
                    "name": "News",
                    "type": "ConnectGroup",
                    "admins": [ASHA],
                    "subscribers": [RAVI, MEERA],
                }
            ]
        },
        "test",
    )
    server.state.database.submit(lambda conn: apply_seed(conn, seed, server.state.clock.now_ms())).result()
    user = call_with("demo-refresh-token")
    path = f"/groups/{HUB}/messages"
    assert "subscribers" in user.refused(400, "POST", path, json={"message": "x"})["message"]
    reply = user.ok("POST", path, json={"message": "to Ravi", "subscribers": [RAVI, "+910000000077"]})
    [failed] = reply["failedResult"]
    assert (failed["subscriber"], failed["errorCode"]) == ("+910000000077", "UserNotSubscribed")
    assert "failedResult" not in user.ok(
        "POST", path, json={"message": "to all", "sendToAllSubscribers": True}
    )
    assert [i["text"] for i in ravi.feed(HUB)["items"]] == ["to Ravi", "to all"]
    assert [i["text"] for i in meera.feed(HUB)["items"]] == ["to all"]
    assert [i["text"] for i in asha.feed(HUB)["items"]] == ["to Ravi", "to all"]
    user.refused(400, "POST", path, json={"message": "x", "subscribers": ["12345"]})


@pytest.mark.parametrize("whom", [{"sendToAllSubscribers": True}, {"subscribers": [RAVI]}])
def test_only_admins_of_a_hub_reach_its_subscribers(server, call_with, ravi, whom) -> None:
    hub = {
        "id": HUB,
        "name": "News",
        "type": "ConnectGroup",
        "admins": [ASHA],
        "members": [MEERA],
        "subscribers": [RAVI],
    }
    grant = {"connector": "demo-connector", "kind": "user", "person": MEERA, "refreshToken": "meeras-token"}
    seed = read_seed({"groups": [hub], "grants": [grant]}, "test")
    server.state.database.submit(lambda conn: apply_seed(conn, seed, server.state.clock.now_ms())).result()
    member = call_with("meeras-token")
    member.refused(403, "POST", f"/groups/{HUB}/messages", json={"message": "x", **whom})
    poll = {"question": "Tea?", "choices": [{"title": "Yes"}, {"title": "No"}]}
    action = {"actionType": "Poll", "actionBody": poll, **whom}
    member.refused(403, "POST", f"/groups/{HUB}/actions", json=action)
    assert ravi.feed(HUB)["items"] == []
