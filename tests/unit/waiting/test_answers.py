from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.models import ActionDetails, Person
from airflow_provider_kaizala.waiting.answers import called, iso, latest_of, result_dict
from airflow_provider_kaizala.waiting.progress import Progress

ASHA, RAVI = "+910000000001", "+910000000002"
#: a response as the contract shows it, system questions and all
SURVEY = {
    "actionType": "Survey",
    "actionId": "a2",
    "actionDetails": {
        "title": "Daily",
        "responseCount": 2,
        "responses": [
            {
                "responseId": "r2",
                "responder": ASHA,
                "responderId": "u1",
                "responderName": "Asha",
                "responseWithQuestions": [
                    {"title": "Site?", "type": "SingleOption", "answer": ["A"]},
                    {"title": "Which?", "type": "MultiOption", "answer": ["x", "y"]},
                    {"title": "How many?", "type": "Numeric", "answer": 3.0},
                    {"title": "When?", "type": "DateTime", "answer": 1_700_000_000_000},
                    {"title": "Where?", "type": "Location", "answer": {"lt": 17.4, "lg": 78.3, "n": "Here"}},
                    {
                        "title": "Photo?",
                        "type": "Image",
                        "answer": [{"mediaUrl": "https://m/1", "mediaFileName": "1.jpg"}],
                    },
                    {"title": "Note?", "type": "Text", "answer": None},
                    {"title": "Responder Location", "type": "Location", "isInvisible": True, "answer": {}},
                    {
                        "title": "Response Time",
                        "type": "DateTime",
                        "isInvisible": True,
                        "answer": 1_700_000_100_000,
                    },
                    {"title": "Responder Name", "type": "Text", "isInvisible": True, "answer": "Asha"},
                ],
            },
            {"responseWithQuestions": [{"title": "Site?", "type": "SingleOption", "answer": []}]},
        ],
    },
}
JOB = {
    "actionType": "Job",
    "actionId": "a1",
    "actionDetails": {
        "title": "Check pump",
        "assignee": [{"mobileNumber": ASHA, "name": "Asha"}, {"mobileNumber": RAVI, "name": "Ravi"}],
        "responses": [
            {
                "assignee": ASHA,
                "response": "Completed",
                "notes": json.dumps([{"UPDATE_TIME_EPOCH": 1_700_000_000_000}]),
            },
            {"assignee": RAVI, "response": "InProgress"},
        ],
    },
}


def progress(*missing, met=False, hopeless=False):
    return Progress(met, (), 1, missing, hopeless)


def test_the_answers_of_a_survey():
    action = ActionDetails.read(SURVEY)
    result = result_dict("g1", "a2", action, progress(Person(RAVI, None)))
    assert result == {
        "group_id": "g1",
        "action_id": "a2",
        "action_type": "Survey",
        "title": "Daily",
        "complete": False,
        "met": False,
        "answers": [
            {
                "responder": ASHA,
                "responder_name": "Asha",
                "responder_id": "u1",
                "response_id": "r2",
                "responded_at": "2023-11-14T22:15:00Z",
                "is_completed": None,
                "answers": {
                    "Site?": "A",
                    "Which?": ["x", "y"],
                    "How many?": 3,
                    "When?": "2023-11-14T22:13:20Z",
                    "Where?": {"latitude": 17.4, "longitude": 78.3, "name": "Here"},
                    "Photo?": [{"url": "https://m/1", "file_name": "1.jpg"}],
                    "Note?": None,
                },
            },
            {
                "responder": None,
                "responder_name": None,
                "responder_id": None,
                "response_id": None,
                "responded_at": None,
                "is_completed": None,
                "answers": {"Site?": None},
            },
        ],
        "answered_by": ["Asha"],
        "missing": [{"mobile_number": RAVI, "name": None}],
        "missing_names": [RAVI],
        "tally": {},
        "winner": None,
    }
    assert json.loads(json.dumps(result)) == result


def test_the_answers_of_a_job_hold_only_what_is_done():
    result = result_dict("g1", "a1", ActionDetails.read(JOB), progress(Person(RAVI, "Ravi"), met=True))
    assert result["answers"] == [
        {
            "responder": ASHA,
            "responder_name": "Asha",
            "responder_id": None,
            "response_id": None,
            "responded_at": "2023-11-14T22:13:20Z",
            "is_completed": True,
            "answers": {"Check pump": "Completed"},
        }
    ]
    assert result["missing"] == [{"mobile_number": RAVI, "name": "Ravi"}]
    assert (result["answered_by"], result["missing_names"]) == (["Asha"], ["Ravi"]), "in progress is not done"


def test_somebody_who_answered_twice_stands_there_twice():
    rows = [
        {
            "responder": ASHA,
            "responseId": each,
            "responseWithQuestions": [{"title": "Q", "type": "Text", "answer": each}],
        }
        for each in ("r1", "r2")
    ]
    action = ActionDetails.read({"actionType": "Survey", "actionDetails": {"responses": rows}})
    answers = result_dict("g", "a", action, progress(met=True))["answers"]
    assert [each["answers"] for each in answers] == [{"Q": "r1"}, {"Q": "r2"}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.tuples(
            st.text(), st.sampled_from(["Text", "Numeric", "Location", "Image", "DateTime"]), json_values
        )
    )
)
def test_whatever_people_answer_is_plain_json(rows):
    """An XCom takes nothing else; and no answer is lost, however the questions are called."""
    body = [{"title": title, "type": kind, "answer": answer} for title, kind, answer in rows]
    action = ActionDetails.read(
        {
            "actionType": "Survey",
            "actionDetails": {"responses": [{"responder": ASHA, "responseWithQuestions": body}]},
        }
    )
    result = result_dict("g", "a", action, progress(met=True))
    assert json.loads(json.dumps(result)) == result
    assert len(result["answers"][0]["answers"]) == len(rows)


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ([], []),
        ([("Yes", RAVI, "Ravi"), ("Yes", ASHA, "Asha"), ("No", RAVI, "Ravi")], ["Ravi", "Asha"]),
        ([("Yes", RAVI, None), ("Yes", ASHA, "Ravi")], [RAVI, "Ravi"]),
        ([("Yes", RAVI, "Sam"), ("Yes", ASHA, "Sam")], ["Sam", "Sam"]),
        ([("Yes", None, None), ("Yes", None, None)], []),
    ],
    ids=["nobody", "each once", "by number", "of one name", "anonymous"],
)
def test_who_has_answered_by_name(answers, named):
    responses = [
        {
            "responder": number,
            "responderName": name,
            "responseWithQuestions": [{"title": "?", "type": "Text", "answer": text}],
        }
        for text, number, name in answers
    ]
    action = ActionDetails.read({"actionType": "Survey", "actionDetails": {"responses": responses}})
    assert result_dict("g", "a", action, progress())["answered_by"] == named


@pytest.mark.parametrize(
    ("people", "text"),
    [
        ([], "nobody"),
        ([Person(ASHA, "Asha"), Person(RAVI), Person()], f"Asha, {RAVI}, somebody"),
    ],
)
def test_called(people, text):
    assert called(people) == text


def test_iso():
    assert iso(datetime(2026, 3, 1, 8, tzinfo=UTC)) == "2026-03-01T08:00:00Z"
    assert iso(None) is None


def given_at(number, choice, at):
    return {"responder": number, "responder_id": None, "responded_at": at, "answers": {"Pay?": choice}}


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("2026-03-01T07:00:00Z", "2026-03-01T07:00:00.500000Z", "No"),
        ("2026-03-01T07:00:00.500000Z", "2026-03-01T07:00:00Z", "Yes"),
        ("2026-03-01T07:00:00Z", None, "No"),
        (None, "2026-03-01T07:00:00Z", "No"),
    ],
)
def test_the_answer_that_counts_is_the_latest_by_its_time(first, second, counts):
    """As the rules see it, whatever the order in which Kaizala lists them."""
    answers = [given_at(ASHA, "Yes", first), given_at(RAVI, "Yes", None), given_at(ASHA, "No", second)]
    assert {each["responder"]: each["answers"]["Pay?"] for each in latest_of(answers)} == {
        ASHA: counts,
        RAVI: "Yes",
    }


def test_nobody_is_taken_for_another_in_an_anonymous_survey():
    assert len(latest_of([given_at(None, "Yes", None), given_at(None, "No", None)])) == 2
