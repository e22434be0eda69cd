"""Who hears what: a webhook hears what the person it acts for could read."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from sqlalchemy import select, text

from airflow_provider_kaizala.server.store.tables import webhook_delivery

GROUP = "11111111-1111-4111-8111-111111111111@1"
HOUR_MS = 3600 * 1000


def rows(server):
    with server.state.database.engine.connect() as connection:
        return connection.execute(select(webhook_delivery).order_by(webhook_delivery.c.id)).all()


def rows_in(server, state, seconds=5):
    """Wait until all deliveries are in a state."""
    until = time.monotonic() + seconds
    while (found := rows(server)) and any(row.state != state for row in found):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("ending", ["grant", "connector", "membership"])
def test_who_may_not_read_does_not_hear(
    server, api, user_api, call_with, listener, subscribe, say, ending
) -> None:
    listener.status = 500
    subscribe(user_api)
    say(api, "a")
    listener.wait(1)
    listener.status = 200
    statement = {
        "grant": "UPDATE connector_grant SET revoked_ms=1 WHERE kind='user'",
        "connector": "UPDATE connector SET deleted_ms=1",
        "membership": "DELETE FROM membership WHERE role='Admin'",
    }[ending]
    with server.state.database.engine.connect() as connection:
        connection.exec_driver_sql(statement)
        connection.commit()
    if ending != "connector":
        say(api, "b")
    assert len(rows(server)) == 1
    if ending != "membership":
        server.state.clock.advance(2742 * 1000)
        rows_in(server, "failed")
        listener.stays_at(1)


def test_results_stay_with_whom_they_are_for(
    server, api, call_with, ravi, meera, listener, listen, subscribe
) -> None:
    """Ravi, a plain member, listens: he hears of open results and of those of his own surveys only."""
    headers = {"mobileNumber": "+910000000002", "applicationId": "demo-connector", "pin": "1234"}
    refresh = httpx.post(server.url + "/v1/loginWithPinAndApplicationId", json=headers).json()["refreshToken"]
    his = call_with(refresh)
    admins = listen()
    subscribe(his, "SurveyResponse", "PollResponse")
    subscribe(api, "SurveyResponse", "PollResponse", to=admins)
    question = [{"title": "Q", "type": "Text"}]
    for title, caller, given in (
        ("for admins", api, {"visibility": "2"}),
        ("for Asha", api, {"isSenderOnly": True}),
        ("open", api, {}),
        ("for Ravi", his, {"isSenderOnly": True}),
        ("for Ravi and admins", his, {"visibility": "2"}),
    ):
        survey = caller.post_action("Survey", {"title": title, "questions": question, **given})
        meera.ok("POST", f"/actions/{survey['actionId']}/responses", json={"answers": [title]})
    answers = [
        [body["data"]["responseDetails"]["responseWithQuestions"][0]["answer"] for body in one.wait(count)]
        for one, count in ((listener, 3), (admins, 4))
    ]
    assert answers == [
        ["open", "for Ravi", "for Ravi and admins"],
        ["for admins", "for Asha", "open", "for Ravi and admins"],
    ]
    listener.stays_at(3)


def test_an_anonymous_answer_tells_nobody(api, ravi, listener, subscribe) -> None:
    subscribe(api, "SurveyResponse")
    given = {"title": "T", "questions": [{"title": "Q", "type": "Text"}], "isAnonymous": True}
    survey = api.post_action("Survey", given)
    ravi.ok("POST", f"/actions/{survey['actionId']}/responses", json={"answers": ["bad"]})
    [body] = listener.wait(1)
    assert body["data"]["isAnonymous"] is True
    text = json.dumps(body)
    assert "Ravi" not in text
    assert "+910000000002" not in text


def test_a_package_level_webhook_stays_in_its_reach(user_api, call_with, server, listener, subscribe) -> None:
    elsewhere = user_api.ok(
        "POST", "/groups", json={"name": "Elsewhere", "welcomeMessage": "Hi", "members": ["+910000000002"]}
    )["groupId"]
    package = {"objectType": "ActionPackage", "objectId": "com.example.card"}
    subscribe(user_api, "ActionCreated", **package)
    card = {"id": "com.example.card.2", "actionBody": {"title": "Card"}}
    user_api.ok("POST", f"/groups/{GROUP}/actions", json=card)
    user_api.ok("POST", f"/groups/{elsewhere}/actions", json=card)
    assert [body["data"]["groupId"] for body in listener.wait(2)] == [GROUP, elsewhere]
    with server.state.database.engine.connect() as connection:
        here = {"group": elsewhere}
        connection.execute(text("UPDATE membership SET role='Member' WHERE group_id=:group"), here)
        connection.execute(
            text(
                "DELETE FROM membership WHERE group_id=:group AND person_id=(SELECT id FROM person WHERE name='Asha')"
            ),
            here,
        )
        connection.commit()
    headers = {"mobileNumber": "+910000000002", "applicationId": "demo-connector", "pin": "1234"}
    refresh = httpx.post(server.url + "/v1/loginWithPinAndApplicationId", json=headers).json()["refreshToken"]
    call_with(refresh).ok("POST", f"/groups/{elsewhere}/actions", json=card)
    listener.stays_at(2)


def test_the_same_vote_again_is_no_news(api, ravi, listener, subscribe) -> None:
    subscribe(api, "PollResponse")
    action = api.post_action("Poll", {"question": "Tea?", "choices": ["Yes", "No"]})["actionId"]
    ids = {
        ravi.ok("POST", f"/actions/{action}/votes", json={"choice": one})["responseId"]
        for one in ("Yes", "yes", "No")
    }
    assert len(ids) == 1
    told = [event["data"] for event in listener.wait(2)]
    answers = [one["responseDetails"]["responseWithQuestions"][0]["answer"] for one in told]
    assert answers == [["Yes"], ["No"]], "one for the vote, one for the change of mind"
    assert [one["isUpdateResponse"] for one in told] == [False, True]


def test_a_package_level_webhook_of_one_group_hears_no_other(user_api, listener, subscribe) -> None:
    group = {"name": "Elsewhere", "welcomeMessage": "Hi", "members": ["+910000000002"]}
    elsewhere = user_api.ok("POST", "/groups", json=group)["groupId"]
    here = {"objectType": "ActionPackage", "objectId": "com.example.card", "groupId": GROUP}
    subscribe(user_api, "ActionCreated", **here)
    for group_id in (elsewhere, GROUP):
        card = {"id": "com.example.card.2", "actionBody": {"title": "Card"}}
        user_api.ok("POST", f"/groups/{group_id}/actions", json=card)
    assert [body["data"]["groupId"] for body in listener.wait(1)] == [GROUP]
    listener.stays_at(1)
