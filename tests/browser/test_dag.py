"""Two people answer on their phones while a real DAG waits, and it goes on with what they said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from demo.stack import GROUP, Stack, wait_for
from demo.store import GROUP_PAGE, photo
from tests.browser.reading import MEERA, RAVI, Visits, t, visiting

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(600)]

DAG_ID = "shop_day"
#: until a task has started and posted
SOON = 90_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), Path(__file__).parent / "dags", limited=False) as stack:
        yield stack


@pytest.fixture
def at_stack(browser: Browser, stack: Stack) -> Iterator[Visits]:
    with visiting(browser, stack.kaizala) as visits:
        yield visits


def _post(page: Page, title: str) -> Locator:
    """Wait until a post comes, without reloading."""
    post = page.locator("[data-feed] article", has_text=title).last  # above it is what replies to it
    expect(post).to_be_visible(timeout=SOON)
    return post


def _answer(page: Page, till: str, crew: str, missing: str) -> None:
    post = _post(page, "Is the store ready?")
    post.get_by_label(till, exact=True).check()
    post.get_by_label("How many of us are here?").fill(crew)
    post.get_by_label("Anything missing?").fill(missing)
    post.get_by_role("button", name=t("survey.send")).click()
    expect(post.get_by_text(t("survey.sent"))).to_be_visible()


def test_a_dag_waits_for_two_people_at_their_phones(at_stack: Visits, stack: Stack) -> None:
    ravi, meera = at_stack.as_person(RAVI, GROUP_PAGE), at_stack.as_person(MEERA, GROUP_PAGE)
    run = stack.trigger(DAG_ID)

    _answer(ravi, "Yes", "3", "Paper bags")
    expect(_post(meera, "Is the store ready?")).to_contain_text(t("post.answers", n=1))
    _sees_the_wait(at_stack.open(f"{stack.airflow}/kaizala-ui/overview", is_mobile=False))
    assert stack.task_states(DAG_ID, run)["poll"] == "none", "the survey waits for Meera"
    _answer(meera, "No", "2", "")
    expect(_post(ravi, "Is the store ready?")).to_contain_text(t("post.answers", n=2))

    vote = _post(ravi, "Which day for the stock count?")
    vote.get_by_role("radio", name="Friday").click()
    expect(
        _post(meera, "Which day for the stock count?").locator(".choice", has_text="Friday")
    ).to_contain_text(t("poll.votes", n=1))
    meera.get_by_role("radio", name="Friday").click()

    job = _post(meera, "Unlock the front door")
    job.get_by_role("button", name=t("job.mark")).click()
    like = _post(ravi, "Unlock the front door").get_by_role("button", name=t("post.like"))
    like.click()
    _reply_with_photo(ravi, "Unlock the front door")
    expect(meera.locator("[data-feed] article", has_text="Like this")).to_be_visible()
    _post(ravi, "Unlock the front door").get_by_role("button", name=t("job.mark")).click()

    expect(_post(ravi, "Friday it is, say Meera and Ravi")).to_be_visible()
    wait_for("the run", lambda: stack.run_state(DAG_ID, run) == "success", 60, stack.processes.check)
    survey = stack.xcom(DAG_ID, run, "survey")
    assert survey["group_id"] == GROUP
    assert sorted(survey["answered_by"]) == ["Meera", "Ravi"]
    assert survey["tally"] == {"Is the till counted?": {"Yes": 1, "No": 1}}
    assert [one["answers"]["How many of us are here?"] for one in survey["answers"]] == [3, 2]
    assert sorted(stack.xcom(DAG_ID, run, "job")["answered_by"]) == ["Meera", "Ravi"]


def _sees_the_wait(airflow: Page) -> None:
    """Who operates Airflow sees that a task waits in its worker, and who has answered."""
    wait = airflow.locator("article", has_text="Is the store ready?")
    expect(wait).to_contain_text("1 of 2 answered", timeout=SOON)
    expect(wait.locator(".answered li")).to_have_text(["Ravi"])
    expect(wait.get_by_role("link", name="shop_day › survey")).to_be_visible()


def _reply_with_photo(page: Page, title: str) -> None:
    post = _post(page, title)
    post.get_by_role("link", name=t("post.reply")).click()
    page.locator("#write textarea").fill("Like this")
    page.locator("#write [type=file]").set_input_files(
        {"name": "door.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    )
    page.get_by_role("button", name=t("write.send"), exact=True).click()
    expect(page.locator("[data-feed] article", has_text="Like this")).to_be_visible()
