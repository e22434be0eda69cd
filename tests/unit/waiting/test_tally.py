from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.waiting.answers import result_dict
from airflow_provider_kaizala.waiting.rules import AnyAnswer
from airflow_provider_kaizala.waiting.tally import flat, tally, winner
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, form, job, poll


def test_a_poll():
    assert flat(poll((ASHA, "Yes"), (RAVI, "Yes"), (MEERA, "No"))) == ({"Yes": 2, "No": 1}, "Yes")


def test_nobody_has_voted():
    assert flat(poll()) == ({"Yes": 0, "No": 0}, None)


def test_a_tie_has_no_winner():
    assert flat(poll((ASHA, "Yes"), (RAVI, "No"))) == ({"Yes": 1, "No": 1}, None)


def test_a_vote_that_was_changed_counts_once():
    assert flat(poll((ASHA, "Yes"), (RAVI, "No"), (ASHA, "No"))) == ({"Yes": 0, "No": 2}, "No")


def test_a_choice_that_is_no_longer_offered_counts():
    assert flat(poll((ASHA, "Maybe"))) == ({"Yes": 0, "No": 0, "Maybe": 1}, "Maybe")


def test_an_option_that_is_spelled_otherwise_is_the_same():
    assert flat(poll((ASHA, "yes "), (RAVI, "YES"), (MEERA, "Yes"))) == ({"Yes": 3, "No": 0}, "Yes")


def test_options_that_differ_in_case_alone():
    votes = poll((ASHA, "yes"), (RAVI, "YES"), (MEERA, "yes"), choices=("YES", "yes"))
    assert flat(votes) == ({"YES": 1, "yes": 2}, "yes")


def test_a_service_that_does_not_tell_the_choices():
    assert flat(poll((ASHA, "Yes"), choices=())) == ({"Yes": 1}, "Yes")


def test_a_meeting():
    meeting = poll((ASHA, "Maybe"), kind="LetsMeet", choices=("Yes", "No", "Maybe"))
    assert flat(meeting) == ({"Yes": 0, "No": 0, "Maybe": 1}, "Maybe")


def test_a_form():
    questions = {"Open?": ("Yes", "No"), "Which?": ("Bags", "Pens"), "Else?": None}
    answers = [
        (ASHA, {"Open?": "Yes", "Which?": ["Bags", "Pens"], "Else?": "-"}),
        (RAVI, {"Open?": None, "Which?": ["Pens"], "Else?": None}),
    ]
    for kind in ("Survey", "MyCompany.Check"):
        assert flat(form(questions, *answers, kind=kind)) == (
            {"Open?": {"Yes": 1, "No": 0}, "Which?": {"Bags": 1, "Pens": 2}},
            {"Open?": "Yes", "Which?": "Pens"},
        )


def test_a_form_without_options():
    assert flat(form({"Else?": None}, (ASHA, {"Else?": "-"}))) == ({}, None)


def test_a_job():
    assert flat(job({ASHA: "Completed"})) == ({}, None)


def test_winner():
    assert winner({}) is None
    assert winner({"a": 0}) is None
    assert winner({"a": 1, "b": 2}) == "b"


@given(st.lists(st.tuples(st.sampled_from([ASHA, RAVI, MEERA, None]), st.sampled_from(["Yes", "No"]))))
def test_each_person_counts_once(votes):
    counts = tally(poll(*votes))["Pay?"]
    anonymous = sum(who is None for who, _ in votes)
    assert sum(counts.values()) == len({who for who, _ in votes} - {None}) + anonymous


def test_it_is_in_the_result():
    action = poll((ASHA, "Yes"))
    result = result_dict("g", "a", action, AnyAnswer().progress(action))
    assert (result["complete"], result["met"], result["tally"], result["winner"]) == (
        True,
        True,
        {"Yes": 1, "No": 0},
        "Yes",
    )
    assert json.loads(json.dumps(result)) == result
