"""``make screenshots``: pictures for ``docs/`` of the page for people, as a crew sees it in the morning, and of Airflow's page."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from airflow_provider_kaizala.testing.server import in_a_thread
from demo import chromium
from demo.airflow_ui import AirflowUi, fill_airflow
from demo.people import ASHA, MEERA, RAVI
from demo.store import GROUP_PAGE, Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = Path(__file__).resolve().parent.parent / "docs"
#: name, person, screen, theme
PICTURES = (
    ("page-phone", MEERA, {"width": 390, "height": 1000}, "light"),
    ("page-wide", ASHA, {"width": 1280, "height": 1560}, "light"),
)
#: the same of Airflow's UI
AIRFLOW_PICTURES = (
    ("airflow-page", {"width": 1280, "height": 1500}, "light"),
    ("airflow-page-phone", {"width": 390, "height": 1000}, "dark"),
)
COLORS = 128


def shelf() -> bytes:
    """Draw a shelf with boxes, in place of a photo."""
    picture = Image.new("RGB", (960, 540), "#d9cdbb")
    draw = ImageDraw.Draw(picture)
    tones = ("#8a5a3c", "#3f6f73", "#b5523b", "#4d5f8a", "#8b8f4a")
    for row in range(3):
        base = 170 + row * 170
        draw.rectangle((40, base, 920, base + 14), fill="#6e5138")
        for box in range(8):
            height = 70 + (box * 37 + row * 53) % 50
            left = 60 + box * 107
            draw.rectangle((left, base - height, left + 88, base), fill=tones[(box + row * 2) % len(tones)])
            draw.rectangle(
                (left + 24, base - height // 2 - 8, left + 64, base - height // 2 + 10), fill="#efe8da"
            )
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85)
    return content.getvalue()


def fill(store: Store) -> None:
    """Post what a store posts in a morning."""
    store.post(
        "Announcement",
        Title="Opening check",
        Message="Good morning! Please answer below before the doors open.",
    )
    shown = store.post(
        "Image",
        mediaResource=store.upload(("shelf.jpg", shelf(), "image/jpeg")),
        caption="The new shelf is up",
    )
    store.as_person(RAVI, f"/references/{shown['referenceId']}/likes")
    store.as_person(MEERA, f"/references/{shown['referenceId']}/likes")
    store.says(RAVI, "Looks great. Labels come at noon.", replyToReferenceId=shown["referenceId"])
    poll = store.poll()
    for number, choice in ((RAVI, "Saturday"), (MEERA, "Saturday"), (ASHA, "Friday")):
        store.as_person(number, f"/actions/{poll['actionId']}/votes", choice=choice)
    job = store.job()
    store.as_person(RAVI, f"/actions/{job['actionId']}/completion", isCompleted=True)
    survey = store.survey()
    store.as_person(ASHA, f"/actions/{survey['actionId']}/responses", answers=["Yes", 3, "Paper bags"])


def take(browser: Browser, url: str) -> None:
    """Take the pictures."""
    for name, number, screen, scheme in PICTURES:
        context = browser.new_context(
            base_url=url, viewport=screen, color_scheme=scheme, locale="en-GB", timezone_id=chromium.ZONE_NAME
        )
        chromium.sign_in(context, url, number)
        page = context.new_page()
        page.goto(GROUP_PAGE)
        page.wait_for_load_state("load")
        keep(page.screenshot(), name)
        context.close()


def take_airflow(browser: Browser, ui: AirflowUi) -> None:
    """Take the pictures of Airflow's UI."""
    for name, screen, theme in AIRFLOW_PICTURES:
        context = browser.new_context(viewport=screen, color_scheme=theme, locale="en-GB", timezone_id="UTC")
        ui.sign_in(context, "olga")
        page = context.new_page()
        page.goto(f"{ui.url}/plugin/kaizala")
        frame = page.frame_locator("iframe[title=Kaizala]")
        frame.get_by_text("healthy", exact=True).wait_for()
        frame.locator("progress").nth(3).wait_for()
        page.wait_for_timeout(1000)  # Airflow's own menu
        keep(page.screenshot(), name)
        context.close()


def keep(picture: bytes, name: str) -> None:
    """Store a picture."""
    path = DOCS / f"{name}.png"
    # few colours are enough for a page, and make a small file
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLORS).save(path, optimize=True)
    print(f"{path.relative_to(DOCS.parent)}: {path.stat().st_size // 1024} kB")


def main() -> int:
    """Start servers, fill them, and take pictures of their pages."""
    path = chromium.find()
    if path is None:
        print(chromium.MISSING)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="kaizala-pictures-") as folder,
        in_a_thread(Path(folder), "demo") as server,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright, path)
        store = Store(server)
        fill(store)
        take(browser, server.url)
        with AirflowUi(Path(folder, "airflow"), server.url) as ui:
            fill_airflow(ui, store)
            take_airflow(browser, ui)
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
