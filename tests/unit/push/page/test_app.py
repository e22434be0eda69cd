"""The page as it is served: who sees what, and that nothing of it can be anything but text."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi import HTTPException
from starlette.applications import Starlette
from starlette.routing import Mount

from airflow_provider_kaizala.push.page.app import PATH, START, build_app
from airflow_provider_kaizala.push.page.readings import KaizalaHook
from airflow_provider_kaizala.push.page.render import static_files
from airflow_provider_kaizala.push.settings import PushSettings
from demo.airflow_ui import GROUP, wire

if TYPE_CHECKING:
    from demo.airflow_ui import Rows

EVIL = "<script>alert('x')</script>\"'&"


class Site:
    """The page behind httpx, for one user or nobody."""

    def __init__(self, user: Any, conn_ids: frozenset[str] = frozenset({"kaizala_default"})) -> None:
        self.app = build_app(PushSettings(conn_ids))
        self.user = user
        self.app.dependency_overrides[get_user] = self._who

    def _who(self) -> Any:
        if self.user is None:
            raise HTTPException(401, "Not authenticated")
        return self.user

    def get(self, *paths: str, **headers: str) -> list[httpx.Response]:
        """Get pages one after another."""

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(Starlette(routes=[Mount(PATH, self.app)]))
            async with (
                self.app.router.lifespan_context(self.app),
                httpx.AsyncClient(transport=transport, base_url="http://airflow") as client,
            ):
                return [
                    await client.get(
                        f"{PATH}/{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
                    )
                    for path in paths
                ]

        return asyncio.run(send())

    def page(self, query: str = "", path: str = START) -> str:
        (response,) = self.get(f"{path}{query}")
        assert response.status_code == 200, response.text
        return response.text


class Parsed(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection can be read, so nothing is called."""

    def fail(*_: Any) -> Any:
        raise RuntimeError("no secrets backend in this test")

    monkeypatch.setattr(KaizalaHook, "get_connection", fail)


# --- who sees it ---------------------------------------------------------------------------------------------------------


PATHS = [START, "content", "static/page.js", "static/page.css", "static/icon.svg", "static/missing"]


@pytest.mark.usefixtures("rows", "unreachable")
@pytest.mark.parametrize("path", [*PATHS, f"{START}?waits=no", "content?span=no"])
def test_nothing_is_served_to_who_is_not_signed_in(manager: Any, path: str) -> None:
    (response,) = Site(None).get(path)
    assert response.status_code == 401
    assert "You are not signed in to Airflow" in response.text
    assert "../api/v2/auth/login?next=%2Fkaizala-ui%2Foverview" in response.text
    assert manager.asked == []


def test_every_route_depends_on_the_login() -> None:
    app = build_app(PushSettings())
    for route in app.routes:
        dependant = route.dependant  # type: ignore[attr-defined]
        assert get_user in [each.call for each in dependant.dependencies], route


def test_a_browser_that_opens_the_page_itself_is_sent_to_the_login() -> None:
    (response,) = Site(None).get(START, sec_fetch_dest="document")
    assert response.status_code == 307
    assert response.headers["location"] == "../api/v2/auth/login?next=%2Fkaizala-ui%2Foverview"
    (response,) = Site(None).get(START, sec_fetch_dest="iframe")
    assert response.status_code == 401


def test_the_headers_allow_no_script_but_its_own_and_no_frame_but_airflow(olga: Any) -> None:
    for response in (*Site(None).get(START), *Site(olga).get("static/page.js", "static/missing")):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.usefixtures("unreachable")
def test_who_may_read_connections_sees_subscriptions_and_events(rows: Rows, manager: Any, olga: Any) -> None:
    rows.event("TextMessageCreated", timedelta(minutes=1), "Meera")
    shown = Parsed(Site(olga).page()).text
    assert "kaizala_default" in shown
    assert "Meera" in shown
    assert "1 stored" in shown
    manager.connections = set()
    shown = Parsed(Site(olga).page()).text
    assert "You may not see the connections that receive webhooks." in shown
    assert "kaizala_default" not in shown
    assert "Meera" not in shown
    assert ("GET", "kaizala_default", None, olga) in manager.asked


@pytest.mark.usefixtures("unreachable")
def test_only_waits_of_dags_that_a_user_may_read(rows: Rows, manager: Any, olga: Any) -> None:
    rows.wait("shop", "ask", wire({"actionId": "a"}, "all"), arguments={"question": "Tea?"})
    rows.wait("payroll", "ask", wire({"actionId": "b"}, "all"), arguments={"question": "Raise?"})
    manager.dags = {"shop"}
    html = Site(olga).page()
    assert "Tea?" in html
    assert "../dags/shop/runs/manual__2026-01-01/tasks/ask" in html
    assert "payroll" not in html
    assert "Raise?" not in html
    manager.sees_tasks = False
    assert "Tea?" not in Site(olga).page()
    assert ("GET", "TASK_INSTANCE", olga) in manager.asked


@pytest.mark.usefixtures("unreachable")
def test_runs_of_dags_that_a_user_may_not_read_are_not_named(rows: Rows, manager: Any, olga: Any) -> None:
    rows.event("AttachmentCreated", timedelta(minutes=2))
    rows.ring("AttachmentCreated", timedelta(minutes=1), rows.run("payroll"))
    shown = Parsed(Site(olga).page()).text
    assert "payroll" not in shown
    assert "rang" in shown
    manager.dags = {"payroll"}
    assert "started payroll" in Parsed(Site(olga).page()).text


@pytest.mark.usefixtures("rows", "manager")
def test_without_opted_in_connections_the_page_says_how(olga: Any) -> None:
    shown = Parsed(Site(olga, frozenset()).page()).text
    assert "No connection receives webhooks. Name some in [kaizala] webhook_connections" in shown
    assert "No task of the DAGs that you may see waits for people now." in shown


# --- what it shows -----------------------------------------------------------------------------------------------------------


def test_names_and_questions_are_text(rows: Rows, manager: Any, olga: Any, kaizala: Any) -> None:
    kaizala.survey("+910000000002", title=EVIL)
    kaizala.actions["act-1"]["actionDetails"]["responses"][0]["responderName"] = EVIL
    kaizala.script.clear()
    manager.dags = {"shop", EVIL}
    rows.wait("shop", EVIL, wire({"actionId": "act-1"}, 2), run_id=EVIL)
    rows.wait(EVIL, "ask", wire({"actionId": "gone"}, 2), arguments={"question": EVIL})
    rows.event(EVIL[:60], timedelta(minutes=1), EVIL, EVIL)
    rows.event("JobResponse", timedelta(minutes=1), "Ravi")
    site = Site(olga)
    _, response = site.get(START, "content")
    parsed = Parsed(response.text)
    assert [tag for tag, _ in parsed.tags if tag in ("script", "style", "iframe", "object", "base")] == []
    assert parsed.texts.count(EVIL) >= 5, "title, name, run, question, person"
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    assert "alert(" not in re.sub(r"&lt;script&gt;alert\(&#39;x&#39;\)&lt;/script&gt;", "", response.text)


def test_no_secret_is_in_the_page(
    rows: Rows, manager: Any, olga: Any, kaizala: Any, secrets_of_the_connection: list[str]
) -> None:
    kaizala.survey("+910000000002")
    manager.dags = {"shop"}
    rows.wait("shop", "ask", wire({"actionId": "act-1"}, 2))
    rows.event("JobResponse", timedelta(minutes=1))
    for response in Site(olga).get(START, "content"):
        assert not any(secret in response.text for secret in secrets_of_the_connection)


def test_a_page_that_has_not_changed_is_not_sent_again(rows: Rows, manager: Any, olga: Any) -> None:
    site = Site(olga, frozenset())
    (first,) = site.get("content")
    (again,) = site.get("content", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    (zipped,) = site.get("content", if_none_match=f"W/{first.headers['etag']}")
    assert zipped.status_code == 304
    manager.dags = {"shop"}
    rows.wait("shop", "ask", wire({"actionId": "act-1"}, 2))
    (changed,) = site.get("content", if_none_match=first.headers["etag"])
    assert changed.status_code == 200


@pytest.mark.usefixtures("unreachable")
def test_pages_of_waits(rows: Rows, manager: Any, olga: Any) -> None:
    manager.dags = {"shop"}
    for number in range(51):
        rows.wait("shop", f"ask_{number}", wire({"actionId": "a"}, 2), since=timedelta(minutes=100 - number))
    first, second, third = (
        Parsed(response.text) for response in Site(olga).get(START, f"{START}?waits=2", f"{START}?waits=3")
    )
    links = [attributes for tag, attributes in first.tags if tag == "a" and "rel" in attributes]
    assert links == [{"href": "?waits=2&span=hour", "rel": "next"}]
    assert "Page 1 of 2" in first.text
    assert "ask_50" not in first.text
    assert "ask_50" in second.text
    assert "There are no more open waits." in third.text


@pytest.mark.usefixtures("rows", "manager")
@pytest.mark.parametrize("query", ["?waits=0", "?waits=x", "?span=year", "?waits=1000000"])
def test_odd_addresses_are_refused(olga: Any, query: str) -> None:
    (response,) = Site(olga).get(f"{START}{query}")
    assert response.status_code == 422


def test_webhooks_of_the_groups_that_the_connection_names(
    rows: Rows, manager: Any, olga: Any, kaizala: Any
) -> None:
    def answer(request: Any) -> Any:
        if request.path != "/webhook":
            return kaizala.default(request)
        ours = {"webhookId": "wh-ours", "objectId": GROUP, "objectType": "Group", "events": ["JobResponse"]}
        url = f"https://airflow.example/kaizala/kaizala_default?on=Group/{GROUP}"
        return 200, {
            "webhooks": [{**ours, "callbackUrl": url, "active": False, "validity": 4_000_000_000_000}]
        }

    kaizala.otherwise = answer
    _, response = Site(olga).get(START, "content")
    shown = Parsed(response.text).text
    assert "Store 12 needs attention" in shown
    assert "Not exactly one active webhook calls this Airflow. Run airflow-kaizala webhooks ensure" in shown
    assert "wh-ours disabled" in shown
    assert "https://airflow.example/kaizala/kaizala_default" in shown
    assert "none is stored" in shown


@pytest.mark.usefixtures("manager")
def test_a_database_without_our_tables_hides_only_the_deliveries(
    rows: Rows, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kaizala.push.page import view

    def fail(*_: Any) -> Any:
        raise RuntimeError("no such table: kaizala_event")

    monkeypatch.setattr(view, "read_deliveries", fail)
    shown = Parsed(Site(olga).page()).text
    assert "it cannot be read now (RuntimeError); see the log" in shown
    assert "Open waits" in shown


def test_static_files_are_cached_by_the_browser_alone(olga: Any) -> None:
    for name, media_type in (
        ("page.js", "text/javascript"),
        ("page.css", "text/css"),
        ("icon.svg", "image/svg+xml"),
    ):
        (response,) = Site(olga).get(f"static/{name}")
        assert response.headers["content-type"].startswith(media_type)
        assert response.headers["cache-control"] == "private, max-age=86400"
        assert response.content == static_files()[name].content
    (missing,) = Site(olga).get("static/missing")
    assert missing.status_code == 404


@pytest.mark.usefixtures("rows", "manager")
def test_all_addresses_are_relative(olga: Any) -> None:
    """So that the page works below any path."""
    for tag, attributes in Parsed(Site(olga, frozenset()).page()).tags:
        for name in ("href", "src"):
            address = attributes.get(name)
            assert address is None or not re.match(r"/|https?:", address), tag
    assert json.dumps(PATH) == '"/kaizala-ui"'
