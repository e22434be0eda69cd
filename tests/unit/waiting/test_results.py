from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.models import ActionDetails, Person
from airflow_provider_kaizala.waiting.people import answers_of
from airflow_provider_kaizala.waiting.results import AnswerDict, ResultDict, result_dict
from airflow_provider_kaizala.waiting.rules import Progress
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, form, job, poll, survey

#: a survey as the contract shows it, system questions and all
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


def result(details, *missing, counted=None, met=False, hopeless=False):
    progress = Progress(met, (), 1, missing, hopeless)
    found = result_dict("g1", "a2", details, details if counted is None else counted, progress)
    assert json.loads(json.dumps(found)) == found, "plain"
    return found


# --- answers -------------------------------------------------------------------------------------------------------------


def test_a_survey_becomes_plain_values():
    assert result(ActionDetails.read(SURVEY), Person(RAVI, None)) == {
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
        "chosen_by": {},
        "winner": None,
    }


def test_the_keys_of_a_result_are_those_that_its_types_name():
    """DAG authors read them there."""
    found = result(poll((ASHA, "Yes")))
    assert found.keys() == ResultDict.__annotations__.keys()
    assert found["answers"][0].keys() == AnswerDict.__annotations__.keys()


def test_of_a_job_only_what_is_done_is_an_answer():
    details = ActionDetails.read(
        {
            "actionType": "Job",
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
    )
    found = result(details, Person(RAVI, "Ravi"), met=True)
    assert found["answers"] == [
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
    assert found["missing"] == [{"mobile_number": RAVI, "name": "Ravi"}]
    assert (found["answered_by"], found["missing_names"]) == (["Asha"], ["Ravi"])


def test_a_person_who_answered_twice_is_listed_twice():
    details = form({"Q": None}, (ASHA, {"Q": "first"}), (RAVI, {"Q": "-"}), (ASHA, {"Q": "second"}))
    found = result(details)
    assert [each["answers"]["Q"] for each in found["answers"]] == ["first", "-", "second"]
    assert found["answered_by"] == ["Asha", "Ravi"], "but named once"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.tuples(
            st.text(max_size=9),
            st.sampled_from(["Text", "Numeric", "Location", "Image", "DateTime"]),
            json_values,
        ),
        max_size=4,
    )
)
def test_whatever_people_answer_is_plain_json_and_no_answer_is_lost(rows):
    """An XCom takes nothing else."""
    body = [{"title": title, "type": kind, "answer": answer} for title, kind, answer in rows]
    details = ActionDetails.read(
        {
            "actionType": "Survey",
            "actionDetails": {"responses": [{"responder": ASHA, "responseWithQuestions": body}]},
        }
    )
    assert len(result(details, met=True)["answers"][0]["answers"]) == len(rows)


# --- people --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        ([], []),
        ([("Yes", RAVI, "Ravi"), ("Yes", ASHA, "Asha"), ("No", RAVI, "Ravi")], ["Ravi", "Asha"]),
        ([("Yes", RAVI, None), ("Yes", ASHA, "Ravi")], [RAVI, "Ravi"]),
        ([("Yes", RAVI, "Sam"), ("Yes", ASHA, "Sam")], ["Sam", "Sam"]),
        ([("Yes", None, None), ("Yes", None, None)], []),
    ],
    ids=["no one", "each once", "by number", "two of one name", "anonymous"],
)
def test_people_who_have_answered_are_named(answers, named):
    responses = [
        {
            "responder": number,
            "responderName": name,
            "responseWithQuestions": [{"title": "?", "type": "Text", "answer": text}],
        }
        for text, number, name in answers
    ]
    details = ActionDetails.read({"actionType": "Survey", "actionDetails": {"responses": responses}})
    assert result(details)["answered_by"] == named


@pytest.mark.parametrize(
    ("ending", "complete", "met"),
    [({}, False, False), ({"met": True}, True, True), ({"hopeless": True}, True, False)],
)
def test_complete_says_that_there_was_nothing_left_to_wait_for(ending, complete, met):
    found = result(survey(ASHA), **ending)
    assert (found["complete"], found["met"]) == (complete, met)


# --- what was chosen -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Poll", "LetsMeet"])
def test_a_poll_and_a_meeting_have_one_tally(kind):
    found = result(poll((ASHA, "Yes"), (RAVI, "Yes"), (MEERA, "No"), kind=kind))
    assert found["tally"] == {"Yes": 2, "No": 1}
    assert found["chosen_by"] == {"Yes": ["Asha", "Ravi"], "No": ["Meera"]}
    assert found["winner"] == "Yes"


@pytest.mark.parametrize("votes", [[], [(ASHA, "Yes"), (RAVI, "No")]], ids=["no votes", "a tie"])
def test_there_may_be_no_winner(votes):
    assert result(poll(*votes))["winner"] is None


def test_a_poll_whose_options_kaizala_does_not_list_has_a_tally_too():
    found = result(poll(options=()))
    assert (found["tally"], found["chosen_by"], found["winner"]) == ({}, {}, None)


def test_of_an_anonymous_poll_only_numbers_are_known():
    found = result(poll((None, "Yes"), (None, "Yes")))
    assert (found["tally"], found["chosen_by"]) == ({"Yes": 2, "No": 0}, {"Yes": [], "No": []})


def test_a_form_has_a_tally_for_each_question_with_options():
    questions = {"Open?": ("Yes", "No"), "Which?": ("Bags", "Pens"), "Else?": None}
    found = result(
        form(
            questions,
            (ASHA, {"Open?": "Yes", "Which?": ["Bags", "Pens"], "Else?": "-"}),
            (RAVI, {"Open?": "No", "Which?": ["Pens"], "Else?": None}),
        )
    )
    assert found["tally"] == {"Open?": {"Yes": 1, "No": 1}, "Which?": {"Bags": 1, "Pens": 2}}
    assert found["chosen_by"] == {
        "Open?": {"Yes": ["Asha"], "No": ["Ravi"]},
        "Which?": {"Bags": ["Asha"], "Pens": ["Asha", "Ravi"]},
    }
    assert found["winner"] == {"Open?": None, "Which?": "Pens"}


@pytest.mark.parametrize(
    "details", [form({"Else?": None}, (ASHA, {"Else?": "-"})), job({ASHA: "Completed"})], ids=["form", "job"]
)
def test_where_no_one_can_choose_there_is_no_tally(details):
    found = result(details)
    assert (found["tally"], found["chosen_by"], found["winner"]) == ({}, {}, None)


def test_only_the_answers_that_count_are_in_the_tally_but_all_are_listed():
    details = poll((ASHA, "Yes"), (RAVI, "No"), (MEERA, "No"))
    found = result(details, counted=answers_of([ASHA], details))
    assert (found["tally"], found["winner"]) == ({"Yes": 1, "No": 0}, "Yes")
    assert found["chosen_by"] == {"Yes": ["Asha"], "No": []}
    assert found["answered_by"] == ["Asha", "Ravi", "Meera"]
    assert len(found["answers"]) == 3
