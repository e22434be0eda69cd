"""Every page for everybody: with a screen reader, with a keyboard alone, on a small screen, in light and in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from demo.store import GROUP_PAGE, Store
from tests.browser.reading import ASHA, MEERA, PIN, RAVI, Visits, t

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser

WIDE = {
    "viewport": {"width": 1280, "height": 900},
    "has_touch": False,
    "is_mobile": False,
    "device_scale_factor": 1,
}
SEEN = [(scheme, size) for scheme in ("light", "dark") for size in ("phone", "wide")]
BAD = ("serious", "critical")


def _pages(references: dict[str, str]) -> Iterator[str]:
    yield from ("/", GROUP_PAGE, f"{GROUP_PAGE}/people", f"{GROUP_PAGE}?reply={references['image']}")
    for reference in references.values():
        yield f"{GROUP_PAGE}/posts/{reference}"
    yield "/groups/22222222-2222-4222-8222-222222222222@1"
    yield "/nothing/here"


def _troubles(page: Page) -> list[Any]:
    """Return what axe-core finds, and whether the page is wider than the screen."""
    found = Axe().run(page).response["violations"]
    told: list[Any] = [
        (page.url, one["id"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in BAD
    ]
    return [*told, *_too_wide(page)]


def _too_wide(page: Page) -> list[Any]:
    """Return the page's address and by how much it is wider than the screen, if it is."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [(page.url, f"{wide} px too wide")] if wide > 0 else []


@pytest.mark.parametrize(("scheme", "size"), SEEN, ids=[" ".join(one) for one in SEEN])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    visits: Visits, store: Store, scheme: str, size: str
) -> None:
    visits.trouble_is_wanted = True  # one page is not there
    references = store.one_of_each()
    look: dict[str, Any] = {"color_scheme": scheme, **(WIDE if size == "wide" else {})}
    stranger = visits.open("/sign-in", **look)
    troubles = _troubles(stranger)
    stranger.get_by_label(t("phone")).fill(RAVI)
    stranger.get_by_label(t("pin"), exact=True).fill("9999")
    stranger.get_by_role("button", name=t("sign_in"), exact=True).click()
    expect(stranger.get_by_role("alert")).to_be_visible()
    troubles += _troubles(stranger)
    for number in (ASHA, RAVI):  # an admin and a member
        page = visits.as_person(number, **look)
        for path in _pages(references):
            page.goto(path)
            troubles += _troubles(page)
    assert troubles == []


def test_nothing_is_wider_than_a_small_phone_in_french(visits: Visits, store: Store) -> None:
    visits.trouble_is_wanted = True  # one page is not there
    references = store.one_of_each()
    troubles = []
    for number in (ASHA, RAVI):
        page = visits.as_person(number, locale="fr-FR", viewport={"width": 320, "height": 640})
        for path in _pages(references):
            page.goto(path)
            troubles += _too_wide(page)
    assert troubles == []


@pytest.mark.parametrize(("scheme", "size"), SEEN, ids=[" ".join(one) for one in SEEN])
def test_axe_finds_nothing_where_a_connector_asks_to_sign_in(
    visits: Visits, store: Store, scheme: str, size: str
) -> None:
    redirect = "https://app.example/back"
    app = {"id": "app", "secret": "app-secret", "name": "Shifts", "redirectUrl": redirect}
    store.server.seed({"connectors": [app]})
    look: dict[str, Any] = {"color_scheme": scheme, **(WIDE if size == "wide" else {})}
    page = visits.open(f"/api/oauth/authorize?client_id=app&redirect_uri={redirect}", **look)
    expect(page.get_by_label(t("phone"))).to_be_visible()
    assert _troubles(page) == []


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        called = page.evaluate(
            "(() => { const one = document.activeElement; return one.labels?.[0]?.innerText ?? one.innerText ?? ''; })()"
        )
        if name in called:
            return
    raise AssertionError(f"{name!r} is not reached with Tab")


def test_a_survey_is_answered_with_the_keyboard_alone(visits: Visits, store: Store) -> None:
    survey = store.survey()
    page = visits.open("/", **WIDE)
    _tab_to(page, t("phone"))
    page.keyboard.type(MEERA)
    _tab_to(page, t("pin"))
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=t("home"))).to_be_visible()
    page.goto(GROUP_PAGE)
    _tab_to(page, "Yes")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("No", exact=True)).to_be_checked()
    _tab_to(page, "How many of us are here?")
    page.keyboard.type("3")
    _tab_to(page, "Anything missing?")
    page.keyboard.type("Bags")
    _tab_to(page, t("survey.send"))
    page.keyboard.press("Enter")
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    assert store.item(survey["referenceId"], MEERA)["myAnswer"]["answers"] == [["No"], 3, "Bags"]
