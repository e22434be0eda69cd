"""A browser for each module, the demo group as it was seeded for each test, and people at pages of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from demo import chromium
from demo.store import Store
from tests.browser.reading import PATIENCE, Visits, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from airflow_provider_kaizala.testing.server import KaizalaServer

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium. Not for the whole session: while Playwright runs, no other test can run an event loop."""
    path = chromium.find()
    if path is None:
        pytest.skip(f"the page was not tested: {chromium.MISSING}")
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, path)
        yield browser
        browser.close()


@pytest.fixture
def visits(browser: Browser, kaizala_server: KaizalaServer) -> Iterator[Visits]:
    """People at the page of the demo group's server."""
    with visiting(browser, kaizala_server.url) as visits:
        yield visits


@pytest.fixture
def store(kaizala_server: KaizalaServer) -> Iterator[Store]:
    """The demo group, to be filled."""
    store = Store(kaizala_server)
    yield store
    store.close()
