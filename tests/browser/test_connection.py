"""A connection that is lost and comes back: nothing is lost, nothing is there twice, and the order is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.run import RunningServer
from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.store import GROUP_PAGE, Store
from tests.browser.reading import ASHA, MEERA, RAVI, Visits, t

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser


def texts(page: Page) -> list[str]:
    """Return the texts of the feed, newest first."""
    return page.locator("[data-feed] article .text").all_inner_texts()


def send(page: Page, text: str) -> None:
    """Write a text."""
    page.locator("#write textarea").fill(text)
    page.get_by_role("button", name=t("write.send"), exact=True).click()


def test_offline_and_back(visits: Visits, store: Store) -> None:
    visits.trouble_is_wanted = True
    poll = store.poll()
    store.text("Before")
    page = visits.listening(RAVI, GROUP_PAGE)
    page.context.set_offline(True)
    expect(page.get_by_text(t("group.lost"))).to_be_visible()

    send(page, "Sent without a connection")
    expect(page.get_by_role("alert")).to_have_text(t("error.offline"))
    expect(page.locator("#write textarea")).to_have_value("Sent without a connection")
    page.get_by_role("radio", name="Saturday").click()
    expect(page.locator(".poll").get_by_role("alert")).to_have_text(t("error.offline"))
    for text in ("First", "Second"):
        store.says(MEERA, text)
    store.as_person(MEERA, f"/actions/{poll['actionId']}/votes", choice="Friday")
    assert texts(page) == ["Before"]

    page.context.set_offline(False)
    expect(page.locator("[data-feed] article .text")).to_have_count(3)
    assert texts(page) == ["Second", "First", "Before"]
    expect(page.get_by_text(t("group.lost"))).to_be_hidden()
    expect(page.locator(".choice", has_text="Friday")).to_contain_text(t("poll.votes", n=1))

    page.get_by_role("radio", name="Saturday").click()
    expect(page.get_by_role("radio", name="Saturday")).to_be_checked()
    page.get_by_role("button", name=t("write.send"), exact=True).click()
    expect(page.locator("[data-feed] article .text")).to_have_count(4)
    assert texts(page) == ["Sent without a connection", "Second", "First", "Before"]
    assert [one["text"] for one in store.items() if one["kind"] == "text"] == texts(page)[::-1]
    expect(page.get_by_role("alert")).to_have_count(0)


def test_own_and_others_posts_stand_in_the_order_they_were_sent(visits: Visits, store: Store) -> None:
    """Even if what another one sent before is heard of after one's own."""
    store.text("Before")
    page = visits.listening(RAVI, GROUP_PAGE)
    page.route("**/live", lambda route: route.abort())
    page.evaluate("dispatchEvent(new Event('online'))")  # it listens anew, and hears nothing
    visits.trouble_is_wanted = True
    store.says(MEERA, "First")
    send(page, "Second")
    expect(page.locator("[data-feed] article .text")).to_have_count(3)
    assert texts(page) == ["Second", "First", "Before"]


def test_a_change_that_could_not_be_loaded_is_loaded_later(visits: Visits, store: Store) -> None:
    visits.trouble_is_wanted = True
    poll = store.poll()
    page = visits.listening(RAVI, GROUP_PAGE)
    page.route("**/posts/*", lambda route: route.abort(), times=1)
    store.as_person(MEERA, f"/actions/{poll['actionId']}/votes", choice="Friday")
    expect(page.locator(".choice", has_text="Friday")).to_contain_text(t("poll.votes", n=1))


def test_a_hidden_page_lets_go_of_its_connection_and_catches_up(visits: Visits, store: Store) -> None:
    page = visits.listening(RAVI, GROUP_PAGE)
    hide = """(is) => {
        Object.defineProperty(document, 'hidden', { value: is, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    store.says(MEERA, "First")
    page.wait_for_timeout(500)
    assert texts(page) == []
    page.evaluate(hide, False)
    expect(page.locator("[data-feed] article .text")).to_have_text(["First"])


class Restarting:
    """A server that stops and starts again where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: RunningServer | None = None
        self.port = 0

    def start(self) -> str:
        """Start; return the address."""
        config = ServerConfig(
            port=self.port,
            database=f"sqlite:///{self._folder / 'kaizala.db'}",
            seed="demo",
            test_mode=True,
            connector_limit=0,
            tenant_limit=0,
            log_level="warning",
        )
        self._running = RunningServer(config).start()
        self.port = int(self._running.url.rsplit(":", 1)[1])
        return self._running.url

    def stop(self) -> None:
        """Stop."""
        if self._running is not None:
            self._running.stop()
            self._running = None


def test_the_server_restarts(browser: Browser, tmp_path: Path) -> None:
    server = Restarting(tmp_path)
    url = server.start()
    visits = Visits(browser, url)
    visits.trouble_is_wanted = True
    store = Store(KaizalaServer(url))
    try:
        store.survey()
        ravi, asha = visits.listening(RAVI, GROUP_PAGE), visits.listening(ASHA, GROUP_PAGE)
        ravi.get_by_label("How many of us are here?").fill("3")
        server.stop()
        expect(asha.get_by_text(t("group.lost"))).to_be_visible()
        ravi.get_by_role("button", name=t("survey.send")).click()
        expect(ravi.get_by_role("alert")).to_have_text(t("error.offline"))
        send(asha, "Written while it was away")
        expect(asha.get_by_role("alert")).to_have_text(t("error.offline"))
        server.start()
        expect(asha.get_by_text(t("group.lost"))).to_be_hidden()
        ravi.get_by_role("button", name=t("survey.send")).click()
        expect(ravi.get_by_text(t("survey.sent"))).to_be_visible()
        asha.get_by_role("button", name=t("write.send"), exact=True).click()
        for page in (ravi, asha):
            expect(page.locator("[data-feed] article .text")).to_have_text(["Written while it was away"])
        expect(asha.get_by_text(t("post.answers", n=1))).to_be_visible()
        assert [one["kind"] for one in store.items()] == ["survey", "text"]
    finally:
        store.close()
        visits.close()
        server.stop()
    assert visits.complaints == []
