"""What people do while a sensor waits, in all three modes: inside real Airflow, against the real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.client import KaizalaClient, calls
from airflow_provider_kaizala.client.models import Media
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.operators import (
    KaizalaSendActionOperator,
    KaizalaSendJobOperator,
    KaizalaSendMeetingOperator,
    KaizalaSendMessageOperator,
    KaizalaSendSurveyOperator,
)
from airflow_provider_kaizala.sensors import (
    KaizalaActionSensor,
    KaizalaMemberSensor,
    KaizalaReactionSensor,
    KaizalaResponseSensor,
)
from demo.people import ASHA, MEERA, RAVI
from demo.stack import GROUP
from tests.airflow.waiting.dags import PNG, STRANGER, a_dag, forgets

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.testing.people import People as Crew
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


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
