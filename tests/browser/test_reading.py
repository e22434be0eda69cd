"""Who reads and types is not disturbed: no form is replaced, no text jumps, and one comes back to where one was."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from demo.store import EVERY_QUESTION, GROUP_PAGE, Store
from tests.browser.reading import ASHA, MEERA, RAVI, Visits, t
from tests.browser.test_accessible import WIDE

pytestmark = pytest.mark.browser


def noise(size: tuple[int, int]) -> bytes:
    """Return a photo as large as a phone's: soft shapes, and the grain of a sensor."""
    content = io.BytesIO()
    few = (max(1, size[0] // 40), max(1, size[1] // 40))
    shapes = Image.frombytes("RGB", few, random.Random(1).randbytes(few[0] * few[1] * 3)).resize(size)
    grain = Image.effect_noise(size, 12).convert("RGB")
    Image.blend(shapes, grain, 0.3).save(content, "JPEG", quality=95)
    return content.getvalue()


def top_of(page: Page, reference: str) -> float:
    return float(
        page.evaluate("one => document.getElementById(`post-${one}`).getBoundingClientRect().top", reference)
    )


@pytest.mark.parametrize("event", ["an answer", "a comment", "a like", "a deletion"])
def test_a_half_filled_long_form_is_never_replaced(visits: Visits, store: Store, event: str) -> None:
    visits.trouble_is_wanted = event == "a deletion"
    survey = store.survey("Incident report", questions=EVERY_QUESTION)
    page = visits.listening(RAVI, f"{GROUP_PAGE}/posts/{survey['referenceId']}")
    page.get_by_label("Leak", exact=True).check()
    page.get_by_label("Tell us").fill("Half a sentence")
    page.locator("[type=file]").first.set_input_files(
        {"name": "leak.jpg", "mimeType": "image/jpeg", "buffer": noise((64, 48))}
    )
    page.get_by_label("Whom to call?").fill("+9198")
    match event:
        case "an answer":
            answers = [["Power"], None, None, None, None, None, "Done"]
            store.as_person(MEERA, f"/actions/{survey['actionId']}/responses", answers=answers)
            expect(page.get_by_text(t("post.answers", n=1)).first).to_be_visible()
        case "a comment":
            store.as_person(MEERA, f"/references/{survey['referenceId']}/comments", text="Look at it")
            expect(page.get_by_text("Look at it")).to_be_visible()
        case "a like":
            store.as_person(MEERA, f"/references/{survey['referenceId']}/likes")
            expect(page.locator(".like")).to_contain_text(t("post.likes", n=1))
        case "a deletion":
            store.server.delete_action(survey["actionId"])
            expect(page.get_by_text(t("group.ended"))).to_be_visible()
    expect(page.get_by_label("Leak", exact=True)).to_be_checked()
    expect(page.get_by_label("Tell us")).to_have_value("Half a sentence")
    expect(page.get_by_text("leak.jpg")).to_be_visible()
    assert page.locator("[type=file]").first.evaluate("one => one.files.length") == 1
    assert page.evaluate("document.activeElement.value") == "+9198", "whoever types goes on typing"
    if event != "a deletion":
        page.get_by_role("button", name=t("survey.send")).click()
        expect(page.get_by_text(t("survey.sent"))).to_be_visible()
        [mine] = [store.item(survey["referenceId"], RAVI)["myAnswer"]["answers"]]
        assert (mine[0], mine[4][0]["mediaFileName"], mine[6]) == (["Leak"], "leak.jpg", "Half a sentence")


def test_a_feed_of_photos_is_small_and_does_not_jump(visits: Visits, store: Store) -> None:
    photos = [noise((3000, height)) for height in (4000, 2000, 2000)]
    for at, photo in enumerate(photos):
        one = store.upload((f"{at}.jpg", photo, "image/jpeg"))
        store.post("Image", mediaResource=one, caption=f"Shelf {at}")
    page = visits.as_person(RAVI)
    page.add_init_script(
        """window.shift = 0; new PerformanceObserver((list) => {
            for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.goto(GROUP_PAGE)
    page.mouse.wheel(0, 4000)
    for at in range(3):
        image = page.get_by_role("img", name=f"Shelf {at}")
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("one => one.naturalWidth") > 0
    assert page.evaluate("window.shift") < 0.02
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/media/')).map((one) => one.encodedBodySize)"
    )
    assert loaded
    assert sum(loaded) < sum(map(len, photos)) / 10


def test_comments_stand_right_below_a_post_with_a_tall_side_column(visits: Visits, store: Store) -> None:
    for at in range(40):
        store.add(f"+4915112345{at:03}")
    survey = store.survey()
    page = visits.as_person(ASHA, f"{GROUP_PAGE}/posts/{survey['referenceId']}", **WIDE)
    boxes = [page.locator(one).bounding_box() for one in ("article", "#comments", ".beside")]
    post, comments, beside = (box or {} for box in boxes)
    assert beside["height"] > post["height"] + comments["height"]
    assert 0 <= comments["y"] - (post["y"] + post["height"]) < 40


@pytest.mark.parametrize("how", ["back", "arrow", "reload"])
def test_the_reader_comes_back_to_where_they_were(visits: Visits, store: Store, how: str) -> None:
    references = [store.text(f"Message {at}\n" + "line\n" * 5) for at in range(60)]
    page = visits.as_person(RAVI, GROUP_PAGE)
    wanted = references[15]
    for _ in range(30):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)
        if page.locator(f"#post-{wanted}").count():
            break
    page.locator(f"#post-{wanted}").scroll_into_view_if_needed()
    before = top_of(page, wanted)
    if how == "reload":
        page.reload()
    else:
        page.locator(f"#post-{wanted} .when").click()
        expect(page.locator("#comments")).to_be_visible()
        if how == "back":
            page.go_back()
        else:
            page.locator(".back").click()
    expect(page.locator(f"#post-{wanted}")).to_be_visible()
    page.wait_for_function(
        "([one, top]) => Math.abs(document.getElementById(`post-${one}`).getBoundingClientRect().top - top) < 60",
        arg=[wanted, before],
    )


def test_a_reply_is_written_where_one_reads(visits: Visits, store: Store) -> None:
    references = [store.text(f"Message {at}\n" + "line\n" * 5) for at in range(15)]
    page = visits.as_person(RAVI, GROUP_PAGE)
    wanted = references[5]
    page.locator(f"#post-{wanted}").scroll_into_view_if_needed()
    reply = page.locator(f"#post-{wanted} [data-reply]")
    reply.scroll_into_view_if_needed()
    before = top_of(page, wanted)
    reply.click()
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_be_in_viewport()
    assert abs(top_of(page, wanted) - before) < 200, "the post is still in sight"
    page.keyboard.type("I am on it")
    seen = top_of(page, wanted)
    page.get_by_role("button", name=t("write.send"), exact=True).click()
    expect(page.get_by_role("link", name=t("write.sent"))).to_be_in_viewport()
    assert abs(top_of(page, wanted) - seen) < 5
    page.get_by_role("link", name=t("write.sent")).click()
    expect(page.locator("article", has_text="I am on it")).to_be_in_viewport()
    assert (
        page.evaluate(
            "document.querySelector('#write').compareDocumentPosition(document.querySelector('[data-feed]'))"
        )
        == 4
    )


def test_a_poll_is_a_group_of_radios(visits: Visits, store: Store) -> None:
    poll = store.poll()
    page = visits.listening(RAVI, GROUP_PAGE)
    expect(
        page.get_by_role("group", name="Which day for the stock count?").get_by_role("radio")
    ).to_have_count(3)
    friday, saturday = (page.get_by_role("radio", name=name) for name in ("Friday", "Saturday"))
    vote = page.get_by_role("button", name=t("poll.send"))
    expect(vote).to_be_hidden()
    friday.focus()
    page.keyboard.press("ArrowDown")
    expect(saturday).to_be_checked()
    assert store.item(poll["referenceId"])["responseCount"] == 0, "moving over choices sends nothing"
    store.as_person(MEERA, f"/actions/{poll['actionId']}/votes", choice="Friday")
    expect(page.locator(".choice", has_text="Friday")).to_contain_text(t("poll.votes", n=1))
    expect(saturday).to_be_checked()
    vote.click()
    expect(page.locator(".choice", has_text="Saturday")).to_contain_text(t("poll.votes", n=1))
    expect(vote).to_be_hidden()
    friday.click()
    expect(page.locator(".choice", has_text="Friday")).to_contain_text(t("poll.votes", n=2))


def test_without_script_a_poll_has_a_button(visits: Visits, store: Store) -> None:
    poll = store.poll()
    page = visits.as_person(RAVI, GROUP_PAGE, java_script_enabled=False)
    page.get_by_role("radio", name="Saturday").check()
    page.get_by_role("button", name=t("poll.send")).click()
    expect(page.get_by_role("radio", name="Saturday")).to_be_checked()
    assert store.item(poll["referenceId"])["responseCount"] == 1


def test_what_people_wrote_has_its_own_direction(visits: Visits, store: Store) -> None:
    reference = store.text("صباح الخير")
    store.survey("کیا اسٹور تیار ہے؟")
    page = visits.as_person(RAVI, GROUP_PAGE)
    direction = "one => getComputedStyle(one).direction"
    assert page.locator(f"#post-{reference} .text").evaluate(direction) == "rtl"
    assert page.get_by_role("heading", name="کیا اسٹور تیار ہے؟").last.evaluate(direction) == "rtl"


def test_a_short_interruption_is_not_told_and_the_end_of_a_session_is_no_lost_connection(
    visits: Visits, store: Store
) -> None:
    visits.trouble_is_wanted = True
    page = visits.listening(RAVI, GROUP_PAGE)
    told: list[Any] = []
    page.expose_function("lostShown", lambda: told.append(1))
    page.evaluate(
        """new MutationObserver(() => { if (!document.querySelector('[data-lost]').hidden) lostShown(); })
            .observe(document.querySelector('[data-lost]'), { attributes: true })"""
    )
    page.route("**/live", lambda route: route.abort(), times=1)
    page.evaluate("dispatchEvent(new Event('online'))")
    store.text("It listens again")
    expect(page.get_by_text("It listens again")).to_be_visible()
    page.locator("#text").fill("Half a sentence")
    page.context.clear_cookies(name="kaizala_session")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_text(t("group.ended"))).to_be_visible()
    expect(page.get_by_text(t("group.lost"))).to_be_hidden()
    assert told == []
    expect(page.locator("#text")).to_have_value("Half a sentence")
