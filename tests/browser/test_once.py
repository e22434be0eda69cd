"""Nothing is done twice: two taps on a button, the back button, a reload, a form whose reply was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from demo.stack import GROUP
from demo.store import GROUP_PAGE, Store
from tests.browser.reading import ASHA, PIN, RAVI, Visits, t

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser


def click_twice(page: Page, button: Locator, pause: int) -> None:
    """Click on a button, and after *pause* ms where it was, whatever is there now."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*at)
    page.wait_for_timeout(pause)
    page.mouse.click(*at)
    page.wait_for_timeout(300)


# The second click comes at once, or when the first one has been answered and something else may be in its place.
@pytest.mark.parametrize("pause", [0, 200])
def test_two_clicks_are_one(visits: Visits, store: Store, pause: int) -> None:
    poll, job, text = store.poll(), store.job(), store.text("Good morning")
    survey, open_survey = store.survey(), store.survey("What did you sell?", acceptMultipleResponses=True)
    page = visits.as_person(RAVI, GROUP_PAGE)

    def post(posted: dict[str, str]) -> Locator:
        return page.locator(f"#post-{posted['referenceId']}")

    click_twice(page, page.get_by_role("radio", name="Saturday"), pause)
    click_twice(page, page.get_by_role("button", name=t("job.mark")), pause)
    click_twice(page, page.locator(f"#post-{text} form[action$='/like'] button"), pause)
    for each in (survey, open_survey):
        post(each).get_by_label("How many of us are here?").fill("3")
        click_twice(page, post(each).get_by_role("button", name=t("survey.send")), pause)
        expect(post(each).get_by_text(t("survey.sent"))).to_be_visible()
    page.locator("#write textarea").fill("On my way")
    click_twice(page, page.get_by_role("button", name=t("write.send"), exact=True), pause)
    expect(page.locator("article", has_text="On my way")).to_have_count(1)
    expect(page.get_by_role("radio", name="Saturday")).to_be_checked()
    expect(page.get_by_role("button", name=t("job.take_back"))).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)

    counts = {one["title"]: one["count"] for one in store.item(poll["referenceId"])["choices"]}
    assert counts == {"Friday": 0, "Saturday": 1, "Sunday night": 0}
    done = {one["name"]: one["isCompleted"] for one in store.item(job["referenceId"])["assignees"]}
    assert done == {"Ravi": True, "Meera": False}, "the second click took nothing back"
    assert store.item(text)["likes"] == 1
    assert [store.item(each["referenceId"])["responseCount"] for each in (survey, open_survey)] == [1, 1]
    assert [item["text"] for item in store.items()].count("On my way") == 1

    page.goto(f"{GROUP_PAGE}/posts/{text}")
    page.locator("form[action$='/comment'] textarea").fill("Morning")
    click_twice(page, page.get_by_role("button", name=t("post.comment.send")), pause)
    expect(page.locator(".comments li", has_text="Morning")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert store.item(text)["comments"] == 1


@pytest.mark.parametrize("pause", [0, 200])
def test_two_clicks_sign_in(visits: Visits, pause: int) -> None:
    page = visits.open("/")
    page.get_by_label(t("phone")).fill(RAVI)
    page.get_by_label(t("pin"), exact=True).fill(PIN)
    click_twice(page, page.get_by_role("button", name=t("sign_in"), exact=True), pause)
    expect(page.get_by_role("heading", name=t("home"))).to_be_visible()


def test_two_clicks_add_people_once(visits: Visits, store: Store) -> None:
    page = visits.as_person(ASHA, f"{GROUP_PAGE}/people")
    page.get_by_label(t("people.phones")).fill("+33123456789")
    click_twice(page, page.get_by_role("button", name=t("people.send")), 0)
    expect(page.get_by_text("+33123456789")).to_be_visible()
    assert [item["kind"] for item in store.items()] == ["memberAdded"]


def lose_reply(page: Page, path: str) -> None:
    """Let the next form sent to a path arrive, and the reply to it be lost."""

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route(path, lose, times=1)


def _text(page: Page) -> Locator:
    page.locator("#write textarea").fill("On my way")
    return page.get_by_role("button", name=t("write.send"), exact=True)


def _answers(page: Page) -> Locator:
    page.get_by_label("How many of us are here?").fill("3")
    page.get_by_label("Anything missing?").fill("Paper bags")
    return page.get_by_role("button", name=t("survey.send"))


@pytest.mark.parametrize(("fill", "path"), [(_text, "**/messages"), (_answers, "**/answer")])
def test_what_was_stored_but_not_answered_is_sent_again_and_stands_there_once(
    visits: Visits, store: Store, fill: Callable[[Page], Locator], path: str
) -> None:
    visits.trouble_is_wanted = True
    survey = store.survey()
    page = visits.listening(RAVI, GROUP_PAGE)
    button = fill(page)
    lose_reply(page, path)
    page.route("**/posts/*", lambda route: route.abort())  # nor does it hear of it in another way
    page.route("**/groups/*?after=*", lambda route: route.abort())
    button.click()
    expect(page.get_by_role("alert")).to_have_text(t("error.offline"))
    page.unroute_all()
    before = store.items()
    button.click()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert [item["referenceId"] for item in store.items()] == [item["referenceId"] for item in before]
    if fill is _text:
        expect(page.locator("article", has_text="On my way")).to_have_count(1)
        expect(page.locator("#write textarea")).to_have_value("")
    else:
        expect(page.get_by_text(t("survey.sent"))).to_be_visible()
        assert store.item(survey["referenceId"])["responseCount"] == 1


def test_what_was_changed_after_a_lost_reply_is_not_taken_for_the_same(visits: Visits, store: Store) -> None:
    visits.trouble_is_wanted = True
    page = visits.as_person(RAVI, GROUP_PAGE)
    button = _text(page)
    lose_reply(page, "**/messages")
    button.click()
    expect(page.get_by_role("alert")).to_have_text(t("error.offline"))
    page.locator("#write textarea").fill("On my way, ten minutes")
    button.click()
    expect(page.locator("article", has_text="ten minutes")).to_have_count(1)
    assert [item["text"] for item in store.items()] == ["On my way", "On my way, ten minutes"]


def test_back_and_reload_send_nothing_again(visits: Visits, store: Store) -> None:
    poll, survey, text = store.poll(), store.survey(), store.text("Good morning")
    page = visits.as_person(RAVI, "/")
    page.goto(GROUP_PAGE)
    page.get_by_role("radio", name="Saturday").click()
    expect(page.get_by_role("radio", name="Saturday")).to_be_checked()
    _answers(page).click()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    page.reload()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    page.go_back()
    page.go_forward()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    expect(page.get_by_role("radio", name="Saturday")).to_be_checked()
    page.goto(f"{GROUP_PAGE}/posts/{text}")
    page.locator("form[action$='/comment'] textarea").fill("Morning")
    page.get_by_role("button", name=t("post.comment.send")).click()
    expect(page.locator(".comments li", has_text="Morning")).to_have_count(1)
    page.go_back()
    page.go_forward()
    page.reload()
    expect(page.locator(".comments li", has_text="Morning")).to_have_count(1)
    expect(page.locator("form[action$='/comment'] textarea")).to_have_value("")
    assert sum(one["count"] for one in store.item(poll["referenceId"])["choices"]) == 1
    assert store.item(survey["referenceId"])["responseCount"] == 1
    assert store.item(text)["comments"] == 1
    posts = [
        one
        for one in store.server.journal()
        if one["method"] == "POST"
        and GROUP_PAGE in one["path"]
        and "_test" not in one["path"]
        and "/v1/" not in one["path"]
    ]
    assert [one["path"].rsplit("/", 1)[1] for one in posts] == ["vote", "answer", "comment"]
    assert GROUP in posts[0]["path"]


def test_what_is_typed_outlives_back_and_reload(visits: Visits, store: Store) -> None:
    text = store.text("Good morning")
    store.survey()
    page = visits.as_person(RAVI, GROUP_PAGE)
    page.locator(f"#post-{text} [data-reply]").click()
    _text(page)
    _answers(page)
    page.get_by_label("Yes", exact=True).check()
    page.goto("/")
    page.go_back()
    for _ in range(2):
        expect(page.locator("#write textarea")).to_have_value("On my way")
        expect(page.locator("#write [name=reply_to]")).to_have_value(text)
        expect(page.get_by_text(t("write.reply", name="Asha"))).to_be_visible()
        expect(page.get_by_label("Anything missing?")).to_have_value("Paper bags")
        expect(page.get_by_label("Yes", exact=True)).to_be_checked()
        page.reload()
    page.get_by_role("button", name=t("survey.send")).click()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    page.reload()
    expect(page.get_by_text(t("survey.sent"))).to_be_visible()
    page.get_by_text(t("survey.change")).click()
    expect(page.get_by_label("Anything missing?")).to_have_value("Paper bags")
    expect(page.locator("form[data-touched]")).to_have_count(1), "only the text is still a draft"
