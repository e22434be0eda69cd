from __future__ import annotations

import httpx

from airflow_provider_kaizala.server.clock import DAY, MINUTE

GROUP = "11111111-1111-4111-8111-111111111111@1"
RAVI = "+910000000002"


def sign(server, mobile, pin):
    return httpx.post(server.url + "/people/session", json={"mobileNumber": mobile, "pin": pin})


def test_pin_as_a_number(server) -> None:
    assert sign(server, RAVI, 1234).status_code == 200


def test_sessions_end(server, ravi) -> None:
    server.state.clock.advance(30 * DAY - MINUTE)
    ravi.ok("GET", "/groups")
    server.state.clock.advance(MINUTE)
    ravi.refused(401, "GET", "/groups")


def test_sign_out(ravi) -> None:
    ravi.ok("DELETE", "/session")
    ravi.refused(401, "GET", "/groups")


def test_an_access_token_is_no_session_and_the_reverse(server, api, ravi) -> None:
    token = api.http.headers["accessToken"]
    assert (
        httpx.get(server.url + "/people/groups", headers={"Authorization": f"Bearer {token}"}).status_code
        == 401
    )
    session = ravi.http.headers["Authorization"].split()[1]
    assert httpx.get(server.url + "/v1/groups", headers={"accessToken": session}).status_code == 401


def test_feed_is_paged_and_follows(api, ravi) -> None:
    for n in range(5):
        ravi.ok("POST", f"/groups/{GROUP}/messages", json={"text": str(n)})
    first = ravi.feed(count=3)
    assert ([i["text"] for i in first["items"]], first["hasMore"]) == (["0", "1", "2"], True)
    rest = ravi.feed(after=first["after"])
    assert ([i["text"] for i in rest["items"]], rest["hasMore"]) == (["3", "4"], False)
    assert ravi.feed(after=rest["after"]) == {"items": [], "after": rest["after"], "hasMore": False}
    ravi.refused(400, "GET", f"/groups/{GROUP}/feed", params={"after": "x"})


def test_feed_of_a_survey_tells_what_waits(api, ravi, survey) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    [item] = ravi.feed()["items"]
    assert (item["kind"], item["mayAnswer"], item["myAnswer"]) == ("survey", True, None)
    assert item["questions"][0]["options"] == [{"title": "Yes"}, {"title": "No"}]
    ravi.ok("POST", f"/actions/{action_id}/responses", json={"answers": ["Yes", [], 3]})
    item = ravi.ok("GET", f"/actions/{action_id}")
    assert (item["mayAnswer"], item["responseCount"]) == (False, 1)
    assert item["myAnswer"]["answers"][:3] == [["Yes"], None, 3.0]
    edited = {"answers": ["No"], "responseId": item["myAnswer"]["responseId"]}
    ravi.ok("POST", f"/actions/{action_id}/responses", json=edited)
    assert ravi.ok("GET", f"/actions/{action_id}")["myAnswer"]["answers"][0] == ["No"]


def test_one_answer_per_person_under_a_double_click(server, api, ravi, survey) -> None:
    from concurrent.futures import ThreadPoolExecutor

    action_id = api.post_action("Survey", survey)["actionId"]
    url = f"{server.url}/people/actions/{action_id}/responses"

    def click(_n):
        return httpx.post(url, json={"answers": ["Yes"]}, headers=ravi.http.headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(click, range(8))) == [200] + [400] * 7
    assert api.details(action_id)["responseCount"] == 1


def test_somebody_elses_answer_cannot_be_edited(api, ravi, meera, survey) -> None:
    action_id = api.post_action("Survey", survey)["actionId"]
    response_id = ravi.ok("POST", f"/actions/{action_id}/responses", json={"answers": ["Yes"]})["responseId"]
    meera.refused(
        403, "POST", f"/actions/{action_id}/responses", json={"answers": ["No"], "responseId": response_id}
    )


def test_strangers_see_and_do_nothing(server, user_api, ravi, survey) -> None:
    group = user_api.ok("POST", "/groups", json={"name": "Own", "welcomeMessage": ""})["groupId"]
    posted = user_api.post_action("Survey", survey, group=group)
    ravi.refused(403, "GET", f"/groups/{group}/feed")
    ravi.refused(403, "POST", f"/groups/{group}/messages", json={"text": "x"})
    ravi.refused(403, "POST", f"/actions/{posted['actionId']}/responses", json={"answers": ["Yes"]})
    ravi.refused(403, "POST", f"/references/{posted['referenceId']}/likes")
    ravi.refused(404, "POST", "/references/nothing/likes")
    ravi.refused(404, "GET", "/groups/nothing/feed")


def test_likes_count_once_and_comments_each(ravi, meera) -> None:
    reference = ravi.ok("POST", f"/groups/{GROUP}/messages", json={"text": "x"})["referenceId"]
    like = meera.ok("POST", f"/references/{reference}/likes")["reactionId"]
    assert meera.ok("POST", f"/references/{reference}/likes")["reactionId"] == like
    for _ in range(2):
        meera.ok("POST", f"/references/{reference}/comments", json={"text": "nice"})
    ravi.ok("POST", f"/references/{reference}/likes")
    [item] = meera.feed()["items"]
    assert (item["likes"], item["comments"], item["liked"]) == (2, 2, True)
    meera.refused(400, "POST", f"/references/{reference}/comments", json={})


def test_what_is_sent_in_a_parent_reaches_below_and_not_upwards(api, sign_in, server, survey) -> None:
    made = api.ok(
        "POST", "/groups", json={"name": "Night", "welcomeMessage": "", "members": ["+910000000008"]}
    )
    api.ok("PUT", f"/groups/{GROUP}/members", json={"members": ["+910000000007"]})
    from sqlalchemy import update

    from airflow_provider_kaizala.server.hashing import hash_pin
    from airflow_provider_kaizala.server.store.tables import person

    server.state.database.submit(
        lambda conn: conn.execute(
            update(person).where(person.c.mobile == "+910000000008").values(pin_hash=hash_pin("1234"))
        )
    ).result()
    below = sign_in("+910000000008")
    action_id = api.post_action("Survey", survey)["actionId"]
    [item] = below.feed(made["groupId"])["items"]
    assert (item["actionId"], item["groupId"], item["mayAnswer"]) == (action_id, GROUP, True)
    below.ok("POST", f"/actions/{action_id}/responses", json={"answers": ["Yes"]})
    assert api.details(action_id)["responseCount"] == 1
    below.refused(403, "POST", f"/groups/{GROUP}/messages", json={"text": "upwards"})
    below.refused(403, "GET", f"/groups/{GROUP}/feed")
