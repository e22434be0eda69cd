"""A browser for each module, a server for each test, and people at pages of their own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from demo.store import Store
from tests.browser.reading import Visits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from airflow_provider_kaizala.testing.server import KaizalaServer

_NAMES = ("chromium", "chromium-browser", "google-chrome")
expect.set_options(timeout=10_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium. Not for the whole session: while Playwright runs, no other test can run an event loop."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(
            f"the page was not tested: no {', '.join(_NAMES)} on the path; install Chromium (Debian: apt-get install chromium)"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visits(browser: Browser, kaizala_server: KaizalaServer) -> Iterator[Visits]:
    """People who open the page; in the end their browsers must have had nothing to complain about."""
    visits = Visits(browser, kaizala_server.url)
    yield visits
    visits.close()
    assert visits.complaints == []


@pytest.fixture
def store(kaizala_server: KaizalaServer) -> Iterator[Store]:
    """The demo group, to be filled."""
    store = Store(kaizala_server)
    yield store
    store.close()
