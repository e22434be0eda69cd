from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Location
from airflow_provider_kaizala.operators import KaizalaPostResponseOperator

REPLY = (200, {"responseId": "r7"})


def answer(**given):
    return KaizalaPostResponseOperator(task_id="t", **{"action_id": "a1", **given})


def test_answers_are_sent_in_the_form_of_the_wire(kaizala, run_task, group):
    kaizala.script = [REPLY]
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    task = answer(
        answers=["A", 2, ["X", "Y"], moment, {"latitude": "17.4", "longitude": 78.3, "name": "Shop"}, None],
        name="{{ 'As' ~ 'ha' }}",
        location={"latitude": 17.4, "longitude": "78.3"},
        package_id="com.example.card\n",
        response_id=" r7 ",
    )
    assert run_task(task) == {"group_id": group, "action_id": "a1", "response_id": "r7"}
    assert kaizala.posts[0].json == {
        "id": "com.example.card",
        "responseId": "r7",
        "actionBody": {
            "Answers": ["A", 2, ["X", "Y"], 1772366400, {"lt": 17.4, "lg": 78.3, "n": "Shop"}, None],
            "responseName": "Asha",
            "responseLocation": {"latitude": 17.4, "longitude": 78.3},
        },
    }


def test_locations_are_accepted_as_the_client_has_them(kaizala, run_task):
    kaizala.script = [REPLY]
    place = Location(17.4, 78.3, "Shop")
    run_task(answer(answers=[place], location=place))
    assert kaizala.posts[0].json["actionBody"] == {
        "Answers": [{"lt": 17.4, "lg": 78.3, "n": "Shop"}],
        "responseLocation": {"latitude": 17.4, "longitude": 78.3, "name": "Shop"},
    }


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_time_without_a_zone_is_in_the_timezone_of_the_dag(kaizala, run_task, zone):
    kaizala.script = [REPLY]
    there = ZoneInfo(zone)
    moment = datetime(2026, 3, 1, 12)  # noqa: DTZ001
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=there)):
        task = answer(answers=[None, moment])
    run_task(task)
    seconds = int(moment.replace(tzinfo=there).timestamp())
    assert kaizala.posts[0].json["actionBody"]["Answers"] == [None, seconds]


def test_a_job_is_marked_as_done_or_as_not_done(kaizala, run_task):
    kaizala.script = [(200, {}), (200, {})]
    assert run_task(answer(completed="{{ params.done }}"), params={"done": True})["response_id"] is None
    run_task(answer(completed=False))
    assert [post.json for post in kaizala.posts] == [
        {"actionType": "Job", "actionBody": {"isCompleted": done}} for done in (True, False)
    ]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "give either answers"),
        ({"answers": ["a"], "completed": True}, "give either answers"),
        ({"answers": [None, None]}, "answers holds no answer"),
        ({"answers": []}, "answers holds no answer"),
        ({"answers": ["a", True]}, r"answers\[1\] must be text, a number, .*, not True"),
        ({"answers": [b"a"]}, r"answers\[0\] must be text"),
        (
            {"answers": ["a", float("nan")]},
            r"answers\[1\]: nan cannot be written as JSON; use .* finite numbers",
        ),
        ({"answers": [float("inf")]}, r"answers\[0\]: inf cannot be written as JSON"),
        ({"answers": ["a\0"]}, r"answers\[0\]: character 2 is NUL, which Kaizala does not accept; remove it"),
        ({"answers": "Yes"}, "answers must be a list of answers, one for each question"),
        ({"answers": [["X", 1]]}, r"answers\[0\] must be a string, not 1"),
        ({"answers": [date(2026, 3, 1)]}, r"answers\[0\]: .* has no time of day; give a datetime"),
        ({"answers": [{"latitude": 1}]}, r"answers\[0\]: place .* has no longitude"),
        (
            {"answers": ["a"], "location": {"latitude": 91, "longitude": 0}},
            "location: latitude must be within",
        ),
        ({"completed": "perhaps"}, "completed must be True or False"),
        ({"answers": ["a"], "action_id": "a b"}, "action_id: 'a b' is not a valid id"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(given, says):
    with pytest.raises(KaizalaInputError, match=says):
        answer(**given)


def test_an_answer_that_another_task_hands_on_is_checked_when_the_task_runs(kaizala, run_task, dag):
    with dag:
        up = KaizalaPostResponseOperator(task_id="up", action_id="a1", completed=True)
        task = answer(answers=up.output)
    with pytest.raises(AirflowFailException, match=r"t: answers\[0\] must be text"):
        run_task(task, {"up": [object()]})
    assert kaizala.calls() == []
