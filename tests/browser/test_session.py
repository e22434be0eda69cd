"""A session that ends in the middle of a form: what was typed is not lost, and nobody else gets to see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from demo.store import GROUP_PAGE, Store
from tests.browser.reading import ASHA, MEERA, PIN, RAVI, Visits, t

pytestmark = pytest.mark.browser

#: more than a session lives
LONG = timedelta(days=31)


def sign_in(page: Page, mobile_number: str = RAVI) -> None:
    """Fill in the form that is shown."""
    page.get_by_label(t("phone")).fill(mobile_number)
    page.get_by_label(t("pin"), exact=True).fill(PIN)
    page.get_by_role("button", name=t("sign_in"), exact=True).click()


def send(page: Page) -> None:
    """Send what is written to the group."""
    page.get_by_role("button", name=t("write.send"), exact=True).click()


def end_session(page: Page, store: Store, how: str) -> None:
    """Let the session end on the server; or, as after those days, the browser forget its cookie too."""
    store.server.advance(LONG)
    if how == "forgotten":
        page.context.clear_cookies(name="kaizala_session")


@pytest.mark.parametrize("how", ["ended", "forgotten"])
def test_with_script_it_is_sent_after_signing_in_in_another_tab(
    visits: Visits, store: Store, how: str
) -> None:
    visits.trouble_is_wanted = True
    survey = store.survey(dueDate=90 * 24)
    page = visits.as_person(RAVI, GROUP_PAGE)
    page.locator("#write textarea").fill("A long report")
    page.get_by_label("Anything missing?").fill("Paper bags")
    end_session(page, store, how)
    send(page)
    problem = page.locator("#write").get_by_role("alert")
    expect(problem).to_contain_text(t("error.signed_out"))
    expect(page.locator("#write textarea")).to_have_value("A long report")
    with page.context.expect_page() as opened:
        problem.get_by_role("link").click()
    sign_in(opened.value)
    expect(opened.value.get_by_role("heading", name=t("home"))).to_be_visible()
    opened.value.close()
    send(page)
    expect(page.locator("article", has_text="A long report")).to_have_count(1)
    expect(page.locator("#write").get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name=t("survey.send")).click()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    assert [one["text"] for one in store.items() if one["kind"] == "text"] == ["A long report"]
    assert store.item(survey["referenceId"])["responseCount"] == 1
    store.says(MEERA, "It listens again")
    expect(page.get_by_text("It listens again")).to_be_visible()


def test_with_script_it_is_there_after_signing_in_in_the_same_tab(visits: Visits, store: Store) -> None:
    page = visits.as_person(RAVI, GROUP_PAGE)
    page.locator("#write textarea").fill("A long report")
    store.server.advance(LONG)
    page.reload()
    sign_in(page)
    expect(page).to_have_url(visits.url + GROUP_PAGE)
    expect(page.locator("#write textarea")).to_have_value("A long report")
    send(page)
    expect(page.locator("article", has_text="A long report")).to_have_count(1)
    expect(page.locator("#write textarea")).to_have_value("")


@pytest.mark.parametrize("how", ["ended", "forgotten"])
def test_without_script_it_goes_along_with_signing_in(visits: Visits, store: Store, how: str) -> None:
    visits.trouble_is_wanted = True
    survey = store.survey(dueDate=90 * 24)
    page = visits.as_person(RAVI, GROUP_PAGE, java_script_enabled=False)
    page.locator("#write textarea").fill("A long report")
    end_session(page, store, how)
    send(page)
    expect(page.get_by_text(t("sign_in.kept"))).to_be_visible()
    page.get_by_label(t("phone")).fill(RAVI)
    page.get_by_label(t("pin"), exact=True).fill("9999")
    page.get_by_role("button", name=t("sign_in"), exact=True).click()
    expect(page.get_by_text(t("error.wrong_pin"))).to_be_visible()
    sign_in(page)
    expect(page.locator("#write textarea")).to_have_value("A long report")
    send(page)
    expect(page.locator("article", has_text="A long report")).to_have_count(1)
    expect(page.locator("#write textarea")).to_have_value("")

    page.goto(f"{GROUP_PAGE}/posts/{survey['referenceId']}")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("Anything missing?").fill("Paper bags")
    end_session(page, store, how)
    page.get_by_role("button", name=t("survey.send")).click()
    sign_in(page)
    expect(page.get_by_label("Yes", exact=True)).to_be_checked()
    expect(page.get_by_label("Anything missing?")).to_have_value("Paper bags")
    page.get_by_role("button", name=t("survey.send")).click()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    assert store.item(survey["referenceId"])["responseCount"] == 1


def test_whoever_signs_in_next_in_the_tab_sees_nothing_of_it(visits: Visits, store: Store) -> None:
    page = visits.as_person(RAVI, GROUP_PAGE)
    page.locator("#write textarea").fill("Between Ravi and his shift lead")
    page.get_by_role("button", name=t("sign_out")).click()
    expect(page).to_have_url(f"{visits.url}/sign-in")
    page.go_back()
    expect(page.get_by_label(t("phone"))).to_be_visible()
    sign_in(page, MEERA)
    expect(page).to_have_url(visits.url + GROUP_PAGE)
    expect(page.locator("#write textarea")).to_have_value("")

    page.locator("#write textarea").fill("Meera's own")
    store.server.advance(LONG)
    page.goto(GROUP_PAGE)
    sign_in(page, ASHA)
    expect(page.get_by_text(t("signed_in_as", name="Asha"))).to_be_visible()
    expect(page.locator("#write textarea")).to_have_value("")


def test_what_one_person_wrote_is_not_sent_as_another(visits: Visits, store: Store) -> None:
    """Who shares a browser may have signed in as somebody else in another tab."""
    visits.trouble_is_wanted = True
    page = visits.as_person(RAVI, GROUP_PAGE)
    page.locator("#write textarea").fill("From Ravi")
    other = page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name=t("sign_out")).click()
    sign_in(other, MEERA)
    expect(other.get_by_text(t("signed_in_as", name="Meera"))).to_be_visible()
    send(page)
    expect(page.get_by_role("alert")).to_have_text(t("error.forged"))
    expect(page.locator("#write textarea")).to_have_value("From Ravi")
    assert store.items() == []


def test_a_page_nobody_types_in_asks_to_sign_in_when_the_session_ends(visits: Visits, store: Store) -> None:
    page = visits.listening(RAVI, GROUP_PAGE)
    store.server.advance(LONG)
    store.text("Nobody here may read this")
    expect(page.get_by_label(t("phone"))).to_be_visible()
    sign_in(page)
    expect(page.get_by_text("Nobody here may read this")).to_be_visible()
