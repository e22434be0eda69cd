"""The journal as a page."""

from __future__ import annotations

import re

import httpx
import pytest

GROUP = "11111111-1111-4111-8111-111111111111@1"


def page(url: str, **query: str) -> str:
    reply = httpx.get(url + "/_test/", params=query, follow_redirects=True)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.headers["Cache-Control"] == "no-store"
    nonce = re.search(r"style-src 'nonce-([\w-]+)'", reply.headers["Content-Security-Policy"])
    assert nonce is not None
    assert f'<style nonce="{nonce[1]}">' in reply.text
    return reply.text


def test_it_shows_requests_with_their_replies_and_no_secrets(server, api) -> None:
    api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "<b>Hello</b>"})
    api.refused(404, "GET", f"/groups/{GROUP}/actions/none")
    text = page(server.url)
    assert text.index("getAction") < text.index("<b>sendMessage</b>"), "the newest first"
    assert "&lt;b&gt;Hello&lt;/b&gt;" in text
    assert "The action was not found" in text
    assert api.http.headers["accessToken"] not in text


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ({"text": "Hello"}, "Hello", "Goodbye"),
        ({"operation": "getAction"}, "/actions/none", "Goodbye"),
        ({"status": "4xx"}, "/actions/none", "Goodbye"),
        ({"status": "2xx"}, "Goodbye", "/actions/none"),
        ({"status": "nonsense", "text": "BYE"}, "Goodbye", "/actions/none"),
    ],
)
def test_a_filter(server, api, query, shown, hidden) -> None:
    for text in ("Hello", "Goodbye"):
        api.ok("POST", f"/groups/{GROUP}/messages", json={"message": text})
    api.refused(404, "GET", f"/groups/{GROUP}/actions/none")
    found = page(server.url, **query)
    entries = found[found.index("<ol>") :]
    assert shown in entries
    assert hidden not in entries


def test_nothing_fits(server) -> None:
    assert "Nothing like this has come yet." in page(server.url, text="xyzzy")


def test_it_is_there_in_test_mode_only(make_server) -> None:
    running = make_server(test_mode=False)
    assert httpx.get(running.url + "/_test/").status_code == 404
