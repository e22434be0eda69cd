from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.waiting.tally import (
    as_offered,
    ballots,
    chosen,
    has_one_question,
    is_offered,
    winner,
)
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, form, job, numbers, poll


def counts(details):
    return {
        question: {option: len(people) for option, people in options.items()}
        for question, options in ballots(details).items()
    }


# --- options -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "found", "is_one"),
    [
        ("Yes", "Yes", True),
        (" yes ", "Yes", True),
        ("YES", "Yes", True),
        ("no", "No ", True),
        (" Maybe ", "maybe", False),
    ],
)
def test_options_are_compared_without_case_and_without_blanks_at_the_ends(option, found, is_one):
    assert as_offered(option, ["Yes", "No "]) == found
    assert is_offered(option, ["Yes", "No "]) is is_one


def test_of_options_that_differ_in_case_alone_the_exact_one_is_taken():
    assert as_offered("yes", ["YES", "yes"]) == "yes"
    assert as_offered("YES", ["yes", "YES"]) == "YES"
    assert as_offered("Yes", ["YES", "yes"]) == "YES", "the first that fits"


@pytest.mark.parametrize(
    ("answer", "options"),
    [("Yes", ["Yes"]), (["Bags", "Pens"], ["Bags", "Pens"]), (None, []), (5, []), (["Bags", 5], ["Bags"])],
)
def test_an_answer_chose_its_option_or_its_list_of_options(answer, options):
    assert chosen(answer) == options


# --- ballots -------------------------------------------------------------------------------------------------------------


def test_the_people_who_chose_an_option_are_kept():
    found = ballots(poll((ASHA, "Yes"), (RAVI, "Yes"), (MEERA, "No")))
    assert {option: numbers(people) for option, people in found["Pay?"].items()} == {
        "Yes": [ASHA, RAVI],
        "No": [MEERA],
    }


def test_options_that_nobody_chose_are_counted_as_zero():
    assert counts(poll()) == {"Pay?": {"Yes": 0, "No": 0}}


def test_a_vote_that_was_changed_counts_once():
    details = poll((ASHA, "Yes"), (RAVI, "No"), (ASHA, "No"))
    assert counts(details) == {"Pay?": {"Yes": 0, "No": 2}}


def test_an_option_that_is_no_longer_offered_counts():
    assert counts(poll((ASHA, "Maybe"))) == {"Pay?": {"Yes": 0, "No": 0, "Maybe": 1}}


def test_an_option_that_is_spelled_differently_is_the_same():
    details = poll((ASHA, "yes "), (RAVI, "YES"), (MEERA, "Yes"))
    assert counts(details) == {"Pay?": {"Yes": 3, "No": 0}}


def test_options_that_differ_in_case_alone_are_two():
    details = poll((ASHA, "yes"), (RAVI, "YES"), (MEERA, "yes"), options=("YES", "yes"))
    assert counts(details) == {"Pay?": {"YES": 1, "yes": 2}}


def test_options_that_kaizala_does_not_list_are_counted():
    assert counts(poll((ASHA, "Yes"), options=())) == {"Pay?": {"Yes": 1}}
    assert counts(poll(options=())) == {"Pay?": {}}, "a poll has one question in any case"


def test_a_meeting_is_counted_as_a_poll_is():
    meeting = poll((ASHA, "Maybe"), kind="LetsMeet", options=("Yes", "No", "Maybe"))
    assert counts(meeting) == {"Pay?": {"Yes": 0, "No": 0, "Maybe": 1}}


@pytest.mark.parametrize("kind", ["Survey", "MyCompany.Check"])
def test_a_form_is_counted_by_question_and_questions_without_options_are_left_out(kind):
    questions = {"Open?": ("Yes", "No"), "Which?": ("Bags", "Pens"), "Else?": None}
    answers = [
        (ASHA, {"Open?": "Yes", "Which?": ["Bags", "Pens"], "Else?": "-"}),
        (RAVI, {"Open?": None, "Which?": ["Pens"], "Else?": None}),
    ]
    assert counts(form(questions, *answers, kind=kind)) == {
        "Open?": {"Yes": 1, "No": 0},
        "Which?": {"Bags": 1, "Pens": 2},
    }


def test_a_person_who_chose_an_option_twice_in_one_answer_counts_once():
    details = form({"Which?": ("Bags", "Pens")}, (ASHA, {"Which?": ["Bags", "bags", "Bags "]}))
    assert counts(details) == {"Which?": {"Bags": 1, "Pens": 0}}


def test_there_is_nothing_to_count_in_a_form_without_options_or_a_job():
    assert ballots(form({"Else?": None}, (ASHA, {"Else?": "-"}))) == {}
    assert ballots(job({ASHA: "Completed"})) == {}


@given(st.lists(st.tuples(st.sampled_from([ASHA, RAVI, MEERA, None]), st.sampled_from(["Yes", "No"]))))
def test_each_person_counts_once_and_each_anonymous_answer(votes):
    found = counts(poll(*votes))["Pay?"]
    anonymous = sum(who is None for who, _ in votes)
    assert sum(found.values()) == len({who for who, _ in votes} - {None}) + anonymous


@pytest.mark.parametrize(
    ("details", "one"),
    [
        (poll(), True),
        (poll(kind="poll"), True),
        (poll(kind="LetsMeet"), True),
        (form({"Open?": ("Yes", "No")}), False),
        (job({ASHA: None}), False),
    ],
)
def test_a_poll_and_a_meeting_have_one_question(details, one):
    assert has_one_question(details) is one


# --- the winner ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_counts", "best"),
    [
        ({}, None),
        ({"a": 0}, None),
        ({"a": 0, "b": 0}, None),
        ({"a": 1, "b": 2}, "b"),
        ({"a": 2, "b": 2, "c": 1}, None),
        ({"a": 1}, "a"),
    ],
)
def test_the_winner_has_most_votes_and_a_tie_has_none(given_counts, best):
    assert winner(given_counts) == best
