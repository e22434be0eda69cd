"""People who answer by script, against the server of the plugin."""

from __future__ import annotations

import base64
import time
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_kaizala.testing.answers import Place
from airflow_provider_kaizala.testing.people import People, Script
from airflow_provider_kaizala.testing.server import KaizalaServer, in_a_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUP = "11111111-1111-4111-8111-111111111111@1"
ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/q842iQAAAABJRU5ErkJggg=="


class Task:
    """What a task does: posts, and looks."""

    def __init__(self, server: KaizalaServer) -> None:
        conn = server.connection()
        headers = {"applicationId": conn["login"], "applicationSecret": conn["password"]}
        refresh = conn["extra"]["group_refresh_tokens"][GROUP]
        reply = requests.get(
            f"{server.url}/v1/accessToken", headers={**headers, "refreshToken": refresh}, timeout=10
        )
        self.http = requests.Session()
        self.http.headers["accessToken"] = reply.json()["accessToken"]
        self.base = f"{server.url}/v1/groups/{GROUP}"

    def post(self, kind: str, **body: Any) -> dict[str, str]:
        reply = self.http.post(
            f"{self.base}/actions", json={"actionType": kind, "actionBody": body}, timeout=10
        )
        reply.raise_for_status()
        return reply.json()

    def poll(self, question: str = "Tea?") -> str:
        return self.post("Poll", question=question, choices=["Yes", "No"])["actionId"]

    def look(self, action_id: str) -> dict[str, Any]:
        """Return who said what."""
        reply = self.http.get(f"{self.base}/actions/{action_id}", params={"getDetails": "true"}, timeout=10)
        found = reply.json()["actionDetails"]["responses"]
        if found and "responder" not in found[0]:
            return {one["assignee"]: one["response"] for one in found}
        return {
            one["responder"]: [
                answer["answer"] for answer in one["responseDetails"]["responseWithQuestions"][:-3]
            ]
            if "responseDetails" in one
            else [answer["answer"] for answer in one["responseWithQuestions"][:-3]]
            for one in found
        }

    def list(self, kind: str) -> Any:
        return self.http.get(f"{self.base}/actions", params={"actionType": kind}, timeout=10).json()


@pytest.fixture
def task(kaizala_server: KaizalaServer) -> Task:
    return Task(kaizala_server)


@pytest.fixture
def failing_people(kaizala_server: KaizalaServer) -> Iterator[People]:
    """People whose failures do not fail the test."""
    people = People(kaizala_server)
    yield people
    people.close(allow_unused=True)


def test_a_vote_comes_at_once(kaizala_people: People, task: Task) -> None:
    action = task.poll()
    kaizala_people.ravi.votes("Yes")
    kaizala_people.done()
    assert task.look(action) == {RAVI: [["Yes"]]}


def wait_for(script: Script) -> None:
    """Wait until a script is done; those that were written before it have then seen the same polls."""
    until = time.monotonic() + 20
    while not script.is_done:
        assert time.monotonic() < until, str(script)
        time.sleep(0.01)


@pytest.mark.parametrize("first", ["script", "poll"])
def test_a_vote_comes_after_so_many_polls(kaizala_people: People, task: Task, first: str) -> None:
    if first == "poll":
        action = task.poll()
    script = kaizala_people.ravi.votes("Yes", after_polls=3)
    earlier = kaizala_people.meera.likes(title="Tea?", after_polls=2)
    if first == "script":
        action = task.poll()
    other = task.poll("Coffee?")
    for _ in range(2):
        assert task.look(action) == {}
        task.look(other)
    wait_for(earlier)
    assert not script.is_done
    assert task.look(action) == {}
    kaizala_people.done()
    assert task.look(action) == {RAVI: [["Yes"]]}


def test_a_change_of_mind_counts_the_polls_since_the_vote(kaizala_people: People, task: Task) -> None:
    kaizala_people.ravi.votes("No", after_polls=1).then("Yes", after_polls=2)
    first = kaizala_people.meera.likes(after_polls=1)
    second = kaizala_people.meera.comments("seen", after_polls=2)
    third = kaizala_people.asha.likes(after_polls=3)
    action = task.poll()
    assert task.look(action) == {}
    wait_for(first)
    assert task.look(action) == {RAVI: [["No"]]}
    wait_for(second)
    assert task.look(action) == {RAVI: [["No"]]}, "one poll since the vote"
    wait_for(third)
    assert task.look(action) == {RAVI: [["Yes"]]}, "two polls since the vote"


def test_reading_the_list_is_a_poll_too(
    kaizala_people: People, kaizala_server: KaizalaServer, task: Task
) -> None:
    task.list("Poll")  # before there was anything to see
    kaizala_server.advance(1)
    action = task.poll()
    script = kaizala_people.ravi.votes("No", after_polls=2)
    earlier = kaizala_people.meera.likes(after_polls=1)
    task.list("Survey")
    task.list("Poll")
    wait_for(earlier)
    assert not script.is_done
    task.look(action)
    kaizala_people.done()


def test_answers_by_question(kaizala_people: People, task: Task) -> None:
    ravi = kaizala_people.ravi.answers({"How many?": 3, "Is it open?": "Yes"}, title="Opening")
    meera = kaizala_people.meera.answers(["No"]).then(["Yes", "sorry", 4])
    kaizala_people.asha.answers({"Is it open?": "No"}, title="Closing", optional=True)
    action = task.post(
        "Survey",
        title="Opening",
        questions=[
            {"title": "Is it open?", "type": "SingleOption", "options": [{"title": "Yes"}, {"title": "No"}]},
            {"title": "Else?", "type": "Text"},
            {"title": "How many?", "type": "Numeric"},
        ],
    )["actionId"]
    wait_for(ravi)
    wait_for(meera)
    with pytest.raises(AssertionError, match=r"Asha answers .* on 'Closing': nothing like it was posted"):
        kaizala_people.done(0)
    assert task.look(action) == {RAVI: [["Yes"], None, 3.0], MEERA: [["Yes"], "sorry", 4.0]}


def test_a_job_is_completed_by_its_assignee(kaizala_people: People, task: Task) -> None:
    kaizala_people.meera.completes()
    kaizala_people.ravi.completes()
    task.post("Job", title="Others", assignedTo=[MEERA])
    action = task.post("Job", title="Open", assignedTo=[RAVI])["actionId"]
    kaizala_people.done()
    assert task.look(action) == {RAVI: "Completed"}


def test_each_script_has_a_post_of_its_own(kaizala_people: People, task: Task) -> None:
    kaizala_people.ravi.votes("Yes")
    kaizala_people.ravi.votes("No")
    kaizala_people.meera.votes("No", title="Coffee?").then("Yes", after_polls=2)
    kaizala_people.asha.votes("Yes", times=None)
    tea, coffee = task.poll("Tea?"), task.poll("Coffee?")
    until = time.monotonic() + 10
    while task.look(coffee).get(MEERA) != [["Yes"]]:
        assert time.monotonic() < until
        time.sleep(0.05)
    kaizala_people.done()
    assert task.look(tea) == {RAVI: [["Yes"]], ASHA: [["Yes"]]}
    assert task.look(coffee) == {RAVI: [["No"]], ASHA: [["Yes"]], MEERA: [["Yes"]]}


def test_likes_and_comments(kaizala_people: People, task: Task, kaizala_server: KaizalaServer) -> None:
    text = requests.Session()
    text.headers.update(task.http.headers)
    reference = text.post(f"{task.base}/messages", json={"message": "Lunch?"}, timeout=10).json()[
        "referenceId"
    ]
    kaizala_people.ravi.likes(title="Lunch?")
    kaizala_people.meera.comments("Me too", after_polls=1)
    text.get(
        f"{task.base}/reaction/{reference}",
        params={"reactionType": "Like", "sourceGroupId": GROUP},
        timeout=10,
    )
    kaizala_people.done()
    (item,) = kaizala_server.feed()
    assert (item["likes"], item["comments"]) == (1, 1)


def test_a_post_whose_reply_was_lost_is_answered_too(
    kaizala_people: People, task: Task, kaizala_server: KaizalaServer
) -> None:
    kaizala_server.fault("postAction", drop="after", count=1)
    kaizala_people.ravi.votes("Yes")
    with pytest.raises(requests.ConnectionError):
        task.poll()
    kaizala_people.done()


def test_who_there_is(kaizala_people: People, kaizala_server: KaizalaServer) -> None:
    assert repr(kaizala_people.ravi) == f"<Ravi {RAVI}>"
    assert kaizala_people["Ravi"].mobile_number == kaizala_people[RAVI].mobile_number == RAVI
    with pytest.raises(AttributeError, match="no one is called 'zoya'; there are Asha, Ravi, Meera"):
        _ = kaizala_people.zoya
    kaizala_server.seed({"people": [{"mobileNumber": "+910000000008", "name": "ravi"}]})
    with pytest.raises(KeyError, match=r"several people are called 'Ravi': \+910000000002"):
        _ = kaizala_people["Ravi"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda people: people.ravi.votes("Maybe"), "Ravi votes: choice"),
        (lambda people: people.ravi.answers({"Open?": 1}), "'S' does not ask 'Open?', but Q"),
        (lambda people: people.ravi.answers([1, 2, 3]), "Ravi answers: Answers holds 3"),
    ],
)
def test_what_cannot_be_done_is_told(
    failing_people: People, task: Task, act: Callable[[People], object], said: str
) -> None:
    act(failing_people)
    task.poll()
    task.post("Survey", title="S", questions=[{"title": "Q", "type": "Text"}])
    with pytest.raises(AssertionError) as told:
        failing_people.done()
    assert said in str(told.value)


def test_one_script_that_fails_does_not_stop_the_others(failing_people: People, task: Task) -> None:
    action = task.poll()
    failing_people.ravi.votes("Maybe")
    failing_people.meera.votes("Yes")
    with pytest.raises(AssertionError, match="Ravi votes"):
        failing_people.done()
    failing_people.done()
    assert task.look(action) == {MEERA: [["Yes"]]}


def test_what_stops_the_people_fails_the_test(
    failing_people: People, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing_people, "_look", lambda _scripts: {}["posts"])
    failing_people.ravi.votes("Yes")
    with pytest.raises(AssertionError, match="the people stopped: KeyError: 'posts'"):
        failing_people.done()


def test_a_lost_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_kaizala.testing.people._WAIT", 1)
    with in_a_thread(tmp_path, "demo") as server:
        people = People(server)
        people.ravi.votes("Yes")
    with pytest.raises(AssertionError, match="lost the server"):
        people.done()
    people.close(allow_unused=True)


def test_stopping_does_not_wait_for_the_next_post(
    kaizala_people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_kaizala.testing.people._WAIT", 30)
    kaizala_people.ravi.votes("Yes", optional=True)
    while kaizala_people._watching is None:
        time.sleep(0.01)
    began = time.monotonic()
    kaizala_people.close(allow_unused=True)
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("when", "error", "said"),
    [
        ({"after_poll": 2}, TypeError, "votes() takes no 'after_poll', but after_polls, title"),
        ({"after_polls": "2"}, ValueError, "after_polls must be a whole number from 0 on, not '2'"),
        ({"after_polls": -1}, ValueError, "not -1"),
        ({"times": 0}, ValueError, "times must be a whole number above 0, or None, not 0"),
    ],
)
def test_a_slip_in_a_script_is_told_at_once(kaizala_people: People, when, error, said) -> None:
    with pytest.raises(error) as wrong:
        kaizala_people.ravi.votes("Yes", **when)
    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        (5, TypeError, "a dict by question or a list in their order, not 5"),
        ("Yes", TypeError, "not 'Yes'"),
        ([object()], TypeError, "an answer cannot be <object"),
        ({"When?": datetime(2026, 1, 1)}, ValueError, "has no timezone"),  # noqa: DTZ001
        ([Path("/no/such/file.png")], ValueError, "'/no/such/file.png' is not a file"),
        ([["Yes", b"no"]], TypeError, "an answer cannot be b'no'"),
    ],
)
def test_an_answer_that_no_question_takes_is_refused_at_once(
    kaizala_people: People, answers: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as wrong:
        kaizala_people.ravi.answers(answers)
    assert said in str(wrong.value)


def test_a_vote_is_an_option_or_its_number(kaizala_people: People) -> None:
    for choice in (True, datetime(2026, 1, 1, tzinfo=UTC)):
        with pytest.raises(TypeError, match="the text or the number of an option"):
            kaizala_people.ravi.votes(choice)  # type: ignore[arg-type]


def test_typed_answers(kaizala_people: People, task: Task, tmp_path: Path) -> None:
    photo = tmp_path / "shop.png"
    photo.write_bytes(base64.b64decode(PNG))
    at = datetime(2026, 3, 1, 18, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    kaizala_people.ravi.answers([at, date(2026, 3, 1), Place(12.5, 77.25, "Shop"), photo, ["a", "b"]])
    action = task.post(
        "Survey",
        title="All",
        questions=[
            {"title": "When?", "type": "DateTime"},
            {"title": "Which day?", "type": "DateTime"},
            {"title": "Where?", "type": "Location"},
            {"title": "Photo?", "type": "Image"},
            {"title": "Which?", "type": "MultiOption", "options": [{"title": "a"}, {"title": "b"}]},
        ],
    )["actionId"]
    kaizala_people.done()
    when, day, where, photos, which = task.look(action)[RAVI]
    assert when == at.timestamp() * 1000
    assert day == datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000
    assert where == {"lt": 12.5, "lg": 77.25, "n": "Shop"}
    assert [one["mediaFileName"] for one in photos] == ["shop.png"]
    assert which == ["a", "b"]


def test_a_script_that_never_acted_is_an_error(kaizala_server: KaizalaServer, task: Task) -> None:
    people = People(kaizala_server)
    people.ravi.votes("Yes", title="Tee?")
    people.meera.votes("Yes", after_polls=5)
    people.asha.votes("Yes", title="Coffee?", optional=True)
    task.poll("Tea?")
    with pytest.raises(AssertionError) as told:
        people.close()
    assert "Ravi votes 'Yes' on 'Tee?': nothing like it was posted" in str(told.value)
    assert "Meera votes 'Yes': the polls have not come" in str(told.value)
    assert "optional=True" in str(told.value)
    assert "Asha" not in str(told.value)


def test_what_was_posted_in_the_last_moment_is_acted_on(kaizala_server: KaizalaServer, task: Task) -> None:
    people = People(kaizala_server)
    people._closed.set()  # the thread has no turn any more
    people.ravi.votes("Yes")
    action = task.poll()
    people.close()
    assert task.look(action) == {RAVI: [["Yes"]]}
