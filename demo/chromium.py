"""The Chromium of this machine, and people who are signed in to the page."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import requests

from airflow_provider_kaizala.server.page.visitor import ZONE
from airflow_provider_kaizala.server.pin_sign_in import COOKIE
from demo.people import PIN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    f"Chromium was not found: none of {', '.join(NAMES)} is on the path (on Debian: apt-get install chromium)"
)
ZONE_NAME = "Asia/Kolkata"


def find() -> str | None:
    """Return the path of Chromium, or None if it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


def sign_in(context: BrowserContext, url: str, mobile_number: str) -> None:
    """Sign a person in, with the time zone of the demo group."""
    reply = requests.post(
        f"{url}/people/session", json={"mobileNumber": mobile_number, "pin": PIN}, timeout=30
    )
    reply.raise_for_status()
    context.add_cookies(
        [
            {"name": COOKIE, "value": reply.json()["token"], "httpOnly": True, "url": url},
            {"name": ZONE, "value": ZONE_NAME, "url": url},
        ]
    )
