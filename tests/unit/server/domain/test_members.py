from __future__ import annotations

import httpx

GROUP = "11111111-1111-4111-8111-111111111111@1"
MEMBERS = f"/groups/{GROUP}/members"


def names(api):
    return {m.get("mobileNumber"): m for m in api.ok("GET", MEMBERS)["members"]}


def test_adding_and_removing(api, ravi) -> None:
    assert api.ok("PUT", MEMBERS, json={"Members": "+910000000007,+910000000002"}) == {"result": "true"}
    new = names(api)["+910000000007"]
    assert (new["role"], new["isProvisioned"]) == ("Member", False)
    assert [i["kind"] for i in ravi.feed()["items"]] == ["memberAdded"]
    assert [m["mobileNumber"] for m in ravi.feed()["items"][0]["members"]] == ["+910000000007"]
    assert api.ok("DELETE", f"{MEMBERS}/{new['id'].replace('@', '%40')}") == {"result": "true"}
    assert "+910000000007" not in names(api)
    api.refused(404, "DELETE", f"{MEMBERS}/{new['id']}")


def test_role(api, ravi) -> None:
    member = names(api)["+910000000002"]
    assert api.ok("PUT", f"{MEMBERS}/{member['id']}", json={"role": "admin"}) == {"result": "true"}
    assert names(api)["+910000000002"]["role"] == "Admin"
    api.refused(400, "PUT", f"{MEMBERS}/{member['id']}", json={"role": "King"})


def test_refusals(api) -> None:
    api.refused(400, "PUT", MEMBERS, json={"members": []})
    api.refused(400, "PUT", MEMBERS, json={"members": ["12"]})
    api.refused(400, "PUT", MEMBERS, json={"members": [f"+9100000{n:05}" for n in range(101)]})
    assert len(names(api)) == 3


def test_a_removed_person_is_out_at_once(api, ravi) -> None:
    api.ok("DELETE", f"{MEMBERS}/{names(api)['+910000000002']['id']}")
    ravi.refused(403, "GET", f"/groups/{GROUP}/feed")
    assert ravi.ok("GET", "/groups")["groups"] == []


def test_creating_a_group(user_api) -> None:
    made = user_api.ok(
        "POST",
        "/groups/",
        content="{Name: 'Night', WelcomeMessage: 'Hi', Members: ['+910000000002'], groupType: 'group'}",
    )
    assert (made["groupName"], made["membersAdded"], made["isAddedAsSubGroup"]) == ("Night", True, False)
    shown = user_api.ok("GET", f"/groups/{made['groupId']}")
    assert (shown["callerRole"], shown["userCount"], shown["welcomeMessage"]) == ("Admin", 2, "Hi")
    assert shown["groups"][0]["groupName"] == "Night"
    user_api.refused(
        403, "POST", "/groups", json={"name": "Hub", "welcomeMessage": "", "groupType": "ConnectGroup"}
    )
    for body in (
        {"welcomeMessage": "x"},
        {"name": "x"},
        {"name": "x", "welcomeMessage": "", "members": ["x"]},
    ):
        user_api.refused(400, "POST", "/groups", json=body)
    assert len(user_api.ok("GET", "/groups")["groups"]) == 2


def test_what_a_client_leaves_empty(user_api) -> None:
    body = {"name": "Night", "welcomeMessage": "", "groupType": "", "groupPhoto": "", "members": None}
    made = user_api.ok("POST", "/groups", json=body)["groupId"]
    shown = user_api.ok("GET", f"/groups/{made}")
    assert (shown["groupType"], shown["groupImageUrl"]) == ("Group", "")


def test_a_photo_that_was_uploaded_has_a_url(user_api) -> None:
    photo = user_api.ok("POST", "/media", files={"f": ("a.png", b"\x89PNG", "image/png")})["mediaResource"]
    body = {"name": "Night", "welcomeMessage": "", "groupPhoto": photo}
    shown = user_api.ok("GET", f"/groups/{user_api.ok('POST', '/groups', json=body)['groupId']}")
    assert httpx.get(shown["groupImageUrl"]).content == b"\x89PNG"
    body["groupPhoto"] = "https://cdn.example/a.png"
    shown = user_api.ok("GET", f"/groups/{user_api.ok('POST', '/groups', json=body)['groupId']}")
    assert shown["groupImageUrl"] == "https://cdn.example/a.png"


def test_me(user_api) -> None:
    me = user_api.ok("GET", "/users/me")
    assert (me["name"], me["mobileNumber"]) == ("Asha", "+910000000001")
