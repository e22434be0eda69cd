"""How many statements a list takes: not more for many entries than for few."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from tests.unit.server.conftest import ASHA, GROUP, MEERA, RAVI
from tests.unit.server.page.conftest import HOME, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def count(server: Any) -> Callable[[Callable[[], Any]], int]:
    """Count the statements of a call, from the second time on: the first may do things once."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        said: list[str] = []

        def heard(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            # The deliverer looks for what is due all the time.
            if "webhook" not in statement and not statement.startswith("BEGIN"):
                said.append(statement)

        event.listen(server.state.database.engine, "before_cursor_execute", heard)
        yield said
        event.remove(server.state.database.engine, "before_cursor_execute", heard)

    def of(call: Callable[[], Any]) -> int:
        call()
        with counting() as said:
            call()
        return len(said)

    return of


@pytest.fixture
def post_everything(api: Any, ravi: Any, survey: dict[str, Any]) -> Callable[[], None]:
    def post() -> None:
        text = api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Hello"})["referenceId"]
        ravi.ok("POST", f"/references/{text}/likes", json={})
        api.ok("POST", f"/groups/{GROUP}/messages", json={"message": "Again", "replyToReferenceId": text})
        poll = api.post_action(
            "Poll", {"question": "Lunch?", "choices": [{"title": "Rice"}, {"title": "Roti"}]}
        )
        ravi.ok("POST", f"/actions/{poll['actionId']}/votes", json={"choice": "Rice"})
        asked = api.post_action("Survey", survey)
        ravi.ok("POST", f"/actions/{asked['actionId']}/responses", json={"answers": ["Yes"]})
        job = api.post_action("Job", {"title": "Shelf", "assignedTo": [RAVI, MEERA], "dueDate": 60})
        ravi.ok("POST", f"/actions/{job['actionId']}/completion", json={})
        body = {"title": "Card", "questions": [], "properties": [{"name": "a", "type": "Text", "value": "b"}]}
        api.ok("POST", f"/groups/{GROUP}/actions", json={"id": "com.example.card", "actionBody": body})

    return post


def test_a_feed(count, post_everything, ravi) -> None:
    post_everything()
    few = count(ravi.feed)
    for _ in range(3):
        post_everything()
    assert count(ravi.feed) == few < 15


@pytest.mark.parametrize("path", [HOME, "/"])
def test_pages(count, post_everything, server, path) -> None:
    reader = Reader(server.url)
    reader.sign_in(RAVI)
    post_everything()
    few = count(lambda: reader.page(path))
    for _ in range(3):
        post_everything()
    assert count(lambda: reader.page(path)) == few < 30
    reader.http.close()


@pytest.mark.parametrize("kind", ["Job", "Poll", "Survey"])
def test_a_list_of_actions(count, post_everything, api, kind) -> None:
    def look() -> None:
        api.ok("GET", f"/groups/{GROUP}/actions", params={"actionType": kind})

    post_everything()
    few = count(look)
    for _ in range(3):
        post_everything()
    assert count(look) == few < 8


@pytest.mark.parametrize(
    "path",
    [
        "/groups",
        "/groups?showDetails=true&fetchAllGroups=true",
        f"/groups/{GROUP}/subGroups?fetchAllGroups=true",
    ],
)
def test_lists_of_groups(count, user_api, path) -> None:
    def add(number: int) -> None:
        body = {"name": f"Team {number}", "welcomeMessage": "", "members": [RAVI]}
        above = user_api.ok("POST", f"/groups/{GROUP}/subGroups", json=body)["groupId"]
        user_api.ok("POST", f"/groups/{above}/subGroups", json=body)
        user_api.ok("POST", "/groups", json={**body, "admins": [ASHA]})

    add(0)
    few = count(lambda: user_api.ok("GET", path))
    for number in range(1, 5):
        add(number)
    assert count(lambda: user_api.ok("GET", path)) == few < 15


def test_who_answered(count, api, ravi, server) -> None:
    survey = {"title": "Opening", "questions": [{"title": "Note", "type": "Text"}]}
    asked = api.post_action("Survey", {**survey, "acceptMultipleResponses": True})
    reader = Reader(server.url)
    reader.sign_in(ASHA)

    def look() -> None:
        reader.page(f"{HOME}/posts/{asked['referenceId']}")

    answers = f"/actions/{asked['actionId']}/responses"
    ravi.ok("POST", answers, json={"answers": ["x"]})
    few = count(look)
    for _ in range(5):
        ravi.ok("POST", answers, json={"answers": ["x"]})
    assert count(look) == few < 30
    reader.http.close()
