"""What one person does is on the other's page at once, without a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from demo.store import GROUP_PAGE, Store, photo
from tests.browser.reading import ASHA, PATIENCE, RAVI, Visits, t

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser


class Latencies:
    """Measures with the browsers' clock how long after a tap on one page another one shows it."""

    def __init__(self, acting: Page, looking: Page) -> None:
        self._acting, self._looking = acting, looking
        self.seconds: list[float] = []
        acting.evaluate("() => addEventListener('click', () => { window.tappedAt = Date.now(); }, true)")

    def of(self, act: Callable[[], None], condition: str) -> None:
        """Do something whose last tap brings about a condition, in JavaScript, on the other page."""
        assert not self._looking.evaluate(condition), f"{condition} already"
        self._looking.evaluate(
            f"""() => {{ window.seen = new Promise((tell, fail) => {{
                const look = () => {{ if ({condition}) tell(Date.now()); }};
                new MutationObserver(look).observe(document, {{ subtree: true, childList: true, attributes: true }});
                setTimeout(() => fail(new Error("never shown")), {PATIENCE});
            }}); window.seen.catch(() => {{}}); }}"""
        )
        act()
        seen = self._looking.evaluate("window.seen")
        self.seconds.append((seen - self._acting.evaluate("window.tappedAt")) / 1000)


def test_each_act_is_on_the_others_page_at_once(
    visits: Visits, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is found by looking now and then: the act itself brings it.
    monkeypatch.setattr("airflow_provider_kaizala.server.people.live.LOOK_EVERY", 3600)
    poll, survey, job = store.poll(), store.survey(), store.job()
    text = store.text("Good morning")
    ravi, asha = visits.listening(RAVI, GROUP_PAGE), visits.listening(ASHA, GROUP_PAGE)
    asha.evaluate("window.isFirstDocument = true")
    measure = Latencies(ravi, asha)

    def post(reference: str) -> str:
        return f"document.getElementById('post-{reference}').innerText"

    def vote() -> None:
        ravi.locator(f"#post-{poll['referenceId']}").get_by_role("radio", name="Saturday").tap()

    def answer() -> None:
        form = ravi.locator(f"#post-{survey['referenceId']} form").first
        form.get_by_label("Yes", exact=True).check()
        form.get_by_label("How many of us are here?").fill("3")
        form.get_by_role("button", name=t("survey.send")).tap()

    def complete() -> None:
        ravi.locator(f"#post-{job['referenceId']}").get_by_role("button", name=t("job.mark")).tap()

    def like() -> None:
        ravi.locator(f"#post-{text} form[action$='/like'] button").tap()

    def say() -> None:
        ravi.locator("#write textarea").fill("On my way")
        ravi.get_by_role("button", name=t("write.send"), exact=True).tap()

    def reply_with_a_photo() -> None:
        ravi.locator(f"#post-{text} [data-reply]").tap()
        ravi.locator("#write [type=file]").set_input_files(
            {"name": "ramp.jpg", "mimeType": "image/jpeg", "buffer": photo()}
        )
        ravi.locator("#write textarea").fill("The ramp is free")
        ravi.get_by_role("button", name=t("write.send"), exact=True).tap()

    measure.of(vote, f"{post(poll['referenceId'])}.includes({t('poll.votes', n=1)!r})")
    measure.of(answer, f"{post(survey['referenceId'])}.includes({t('post.answers', n=1)!r})")
    measure.of(complete, f"{post(job['referenceId'])}.includes({t('job.progress', done=1, all=2)!r})")
    measure.of(like, f"{post(text)}.includes({t('post.likes', n=1)!r})")
    measure.of(say, "document.querySelector('[data-feed]').innerText.includes('On my way')")
    measure.of(reply_with_a_photo, "document.querySelector('[data-feed] article blockquote + *') !== null")
    reply = asha.locator("article", has_text="The ramp is free")
    expect(reply.get_by_role("img").last).to_be_visible()
    expect(reply.locator("blockquote")).to_contain_text("Good morning")

    ravi.goto(f"{GROUP_PAGE}/posts/{text}")
    comments = Latencies(ravi, asha)  # what listened to taps went with the other page

    def comment() -> None:
        ravi.locator("form[action$='/comment'] textarea").fill("Good morning to you")
        ravi.get_by_role("button", name=t("post.comment.send")).tap()

    comments.of(comment, f"{post(text)}.includes({t('post.comments', n=1)!r})")
    seconds = measure.seconds + comments.seconds
    print("seconds until the other page shows it:", seconds)
    assert len(seconds) == 7
    assert asha.evaluate("window.isFirstDocument"), "shown without loading the page again"
