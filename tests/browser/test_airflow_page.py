"""The page *Kaizala* in the UI of a real Airflow, below a path, with users who sign in and a real Kaizala server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect

pytest.importorskip("airflow.api_fastapi.core_api.security", reason="Airflow 2 shows no page")

from airflow_provider_kaizala.testing.server import in_a_thread
from demo.airflow_ui import CONN_ID, WEBHOOK_SECRET, AirflowUi, Rows, subscribe, wire
from demo.store import Store
from tests.browser.reading import ASHA, MEERA, RAVI, Visits, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PREFIX = "/some/airflow"
EVIL = "<img src=x onerror=alert(1)>"
WIDE = {
    "viewport": {"width": 1280, "height": 900},
    "has_touch": False,
    "is_mobile": False,
    "device_scale_factor": 1,
}
SEEN = [(theme, size) for theme in ("light", "dark") for size in ("phone", "wide")]
#: ms within which a change comes: a reading is fresh for 15 s, and the page asks every 10 s
SOON = 60_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with in_a_thread(tmp_path_factory.mktemp("kaizala"), "demo") as server:
        store = Store(server)
        yield store
        store.close()


@pytest.fixture(scope="module")
def ui(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowUi]:
    manager = {"AIRFLOW__CORE__AUTH_MANAGER": "tests.browser.own_dags.OwnDags"}
    folder: Path = tmp_path_factory.mktemp("airflow") / "home"
    with AirflowUi(folder, store.server.url, PREFIX, manager) as ui:
        subscribe(ui, store)
        rows = Rows(ui.engine)
        poll = store.poll("Friday or Saturday?")
        store.as_person(RAVI, f"/actions/{poll['actionId']}/votes", choice="Friday")
        rows.wait("shop_day", "vote", wire(poll, [RAVI, MEERA]))
        odd = store.poll(EVIL, "Yes", "No")
        rows.wait("shop_odd", EVIL, wire(odd, "all"), run_id=EVIL)
        rows.wait("payroll", "approve", wire(store.poll("Raise Asha's pay?"), 1))
        gone = wire({"actionId": "00000000-0000-4000-8000-000000000000"}, 1)
        rows.wait("shop_gone", "ask", gone, arguments={"question": "Who closes tonight?"}, state="running")
        rows.event("AttachmentCreated", timedelta(minutes=5), EVIL)
        rows.ring("AttachmentCreated", timedelta(minutes=4), rows.run("thank_for_photos", "asset__1"))
        yield ui


@pytest.fixture
def visits(browser: Browser, ui: AirflowUi) -> Iterator[Visits]:
    with visiting(browser, ui.url) as visits:
        yield visits


def as_user(visits: Visits, ui: AirflowUi, user: str, theme: str | None = None, **given: Any) -> Page:
    page = visits.open(**{**WIDE, **given})
    ui.sign_in(page.context, user)
    if theme:
        page.context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    return page


def in_airflow(page: Page, ui: AirflowUi) -> FrameLocator:
    """Open the page from Airflow's menu."""
    page.goto(ui.url)
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Kaizala").click()
    return page.frame_locator("iframe[title=Kaizala]")


# --- who sees it -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["overview", "content", "static/page.js", "static/icon.svg"])
def test_without_a_login_there_is_nothing(ui: AirflowUi, path: str) -> None:
    for headers in ({}, {"Cookie": "_token=nonsense"}, {"Authorization": "Bearer nonsense"}):
        reply = requests.get(f"{ui.url}/kaizala-ui/{path}", headers=headers, timeout=30)
        assert reply.status_code == 401
        assert "Friday or Saturday?" not in reply.text
        assert "not signed in" in reply.text


def test_who_opens_the_page_itself_signs_in_first(visits: Visits, ui: AirflowUi) -> None:
    visits.trouble_is_wanted = True  # Airflow's page for the login asks who is signed in
    page = visits.open(f"{ui.url}/kaizala-ui/overview", **WIDE)
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill("olga")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Friday or Saturday?")).to_be_visible()
    assert page.url == f"{ui.url}/kaizala-ui/overview"


def test_a_viewer_sees_waits_of_some_dags_and_no_connections(visits: Visits, ui: AirflowUi) -> None:
    frame = in_airflow(as_user(visits, ui, "victor"), ui)
    expect(frame.get_by_role("heading", name="Friday or Saturday?")).to_be_visible()
    expect(frame.get_by_text("You may not see the connections that receive webhooks.")).to_be_visible()
    body = frame.locator("body").inner_text()
    assert "payroll" not in body
    assert "Raise Asha's pay?" not in body
    assert CONN_ID not in body
    assert "thank_for_photos" not in body


# --- what it shows -----------------------------------------------------------------------------------------------------------


def test_an_open_wait_with_names_and_what_comes_while_one_looks(
    visits: Visits, ui: AirflowUi, store: Store
) -> None:
    page = as_user(visits, ui, "olga")
    frame = in_airflow(page, ui)
    wait = frame.locator("article", has_text="Friday or Saturday?")
    expect(wait).to_contain_text("1 of 2 answered", timeout=SOON)
    expect(wait.locator(".answered li")).to_have_text(["Ravi"])
    expect(wait.locator(".owing li")).to_have_text(["Meera"])
    expect(wait).to_contain_text("Store 12", timeout=SOON)
    expect(wait.get_by_role("progressbar")).to_have_attribute("value", "1")
    page.frames[1].evaluate("window.isStillHere = true")
    poll = next(
        each for each in store.items(ASHA) if (each.get("poll") or each).get("question") == "Friday or Saturday?"
        or each.get("title") == "Friday or Saturday?"
    )  # fmt: skip
    store.as_person(MEERA, f"/actions/{poll['actionId']}/votes", choice="Saturday")
    expect(wait.locator(".answered li")).to_have_text(["Ravi", "Meera"], timeout=SOON)
    expect(wait.locator(".owing li")).to_have_count(0)
    assert page.frames[1].evaluate("window.isStillHere"), "without reloading"


def test_a_question_that_is_gone_says_so(visits: Visits, ui: AirflowUi) -> None:
    frame = in_airflow(as_user(visits, ui, "olga"), ui)
    wait = frame.locator("article", has_text="Who closes tonight?")
    expect(wait.locator(".problem")).to_contain_text("getAction failed", timeout=SOON)
    expect(wait.locator(".badge")).to_have_text("running")


def test_subscriptions_and_deliveries(visits: Visits, ui: AirflowUi) -> None:
    frame = in_airflow(as_user(visits, ui, "olga"), ui)
    group = frame.locator("#subscriptions article")
    expect(group).to_contain_text("healthy", timeout=SOON)
    expect(group).to_contain_text(f"{ui.url}/kaizala/{CONN_ID}")
    expect(group).to_contain_text("all events")
    row = frame.locator("#deliveries tr", has_text="AttachmentCreated")
    expect(row).to_contain_text("started thank_for_photos")
    expect(frame.locator("#deliveries .plot rect").first).to_be_visible()
    content = page_source(frame)
    assert WEBHOOK_SECRET not in content
    assert ui.subscription.token(WEBHOOK_SECRET) not in content
    assert "demo-secret" not in content
    assert "demo-group-token" not in content


def page_source(frame: FrameLocator) -> str:
    return str(frame.locator("html").evaluate("each => each.outerHTML"))


def test_names_and_questions_are_text(visits: Visits, ui: AirflowUi) -> None:
    """No dialog opens, and nothing is loaded: the browser complains about neither."""
    frame = in_airflow(as_user(visits, ui, "olga"), ui)
    expect(frame.get_by_role("heading", name=EVIL)).to_be_visible(timeout=SOON)
    expect(frame.locator("#deliveries td", has_text=EVIL)).to_be_visible()
    expect(frame.locator("img")).to_have_count(0)


def test_a_task_opens_around_the_page_although_airflow_frames_it_in_a_sandbox(
    visits: Visits, ui: AirflowUi
) -> None:
    visits.trouble_is_wanted = True  # Airflow does not know the DAG beyond its rows
    page = as_user(visits, ui, "olga")
    in_airflow(page, ui).get_by_role("link", name="shop_day › vote").click()
    page.wait_for_url(f"{ui.url}/dags/shop_day/runs/manual__2026-01-01/tasks/vote")
    expect(page.locator("iframe")).to_have_count(0)


def test_who_signs_out_meanwhile_is_told(visits: Visits, ui: AirflowUi) -> None:
    visits.trouble_is_wanted = True
    page = as_user(visits, ui, "olga")
    page.goto(f"{ui.url}/kaizala-ui/overview")
    page.context.clear_cookies()
    expect(page.get_by_role("status")).to_contain_text(
        "You are no longer signed in to Airflow.", timeout=SOON
    )


def test_a_server_that_does_not_answer_is_told_and_tried_again(visits: Visits, ui: AirflowUi) -> None:
    visits.trouble_is_wanted = True
    page = as_user(visits, ui, "olga")
    page.goto(f"{ui.url}/kaizala-ui/overview")
    page.context.set_offline(True)
    expect(page.get_by_role("status")).to_contain_text("Airflow does not answer.", timeout=SOON)
    page.context.set_offline(False)
    expect(page.get_by_role("status")).to_be_hidden(timeout=SOON)


# --- for everybody -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("theme", "size"), SEEN, ids=[" ".join(one) for one in SEEN])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    visits: Visits, ui: AirflowUi, theme: str, size: str
) -> None:
    given = (
        WIDE if size == "wide" else {"viewport": {"width": 300, "height": 740}}
    )  # 360 px beside Airflow's menu
    other = "light" if theme == "dark" else "dark"
    page = as_user(visits, ui, "olga", theme, color_scheme=other, **given)
    page.goto(f"{ui.url}/kaizala-ui/overview")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    expect(page.get_by_text("healthy")).to_be_visible(timeout=SOON)
    expect(page.locator(".problem").first).to_be_visible(timeout=SOON)
    found = Axe().run(page).response["violations"]
    bad = [
        (each["id"], [node["html"][:200] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert bad == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_the_page_follows_airflows_theme_and_time_zone(visits: Visits, ui: AirflowUi) -> None:
    page = as_user(visits, ui, "olga", color_scheme="light", timezone_id="Europe/Paris")
    frame = in_airflow(page, ui)
    grounds = []
    for theme in ("light", "dark"):
        # what Airflow does when a user chooses a theme
        page.evaluate(f"localStorage.setItem('theme', '{theme}')")
        expect(frame.locator("html")).to_have_attribute("data-theme", theme)
        grounds.append(frame.locator("body").evaluate("each => getComputedStyle(each).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(22, 29, 45)"]
    time = frame.locator("#deliveries td time").first
    paris = time.inner_text()
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Kolkata'))")
    expect(time).not_to_have_text(paris)
    assert str(time.get_attribute("title")).endswith("GMT+5:30")
