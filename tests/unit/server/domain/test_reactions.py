from __future__ import annotations

import time

import httpx

GROUP = "11111111-1111-4111-8111-111111111111@1"
REACTION = f"/groups/{GROUP}/reaction"


def react(api, reference, kind, **more):
    body = {"ReferenceId": reference, "SourceGroupId": GROUP, "ReactionType": kind, **more}
    return api.ok("POST", REACTION, json=body)["reactionId"]


def test_summary_details_and_cursor(api, ravi, survey) -> None:
    one, two = (api.post_action("Survey", survey)["referenceId"] for _ in range(2))
    like = react(api, one, "like")
    assert react(api, one, "Like") == like
    ravi.ok("POST", f"/references/{one}/likes")
    react(api, two, "Comment", comment="good")
    source = {"sourceGroupId": GROUP}
    summary = api.ok("GET", f"{REACTION}/summary", params=source)
    assert {s["referenceId"]: s["reactionsCountMap"] for s in summary["summary"]} == {
        one: {"like": 2, "comment": 0},
        two: {"like": 0, "comment": 1},
    }
    assert len(str(summary["cursor"])) == 18
    assert abs((summary["cursor"] - 621_355_968_000_000_000) / 1e7 - time.time()) < 10
    since = {**source, "cursor": summary["cursor"]}
    assert api.ok("GET", f"{REACTION}/summary", params=since) == {"cursor": summary["cursor"], "summary": []}
    [single] = api.ok("GET", f"{REACTION}/{one}/summary", params=source)["summary"]
    assert single["reactionsCountMap"]["like"] == 2
    likes = api.ok("GET", f"{REACTION}/{one}", params={**source, "reactionType": "Like"})
    assert next(d["reactionId"] for d in likes["reactionDetails"]) == like
    [comment] = api.ok("GET", f"{REACTION}/{two}", params={**source, "reactionType": "Comment"})[
        "reactionDetails"
    ]
    assert (comment["comment"], abs(comment["lastModifiedTime"] / 1000 - time.time()) < 10) == ("good", True)


def test_reactions_of_one_moment_have_cursors_of_their_own(server, api, ravi, meera) -> None:
    server.state.clock.freeze()
    reference = ravi.ok("POST", f"/groups/{GROUP}/messages", json={"text": "x"})["referenceId"]
    ravi.ok("POST", f"/references/{reference}/likes")
    query = {"sourceGroupId": GROUP, "reactionType": "Like"}
    cursor = api.ok("GET", f"{REACTION}/{reference}", params=query)["cursor"]
    meera.ok("POST", f"/references/{reference}/likes")
    later = api.ok("GET", f"{REACTION}/{reference}", params={**query, "cursor": cursor})
    assert len(later["reactionDetails"]) == 1
    for one in (cursor, later["cursor"]):
        # JavaScript writes 15 digits of the number it read, then zeros.
        assert int(f"{float(one):.14e}".replace(".", "").split("e")[0]) * 10**3 == one


def test_refusals(api, survey) -> None:
    reference = api.post_action("Survey", survey)["referenceId"]
    body = {"referenceId": reference, "sourceGroupId": GROUP, "reactionType": "Like"}
    for change in (
        {"reactionType": "Hug"},
        {"reactionType": None},
        {"referenceId": ""},
        {"sourceGroupId": None},
    ):
        api.refused(400, "POST", REACTION, json={**body, **change})
    api.refused(404, "POST", REACTION, json={**body, "referenceId": "nothing"})
    api.refused(400, "POST", REACTION, json={**body, "reactionType": "Comment"})
    api.refused(400, "GET", f"{REACTION}/summary")
    api.refused(400, "GET", f"{REACTION}/summary", params={"sourceGroupId": GROUP, "cursor": "9" * 40})
    api.refused(404, "GET", f"{REACTION}/nothing/summary", params={"sourceGroupId": GROUP})


def test_a_subscriber_of_a_hub_sees_no_reactions_on_what_was_not_sent_to_them(server, call_with) -> None:
    hub, ravi, meera = "hub@1", "+910000000002", "+910000000003"
    grants = [
        {"connector": "demo-connector", "kind": "user", "person": phone, "refreshToken": f"token {phone}"}
        for phone in (ravi, meera)
    ]
    group = {
        "id": hub,
        "name": "News",
        "type": "ConnectGroup",
        "admins": ["+910000000001"],
        "subscribers": [ravi, meera],
    }
    seed = {"groups": [group], "grants": grants}
    httpx.post(server.url + "/_test/seed", json=seed).raise_for_status()
    admin = call_with("demo-refresh-token")
    secret, open_ = (
        admin.ok("POST", f"/groups/{hub}/messages", json={"message": "x", **to})["referenceId"]
        for to in ({"subscribers": [ravi]}, {"sendToAllSubscribers": True})
    )
    for reference in (open_, secret):
        body = {"referenceId": reference, "sourceGroupId": hub, "reactionType": "Like"}
        admin.ok("POST", f"/groups/{hub}/reaction", json=body)

    def seen(caller):
        summary = caller.ok("GET", f"/groups/{hub}/reaction/summary", params={"sourceGroupId": hub})
        return [one["referenceId"] for one in summary["summary"]]

    assert seen(admin) == [open_, secret]
    assert seen(call_with(f"token {ravi}")) == [open_, secret]
    assert seen(call_with(f"token {meera}")) == [open_]
    body = {"referenceId": secret, "sourceGroupId": hub, "reactionType": "Like"}
    call_with(f"token {meera}").refused(403, "POST", f"/groups/{hub}/reaction", json=body)
    call_with(f"token {ravi}").ok("POST", f"/groups/{hub}/reaction", json=body)


def test_a_post_is_not_found_under_another_source_group(api, survey) -> None:
    reference = api.post_action("Survey", survey)["referenceId"]
    body = {"referenceId": reference, "sourceGroupId": "other@1", "reactionType": "Like"}
    api.refused(404, "POST", REACTION, json=body)
