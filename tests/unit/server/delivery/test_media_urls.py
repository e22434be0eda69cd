"""URLs of files: made where something leaves the server, never stored; good for readers of the page, and for some weeks."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.unit.server.page.conftest import HOME, Reader, photo

GROUP = "11111111-1111-4111-8111-111111111111@1"
RAVI = "+910000000002"
PNG = {"f": ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image/png")}


def upload(api, host: str | None = None) -> str:
    headers = {"Host": host} if host else {}
    return api.ok("POST", "/media", files=PNG, headers=headers)["mediaResource"]


def listed_url(api, **options) -> str:
    """Post a photo, and return its URL as the list of actions tells it."""
    api.post_action("Image", {"mediaResource": upload(api)})
    listed = api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": "Image"}, **options)["actions"]
    return listed[-1]["actionBody"]["imageUrl"]


@pytest.fixture
def ravis_page(server):
    one = Reader(server.url)
    assert one.sign_in(RAVI).status_code == 303
    yield one
    one.http.close()


def test_a_webhook_carries_absolute_urls_of_what_is_sent_on_the_page(
    server, api, ravis_page, subscribe, listener
) -> None:
    subscribe(api, "AttachmentCreated")
    files = [("files", ("a.jpg", photo(), "image/jpeg"))]
    assert ravis_page.send(HOME, f"{HOME}/messages", {"text": "Shelf"}, files).status_code == 303
    [event] = listener.wait(1)
    url = event["data"]["media"][0]["mediaUrl"]
    assert url.startswith(f"{server.url}/media/")
    assert httpx.get(url).headers["content-type"] == "image/jpeg"


def test_webhooks_carry_the_public_address(make_server, call_with, subscribe, listener) -> None:
    server = make_server(public_url="https://k.example/")
    api = call_with("demo-group-token", url=server.url)
    subscribe(api, "AttachmentCreated")
    api.post_action("Image", {"mediaResource": upload(api)})
    [event] = listener.wait(1)
    assert event["data"]["media"][0]["mediaUrl"].startswith("https://k.example/media/")


def test_a_picture_keeps_no_host_of_a_request(server, user_api) -> None:
    foreign = {"Host": "evil.example"}
    resource = upload(user_api, "evil.example")
    user_api.ok("POST", "/bot", json={"name": "Opener", "profilePic": resource}, headers=foreign)
    [bot] = user_api.ok("GET", "/bot")["bots"]
    assert bot["profilePic"].startswith(f"{server.url}/media/")
    assert httpx.get(bot["profilePic"]).status_code == 200


def test_the_picture_of_a_choice_is_a_url(server, api, ravi) -> None:
    choices = [{"title": "A", "image": upload(api)}, {"title": "B", "image": "https://cdn.example/b.png"}]
    api.post_action("Poll", {"title": "Which?", "choices": choices})
    [shown_a, shown_b] = ravi.feed()["items"][0]["choices"]
    assert httpx.get(shown_a["image"]).status_code == 200
    assert shown_b["image"] == "https://cdn.example/b.png"


def test_nobody_gets_a_link_by_writing_one(user_api) -> None:
    user_api.ok("POST", "/bot", json={"name": "Opener", "profilePic": "media:guessed/a.png"})
    assert user_api.ok("GET", "/bot")["bots"][0]["profilePic"] == ""


def test_a_url_ends_and_reading_again_gives_a_new_one(server, api, call_with) -> None:
    url = listed_url(api)
    assert httpx.get(url).status_code == 200
    httpx.post(f"{server.url}/_test/clock", json={"advance": 32 * 24 * 3600})
    ended = httpx.get(url)
    assert ended.status_code == 404
    assert "read the post again" in ended.json()["message"]
    assert httpx.get(listed_url(call_with("demo-group-token"))).status_code == 200


@pytest.mark.parametrize(
    ("part", "other"),
    [(r"key=\w{9}", "key=0"), (r"until=\d", "until=9"), (r"\?.*", ""), ("/media/", "/media/0")],
)
def test_a_url_that_was_changed_is_refused(api, part, other) -> None:
    changed = re.sub(part, other, listed_url(api))
    assert httpx.get(changed).status_code == 404


def test_the_page_needs_no_signature_but_a_reader(server, api, ravis_page) -> None:
    path = httpx.URL(listed_url(api)).path
    assert ravis_page.http.get(path).status_code == 200
    assert httpx.get(server.url + path).status_code == 404
