from __future__ import annotations

import httpx

GROUP = "11111111-1111-4111-8111-111111111111@1"


def test_a_bot_posts_where_it_was_added(server, user_api, ravi) -> None:
    bot = user_api.ok("POST", "/bot", json={"name": "Opener"})["botUserId"]
    reply = user_api.ok("GET", f"/bot/accesstoken/{bot}")
    headers = {"accessToken": reply["accessToken"]}

    def post():
        return httpx.post(f"{server.url}/v1/groups/{GROUP}/messages", headers=headers, json={"message": "Hi"})

    assert post().status_code == 403
    assert user_api.ok("POST", f"/groups/{GROUP}/bot", json={"BotUserId": bot}) == {}
    assert post().status_code == 200
    assert ravi.feed()["items"][-1]["sender"]["name"] == "Opener"
    assert user_api.ok("PUT", f"/bot/{bot}", json={"name": "Closer"}) == {}
    [listed] = user_api.ok("GET", "/bot")["bots"]
    assert (listed["name"], listed["creatorName"], listed["status"]) == ("Closer", "Asha", "Active")
    assert user_api.ok("DELETE", f"/bot/{bot}") == {}
    assert post().status_code == 401
    assert user_api.ok("GET", "/bot")["bots"] == []
    user_api.refused(404, "DELETE", f"/bot/{bot}")
    user_api.refused(400, "POST", "/bot", json={})


def test_a_picture_that_was_uploaded_has_a_url(user_api) -> None:
    upload = {"f": ("a.png", b"\x89PNG", "image/png")}
    picture = user_api.ok("POST", "/media", files=upload)["mediaResource"]
    bot = user_api.ok("POST", "/bot", json={"name": "Opener", "profilePic": picture})["botUserId"]
    [listed] = user_api.ok("GET", "/bot")["bots"]
    assert httpx.get(listed["profilePic"]).content == b"\x89PNG"
    user_api.ok("PUT", f"/bot/{bot}", json={"profilePic": "https://cdn.example/a.png"})
    assert user_api.ok("GET", "/bot")["bots"][0]["profilePic"] == "https://cdn.example/a.png"
