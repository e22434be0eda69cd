"""The sensors in all three modes: one contract, inside real Airflow, against the real server."""

from __future__ import annotations

import itertools
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Media
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.client.settings import Settings
from airflow_provider_kaizala.operators import (
    KaizalaSendActionOperator,
    KaizalaSendJobOperator,
    KaizalaSendMeetingOperator,
    KaizalaSendMessageOperator,
    KaizalaSendPollOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.sensors import (
    KaizalaActionSensor,
    KaizalaMemberSensor,
    KaizalaReactionSensor,
    KaizalaResponseSensor,
)
from airflow_provider_kaizala.tasks.state import TaskState
from airflow_provider_kaizala.waiting.rules import AtLeast, Everyone, People, Quorum
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.people import People as Crew
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}
STRANGER = "+910000000009"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000"
    "1ff5d0e3f0c0000000049454e44ae426082"
)  # fmt: skip
_numbers = itertools.count()


def forgets(mode: dict[str, Any]) -> bool:
    """Whether nothing is kept between two looks."""
    return mode.get("mode") == "reschedule" and not AIRFLOW_V_3_3_PLUS


def a_dag(**kwargs: Any) -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"wait_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"poke_interval": 0.3, "timeout": 40, **MODES[request.param]}


@pytest.fixture
def no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """``dag.test()`` runs one trigger after another, so a poll would wait for others in vain; and nobody reports on workers."""
    monkeypatch.setattr("airflow_provider_kaizala.triggers.polls.GATHER", 0.0)
    monkeypatch.setattr("airflow_provider_kaizala.compat.PARKING", 0)


@pytest.fixture(autouse=True)
def usual(kaizala_conn: Any, no_gathering: None) -> None:
    """What every test takes."""


@pytest.fixture
def later(kaizala_server: KaizalaServer) -> Iterator[Callable[[str, Callable[[], object], int], None]]:
    """Do something once a read has come so often: ``later("getAction", act, 2)``."""
    threads, failures, over = [], [], threading.Event()

    def follow(operation: str, act: Callable[[], object], looks: int) -> None:
        try:
            while not over.wait(0.05):
                if len(kaizala_server.journal(operation=operation)) >= looks:
                    act()
                    return
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def begin(operation: str, act: Callable[[], object], looks: int = 1) -> None:
        thread = threading.Thread(target=follow, args=(operation, act, looks), daemon=True)
        thread.start()
        threads.append(thread)

    yield begin
    over.set()
    for thread in threads:
        thread.join(10)
    assert failures == []


@pytest.fixture
def connector(kaizala_conn: dict[str, Any]) -> Callable[..., KaizalaClient]:
    """A client of the demo connector, with the token of whoever is named."""

    def client(refresh_token: str | None = None) -> KaizalaClient:
        token = refresh_token or kaizala_conn["extra"]["refresh_token"]
        return KaizalaClient(
            Settings(
                kaizala_conn["login"],
                kaizala_conn["password"],
                api_root=kaizala_conn["host"],
                refresh_token=token,
            )
        )

    return client


@pytest.fixture
def told() -> list[str]:
    """What failed tasks said."""
    return []


@pytest.fixture
def telling(told: list[str]) -> dict[str, Any]:
    """Arguments of a task whose failure goes to *told*."""
    return {"on_failure_callback": lambda context: told.append(str(context.get("exception")))}


def ask_poll(**changes: Any) -> KaizalaSendPollOperator:
    return KaizalaSendPollOperator(task_id="ask", question="Pay?", options=["Yes", "No"], **changes)


def votes(result: dict[str, Any]) -> dict[str, str]:
    return {each["responder"]: each["answers"]["Pay?"] for each in result["answers"]}


# --- what people do ----------------------------------------------------------------------------------------------------------


def test_survey_answers_come_back_keyed_by_question(
    mode: dict[str, Any], kaizala_people: Crew, outcome: Any
) -> None:
    kaizala_people.ravi.answers(["Yes", ["Bags", "Pens"], 3, "größer 😀"])
    kaizala_people.asha.answers(["No", ["Pens"], 2.5, "-"], after_polls=1)
    with a_dag() as dag:
        ask = KaizalaSendSurveyOperator(
            task_id="ask",
            title="Ready?",
            questions=[
                {"title": "Open?", "type": "SingleOption", "options": ["Yes", "No"]},
                {"title": "Needed", "type": "MultiOption", "options": ["Bags", "Pens"]},
                {"title": "How many?", "type": "Numeric"},
                {"title": "Else?", "type": "Text"},
            ],
            due=timedelta(hours=1),
        )
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until=2, **mode)
    states, values = outcome(dag)
    assert states == {"ask": "success", "wait": "success"}
    result = values["wait"]
    assert (result["complete"], result["met"], result["missing"]) == (True, True, [])
    assert (result["group_id"], result["action_id"]) == (GROUP, values["ask"]["action_id"])
    assert (result["action_type"], result["title"]) == ("Survey", "Ready?")
    answers = {each["responder"]: each for each in result["answers"]}
    assert answers[RAVI]["answers"] == {
        "Open?": "Yes",
        "Needed": ["Bags", "Pens"],
        "How many?": 3,
        "Else?": "größer 😀",
    }
    assert answers[ASHA]["answers"]["How many?"] == 2.5
    assert answers[RAVI]["responder_name"] == "Ravi"
    assert answers[RAVI]["response_id"]
    assert result["tally"] == {"Open?": {"Yes": 1, "No": 1}, "Needed": {"Bags": 1, "Pens": 2}}
    assert result["winner"] == {"Open?": None, "Needed": "Pens"}
    when = datetime.fromisoformat(answers[RAVI]["responded_at"])
    assert abs((datetime.now(tz=UTC) - when).total_seconds()) < 120


def test_job_waits_for_all_assignees(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    kaizala_people.ravi.completes()
    kaizala_people.meera.completes(after_polls=2)
    with a_dag() as dag:
        assign = KaizalaSendJobOperator(task_id="assign", title="Unlock", assigned_to=[RAVI, MEERA])
        KaizalaResponseSensor(task_id="wait", action_id=assign.output["action_id"], until="all", **mode)
    states, values = outcome(dag)
    assert states["wait"] == "success"
    done = {each["responder"]: each["is_completed"] for each in values["wait"]["answers"]}
    assert done == {RAVI: True, MEERA: True}
    assert (values["wait"]["missing"], values["wait"]["tally"], values["wait"]["winner"]) == ([], {}, None)


def test_a_meeting_and_an_action_of_ones_own(
    mode: dict[str, Any], kaizala_people: Crew, outcome: Any
) -> None:
    kaizala_people.meera.votes("Maybe", after_polls=1)
    kaizala_people.ravi.answers(["No"], after_polls=1)
    with a_dag() as dag:
        meet = KaizalaSendMeetingOperator(
            task_id="meet",
            title="Stand-up",
            starts_at=datetime.now(tz=UTC) + timedelta(hours=3),
            duration=timedelta(minutes=15),
        )
        card = KaizalaSendActionOperator(
            task_id="card",
            package_id="com.example.card.2",
            title="Pump 3",
            questions=[{"title": "Fixed?", "type": "SingleOption", "options": ["Yes", "No"]}],
        )
        come = KaizalaResponseSensor(task_id="come", action_id=meet.output["action_id"], **mode)
        come << card
        KaizalaResponseSensor(task_id="fixed", action_id=card.output["action_id"], **mode)
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    assert [(each["responder"], each["answers"]) for each in values["come"]["answers"]] == [
        (MEERA, {"Stand-up": "Maybe"})
    ]
    assert values["come"]["winner"] == "Maybe"
    assert values["come"]["tally"]["Maybe"] == 1
    assert [(each["responder"], each["answers"]) for each in values["fixed"]["answers"]] == [
        (RAVI, {"Fixed?": "No"})
    ]
    assert (values["fixed"]["tally"], values["fixed"]["winner"]) == (
        {"Fixed?": {"Yes": 0, "No": 1}},
        {"Fixed?": "No"},
    )


def test_likes_and_comments(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    kaizala_people.ravi.likes(after_polls=1)
    kaizala_people.meera.likes(after_polls=2)
    kaizala_people.meera.comments("größer 😀", after_polls=1)
    with a_dag() as dag:
        say = KaizalaSendMessageOperator(task_id="say", text="We open at 9")
        reference = say.output["reference_id"]
        likes = KaizalaReactionSensor(task_id="likes", reference_id=reference, until="all", **mode)
        likes >> KaizalaReactionSensor(
            task_id="comments", reference_id=reference, reaction_type="Comment", until=[MEERA], **mode
        )
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}
    liked = values["likes"]
    assert {each["responder"]: each["answers"] for each in liked["answers"]} == {
        RAVI: {"Like": True},
        MEERA: {"Like": True},
    }, "all: the members without the sender"
    assert (liked["action_id"], liked["action_type"], liked["complete"]) == (
        values["say"]["reference_id"],
        "Like",
        True,
    )
    assert [(each["responder_name"], each["answers"]) for each in values["comments"]["answers"]] == [
        ("Meera", {"Comment": "größer 😀"})
    ]


def test_somebody_posts_a_photo(
    mode: dict[str, Any],
    kaizala_server: KaizalaServer,
    later: Any,
    connector: Callable[..., KaizalaClient],
    outcome: Any,
) -> None:
    kaizala_server.seed(
        {
            "grants": [
                {"connector": "demo-connector", "kind": "user", "person": RAVI, "refreshToken": "ravi-token"}
            ]
        }
    )

    def post() -> None:
        with connector("ravi-token") as ravi:
            part = Part("shelf.png", "image/png", partial(BytesIO, PNG))
            resource = ravi.run(calls.upload_media(GROUP, [part]))
            ravi.run(calls.post_action(GROUP, Media("Image", resource, "Shelf 3")))

    later("listActions", post, 2)
    with a_dag() as dag:
        KaizalaActionSensor(task_id="wait", action_type="Image", **mode)
    states, values = outcome(dag)
    assert states == {"wait": "success"}
    (photo,) = values["wait"]["answers"]
    assert photo["responder"] == RAVI
    assert photo["answers"]["caption"] == "Shelf 3"
    assert photo["answers"]["imageUrl"]
    assert photo["answers"]["referenceId"] == photo["response_id"]


def test_somebody_joins(
    mode: dict[str, Any],
    later: Any,
    connector: Callable[..., KaizalaClient],
    telling: Any,
    told: list[str],
    outcome: Any,
) -> None:
    def join() -> None:
        with connector() as asha:
            asha.run(calls.add_members(GROUP, [STRANGER]))

    later("listMembers", join, 2)
    with a_dag() as dag:
        first = KaizalaMemberSensor(task_id="somebody", **mode, **telling)
        first >> KaizalaMemberSensor(task_id="by_name", until=[RAVI, STRANGER], **mode)
    states, values = outcome(dag)
    if forgets(mode):
        assert states["somebody"] == "failed"
        assert "before Airflow 3.3 nothing is kept between the looks of mode='reschedule'" in told[0]
        return
    assert set(states.values()) == {"success"}
    assert [each["responder"] for each in values["somebody"]["answers"]] == [STRANGER]
    assert values["somebody"]["answers"][0]["answers"] == {"role": "Member"}
    assert values["by_name"]["complete"] is True, "since when they are in it does not matter"


# --- until when --------------------------------------------------------------------------------------------------------------


def test_every_rule(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    """One poll; the sensors wait one after another."""
    kaizala_people.ravi.votes("Yes")
    kaizala_people.asha.votes("Yes", after_polls=2)
    kaizala_people.meera.votes("No", after_polls=4)
    rules: dict[str, Any] = {
        "any": "any",
        "count": 2,
        "quorum": Quorum("Yes", 2),
        "named": [MEERA],
        "all": "all",
        "hopeless": {"kind": "quorum", "option": "yes", "count": 2, "people": [RAVI, MEERA]},
        "both": AtLeast(3) & Quorum("No", 1, (MEERA,)),
        "either": Quorum("No", 3) | People((MEERA, ASHA), "any"),
        "never": Everyone() & Quorum("Yes", 2, (RAVI, MEERA)),
    }
    with a_dag() as dag:
        before: Any = ask_poll()
        for name, rule in rules.items():
            wait = KaizalaResponseSensor(
                task_id=name, action_id="{{ ti.xcom_pull('ask')['action_id'] }}", until=rule, **mode
            )
            before >> wait
            before = wait
    states, values = outcome(dag)
    assert set(states.values()) == {"success"}, states
    assert {name: values[name]["complete"] for name in rules} == dict.fromkeys(rules, True)
    assert [name for name in rules if not values[name]["met"]] == ["hopeless", "never"]
    assert votes(values["any"])[RAVI] == "Yes"
    assert votes(values["named"]) == {RAVI: "Yes", ASHA: "Yes", MEERA: "No"}
    assert values["all"]["missing"] == [], "the sender need not"
    assert (values["never"]["tally"], values["never"]["winner"]) == ({"Yes": 2, "No": 1}, "Yes")


def test_all_are_the_members_without_the_sender(
    mode: dict[str, Any], kaizala_people: Crew, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Yes")
    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 1.0, "on_timeout": "return"}
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until="all", **given)
    _, values = outcome(dag)
    assert values["wait"]["missing"] == [{"mobile_number": MEERA, "name": "Meera"}]


def test_the_latest_answer_counts(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    kaizala_people.ravi.votes("No").then("Yes", after_polls=2)
    with a_dag() as dag:
        ask = ask_poll()
        KaizalaResponseSensor(
            task_id="wait",
            action_id=ask.output["action_id"],
            until={"kind": "quorum", "option": "Yes", "count": 1},
            **mode,
        )
    states, values = outcome(dag)
    assert states["wait"] == "success"
    assert (votes(values["wait"]), values["wait"]["winner"]) == ({RAVI: "Yes"}, "Yes")


def test_who_leaves_while_one_waits_is_still_waited_for(
    mode: dict[str, Any],
    kaizala_server: KaizalaServer,
    kaizala_people: Crew,
    later: Any,
    connector: Callable[..., KaizalaClient],
    outcome: Any,
) -> None:
    kaizala_people.ravi.votes("Yes", after_polls=1)
    meera = next(one["id"] for one in kaizala_server.people() if one["mobileNumber"] == MEERA)

    def leave() -> None:
        with connector() as asha:
            asha.run(calls.remove_member(GROUP, meera))

    later("listMembers", leave, 1)
    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 2.5, "on_timeout": "return"}
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until="all", **given)
    _, values = outcome(dag)
    result = values["wait"]
    assert [
        one for one in kaizala_server.people() if one["mobileNumber"] == MEERA and GROUP in one["groups"]
    ] == []
    # who must is settled at the first look; where that is forgotten, at each
    assert (result["complete"], votes(result)) == (forgets(mode), {RAVI: "Yes"})
    waited_for = [] if forgets(mode) else [{"mobile_number": MEERA, "name": "Meera"}]
    assert result["missing"] == waited_for


def test_a_rule_that_can_never_be_met_fails_at_once(
    mode: dict[str, Any], telling: Any, told: list[str], outcome: Any
) -> None:
    rules: dict[str, tuple[Any, str]] = {
        "stranger": ([STRANGER], f"until: {STRANGER} cannot answer: not among the members of the group"),
        "too_many": (4, "until: cannot wait for 4 people; number of members of the group: 3"),
        "no_such_option": (Quorum("Maybe", 1), "until: the Poll has no option 'Maybe'; it has 'Yes', 'No'"),
        "too_many_for_one": (
            Quorum("Yes", 4),
            "until: cannot wait for 4 people; number of members of the group: 3",
        ),
    }
    with a_dag() as dag:
        ask = ask_poll()
        for name, (rule, _) in rules.items():
            KaizalaResponseSensor(
                task_id=name, action_id=ask.output["action_id"], until=rule, retries=3, **mode, **telling
            )
    states, _ = outcome(dag)
    assert states == {"ask": "success", **dict.fromkeys(rules, "failed")}
    assert len(told) == len(rules)
    for _, says in rules.values():
        assert any(says in each for each in told), (says, told)


def test_an_anonymous_survey_tells_no_names(
    mode: dict[str, Any], kaizala_people: Crew, telling: Any, told: list[str], outcome: Any
) -> None:
    kaizala_people.ravi.answers(["Yes"])
    with a_dag() as dag:
        ask = KaizalaSendSurveyOperator(
            task_id="ask",
            title="Happy?",
            questions=[{"title": "Happy?", "type": "SingleOption", "options": ["Yes", "No"]}],
            anonymous=True,
            due=timedelta(hours=1),
        )
        count = KaizalaResponseSensor(task_id="count", action_id=ask.output["action_id"], until=1, **mode)
        count >> KaizalaResponseSensor(
            task_id="named", action_id=ask.output["action_id"], until=[RAVI], **mode, **telling
        )
    states, values = outcome(dag)
    assert states == {"ask": "success", "count": "success", "named": "failed"}
    assert "'Happy?' is anonymous, so it does not show who has answered; give a count instead" in told[0]
    assert [each["responder"] for each in values["count"]["answers"]] == [None]
    assert values["count"]["answered_by"] == []
    assert values["count"]["winner"] == {"Happy?": "Yes"}


# --- time ------------------------------------------------------------------------------------------------------------------


def test_nobody_answers(mode: dict[str, Any], telling: Any, told: list[str], outcome: Any) -> None:
    endings: dict[str, dict[str, Any]] = {
        "failed": {},
        "soft_failed": {"soft_fail": True},
        "skipped": {"on_timeout": "skip"},
    }
    with a_dag() as dag:
        ask = ask_poll()
        for name, ending in endings.items():
            KaizalaResponseSensor(
                task_id=name,
                action_id=ask.output["action_id"],
                **{**mode, "timeout": 0.8, "retries": 3, **telling, **ending},
            )
    states, values = outcome(dag)
    assert states == {"ask": "success", "failed": "failed", "soft_failed": "skipped", "skipped": "skipped"}
    assert [values[name] for name in endings] == [None] * 3
    (failure,) = told
    assert "Timed out after 0.8 s: 0 of 1 answered" in failure


def test_going_on_with_what_has_come(mode: dict[str, Any], kaizala_people: Crew, outcome: Any) -> None:
    kaizala_people.ravi.votes("Yes")
    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 1.0, "on_timeout": "return"}
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], until=[RAVI, MEERA], **given)
    states, values = outcome(dag)
    result = values["wait"]
    assert states["wait"] == "success"
    assert (result["complete"], result["met"]) == (False, False)
    assert votes(result) == {RAVI: "Yes"}
    assert result["missing"] == [{"mobile_number": MEERA, "name": "Meera"}]
    assert (result["answered_by"], result["missing_names"]) == (["Ravi"], ["Meera"])
    assert (result["tally"], result["winner"]) == ({"Yes": 1, "No": 0}, "Yes")


def test_contradictions_are_refused_when_the_dag_is_parsed(mode: dict[str, Any]) -> None:
    for given, says in (
        ({"on_timeout": "return", "soft_fail": True}, "both say what happens when time is up"),
        ({"timeout": 0.1}, "is longer than timeout"),
    ):
        with pytest.raises(KaizalaInputError, match=says):
            KaizalaResponseSensor(task_id="wait", action_id="a", **{**mode, **given})


class Crashes(KaizalaResponseSensor):
    """Its worker dies in the first try, after a second."""

    template_fields = KaizalaResponseSensor.template_fields

    def look(self, wait: Any, context: Any) -> Any:
        found = super().look(wait, context)
        if context["ti"].try_number == 1:
            time.sleep(1)
            raise RuntimeError("killed")
        return found


def test_a_retry_keeps_the_deadline(mode: dict[str, Any], outcome: Any) -> None:
    """Where Airflow keeps notes over tries, as 3.3 does; before, a retry begins anew."""
    deadlines: list[datetime] = []
    lasts: list[bool] = []

    class Noted(Crashes):
        template_fields = KaizalaResponseSensor.template_fields

        def look(self, wait: Any, context: Any) -> Any:
            deadlines.append(wait.deadline)
            lasts.append(TaskState(context).is_kept)
            return super().look(wait, context)

    with a_dag() as dag:
        ask = ask_poll()
        given = {**mode, "timeout": 2.0, "on_timeout": "return", "retries": 1, "retry_delay": timedelta(0)}
        Noted(task_id="wait", action_id=ask.output["action_id"], **given)
    states, values = outcome(dag)
    assert states["wait"] == "success"
    assert values["wait"]["complete"] is False
    second_try = [each for each in deadlines[1:] if each > deadlines[0]]
    assert bool(second_try) is not lasts[0]
    assert len(deadlines) > 1


# --- failures --------------------------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "throttle": {"throttle": 1, "count": 1},
    "5xx": {"status": 503, "count": 2},
    "401": {"status": 401, "count": 1},
    "down": {"drop": "before", "count": 2},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_be_over_is_waited_out(
    mode: dict[str, Any],
    fault: str,
    kaizala_server: KaizalaServer,
    kaizala_people: Crew,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Any,
) -> None:
    """By the wait itself, since the client repeats nothing here; a 401 is healed by a new access token."""
    defaults = Settings.__init__.__defaults__ or ()
    assert defaults[-1] == Settings.retries
    monkeypatch.setattr(Settings.__init__, "__defaults__", (*defaults[:-1], 0))
    kaizala_people.ravi.votes("Yes", after_polls=1)
    with a_dag() as dag:

        @task
        def break_it() -> None:
            for operation in ("getAction", "listActions"):
                kaizala_server.fault(operation, **FAULTS[fault])

        ask = ask_poll()
        wait = KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], **mode)
        ask >> break_it() >> wait
    states, values = outcome(dag)
    assert states["wait"] == "success"
    assert votes(values["wait"]) == {RAVI: "Yes"}
    assert all(each["fired"] for each in kaizala_server.faults() if each["operation"] == "getAction")


@pytest.mark.parametrize("on_timeout", ["fail", "skip", "return"])
def test_a_throttle_beyond_the_deadline_ends_with_it(
    mode: dict[str, Any], on_timeout: str, kaizala_server: KaizalaServer, kaizala_people: Crew, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Yes")
    with a_dag() as dag:
        ask = ask_poll()

        @task
        def throttle() -> None:
            for operation in ("getAction", "listActions"):
                kaizala_server.fault(operation, throttle=40, count=1000)

        given = {**mode, "timeout": 4.0, "until": 2, "on_timeout": on_timeout}
        wait = KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], **given)
        ask >> throttle() >> wait
    began = time.monotonic()
    states, _ = outcome(dag)
    assert states["wait"] == ("skipped" if on_timeout == "skip" else "failed"), "nothing was seen to return"
    assert time.monotonic() - began < 25


def test_unknown_action_fails_at_once(
    mode: dict[str, Any], telling: Any, told: list[str], outcome: Any
) -> None:
    with a_dag() as dag:
        KaizalaResponseSensor(
            task_id="wait", action_id="00000000-0000-4000-8000-000000000000", retries=3, **mode, **telling
        )
    began = time.monotonic()
    states, _ = outcome(dag)
    assert states["wait"] == "failed", "not up_for_retry, and not waiting until the timeout"
    assert time.monotonic() - began < 20
    assert "getAction failed for group" in told[0]


@pytest.mark.parametrize("lost", ["deleted", "revoked"])
def test_what_waiting_does_not_mend_ends_it(
    mode: dict[str, Any],
    lost: str,
    kaizala_server: KaizalaServer,
    later: Any,
    telling: Any,
    told: list[str],
    outcome: Any,
) -> None:
    def lose() -> None:
        if lost == "revoked":
            kaizala_server.revoke_grant()
        else:
            action = next(item["actionId"] for item in kaizala_server.feed() if item["kind"] == "poll")
            kaizala_server.delete_action(action)

    later("getAction", lose, 1)
    with a_dag() as dag:
        ask = ask_poll()
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], retries=3, **mode, **telling)
    began = time.monotonic()
    states, _ = outcome(dag)
    assert states["wait"] == "failed"
    assert time.monotonic() - began < 20
    assert len(told) == 1
    assert ("404" if lost == "deleted" else "refresh token of group") in told[0]


# --- in the triggerer --------------------------------------------------------------------------------------------------------


def test_nothing_secret_travels(
    kaizala_conn: dict[str, Any], outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger

    seen: list[str] = []
    run = KaizalaWaitTrigger.run

    def noted(self: Any) -> Any:
        seen.append(json.dumps(self.serialize()))
        return run(self)

    monkeypatch.setattr(KaizalaWaitTrigger, "run", noted)
    with a_dag() as dag:
        ask = ask_poll()
        KaizalaResponseSensor(
            task_id="wait",
            action_id=ask.output["action_id"],
            on_timeout="skip",
            **{"poke_interval": 0.3, "timeout": 0.6, **MODES["deferrable"]},
        )
    outcome(dag)
    secrets = [kaizala_conn["password"], kaizala_conn["extra"]["refresh_token"]]
    assert seen
    assert [secret for secret in secrets if secret in "".join(seen)] == []
