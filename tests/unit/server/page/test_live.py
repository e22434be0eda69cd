"""What wakes the pages that are open: changes that they show, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.server.conftest import GROUP, RAVI, fetch_token

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def told(server: Any) -> Iterator[list[frozenset[str]]]:
    """What the writer has told since, instead of the open pages."""
    heard: list[frozenset[str]] = []
    database = server.state.database
    before, database.on_change = database.on_change, heard.append
    yield heard
    database.on_change = before


def test_a_text_wakes_its_group_and_a_like_its_post(api, ravi, told) -> None:
    reference_id = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})["referenceId"]
    ravi.ok("POST", f"/references/{reference_id}/likes", json={})
    ravi.ok("POST", f"/references/{reference_id}/likes", json={})
    assert told == [frozenset({GROUP}), frozenset({reference_id})]


def test_a_deleted_post_wakes(server, api, told) -> None:
    posted = api.post_action("Poll", {"question": "Lunch?", "choices": [{"title": "A"}, {"title": "B"}]})
    api.http.post(server.url + "/_test/delete-action", json={"actionId": posted["actionId"]})
    assert told == [frozenset({GROUP}), frozenset({posted["referenceId"]})]


def test_tokens_sessions_and_refusals_wake_nobody(server, api, sign_in, told) -> None:
    fetch_token(server.url, "demo-group-token")
    sign_in(RAVI)
    api.ok("POST", "/bot", json={"name": "Till"})
    api.refused(400, "POST", f"/groups/{GROUP}/messages", json={})
    assert told == []
