"""People at pages of their own, in a real browser; whatever the browser complains about is remembered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.server.page.strings import words
from demo import chromium
from demo.people import ASHA, MEERA, PIN, RAVI

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page

#: the page's texts, so that a test names a button as its reader does
t = words("en")
PHONE: Mapping[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
#: ms until something counts as not happening: what it takes on a machine with much else to do does not matter
PATIENCE = 30_000
#: what Chromium itself writes where the server refuses something, or cannot be reached
_OF_THE_NETWORK = "Failed to load resource"

__all__ = ["ASHA", "MEERA", "PATIENCE", "PHONE", "PIN", "RAVI", "Visits", "t", "visiting"]


class Visits:
    """Opens pages for people.

    :param url: the server's address
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self.url = url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        #: whether the server is meant to refuse something, or to be away
        self.trouble_is_wanted = False

    def open(self, path: str | None = None, **given: Any) -> Page:
        """Open a window of its own, on a phone unless something else is *given*, with nobody signed in."""
        context = self._browser.new_context(
            **{"base_url": self.url, "locale": "en-GB", "timezone_id": chromium.ZONE_NAME, **PHONE, **given}
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        context.on("console", self._heard)
        context.on("dialog", self._asked)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    def as_person(self, mobile_number: str, path: str | None = None, **given: Any) -> Page:
        """Open a window in which somebody has signed in before."""
        page = self.open(**given)
        chromium.sign_in(page.context, self.url, mobile_number)
        if path is not None:
            page.goto(path)
        return page

    def listening(self, mobile_number: str, path: str) -> Page:
        """Open a window in which somebody has signed in before, at a page that hears of what others do from here on."""
        page = self.as_person(mobile_number)
        with page.expect_response("**/live"):
            page.goto(path)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not (self.trouble_is_wanted and _OF_THE_NETWORK in message.text):
            self.complaints.append(f"console: {message.text} ({message.location})")

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def close(self) -> None:
        """Close all windows."""
        for context in self._contexts:
            context.close()


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[Visits]:
    """Let people open the page; in the end their browsers must have had nothing to complain about."""
    visits = Visits(browser, url)
    yield visits
    visits.close()
    assert visits.complaints == []
