"""This machine's Chromium, and people who are signed in to the page in it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import requests

from airflow_provider_kaizala.server.page.visitor import SESSION, ZONE
from demo.people import PIN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"no {', '.join(NAMES)} on the path; install Chromium (Debian: apt-get install chromium)"
ZONE_NAME = "Asia/Kolkata"


def find() -> str | None:
    """Return where it is, None if it is not there."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start it."""
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


def sign_in(context: BrowserContext, url: str, mobile_number: str) -> None:
    """Let somebody have signed in before, in the zone they live in."""
    reply = requests.post(
        f"{url}/people/session", json={"mobileNumber": mobile_number, "pin": PIN}, timeout=30
    )
    reply.raise_for_status()
    context.add_cookies(
        [
            {"name": SESSION, "value": reply.json()["token"], "httpOnly": True, "url": url},
            {"name": ZONE, "value": ZONE_NAME, "url": url},
        ]
    )
