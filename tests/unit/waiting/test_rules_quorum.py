"""One rule of weight: so many people for one option, or no longer possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.people import Eligible
from airflow_provider_kaizala.waiting.rules import Quorum
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, form, job, numbers, poll

TWO_OF_THREE = Quorum("Yes", 2, (ASHA, RAVI, MEERA))


def decided(rule, details):
    progress = rule.progress(details)
    return progress.met, progress.hopeless


# --- votes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "met", "hopeless"),
    [
        ([], False, False),
        ([(ASHA, "Yes")], False, False),
        ([(ASHA, "Yes"), (RAVI, "No")], False, False),
        ([(ASHA, "Yes"), (RAVI, "Yes")], True, False),
        ([(ASHA, "No"), (RAVI, "No")], False, True),
        ([(ASHA, "No"), (RAVI, "Yes"), (MEERA, "No")], False, True),
        ([(ASHA, "No"), (RAVI, "Yes"), (MEERA, "Yes")], True, False),
    ],
)
def test_it_is_decided_as_soon_as_the_outcome_can_no_longer_change(votes, met, hopeless):
    progress = TWO_OF_THREE.progress(poll(*votes))
    assert (progress.met, progress.hopeless) == (met, hopeless)
    assert progress.over is (met or hopeless)


@given(st.lists(st.tuples(st.sampled_from([ASHA, RAVI, MEERA]), st.sampled_from(["Yes", "No"]))))
def test_it_is_decided_neither_too_early_nor_too_late(votes):
    """Compared with all the ways in which those could vote who have not yet."""
    latest = dict(votes)
    can_still_vote = 3 - len(latest)
    for_it = sum(option == "Yes" for option in latest.values())
    assert decided(TWO_OF_THREE, poll(*votes)) == (for_it >= 2, for_it + can_still_vote < 2)


def test_the_latest_vote_of_a_person_counts():
    changed = [(ASHA, "Yes"), (RAVI, "Yes"), (ASHA, "No")]
    assert decided(TWO_OF_THREE, poll(*changed)) == (False, False)
    listed_first = [(ASHA, "No", "2026-03-01T08:00:05Z"), (ASHA, "Yes", "2026-03-01T08:00:01Z")]
    assert decided(TWO_OF_THREE, poll(*listed_first, (RAVI, "Yes"))) == (False, False)


def test_only_the_votes_of_the_named_people_count():
    rule = Quorum("Yes", 2, (ASHA, RAVI))
    assert decided(rule, poll((MEERA, "Yes"), (ASHA, "Yes"))) == (False, False)
    assert decided(rule, poll((MEERA, "No"), (ASHA, "No"))) == (False, True)
    assert decided(rule, poll((MEERA, "No"), (ASHA, "Yes"), (RAVI, "Yes"))) == (True, False)
    assert numbers(rule.progress(poll((MEERA, "No"), (RAVI, "No"))).answered) == [RAVI]


def test_without_named_people_it_is_never_known_to_be_hopeless():
    rule = Quorum("Yes", 2)
    assert decided(rule, poll((ASHA, "No"), (RAVI, "No"), (MEERA, "No"))) == (False, False)
    assert decided(rule, poll((ASHA, "Yes"), (RAVI, "No"), (MEERA, "Yes"))) == (True, False)
    assert rule.progress(poll((ASHA, "No"))).missing == ()


def test_anonymous_votes_count_each():
    assert decided(Quorum("Yes", 2), poll((None, "Yes"), (None, "Yes"))) == (True, False)


def test_an_option_is_compared_without_case():
    assert decided(Quorum(" yes", 1), poll((ASHA, "Yes"))) == (True, False)


def test_options_that_differ_in_case_alone_are_two():
    votes = poll((ASHA, "YES"), (RAVI, "yes"), (MEERA, "yes"), options=("yes", "YES"))
    assert Quorum("yes", 2).progress(votes).met
    assert not Quorum("YES", 2).progress(votes).met


def test_options_that_kaizala_does_not_list_are_compared_with_the_answers():
    assert decided(Quorum("Yes", 1), poll((ASHA, "Yes"), options=())) == (True, False)


# --- questions of a survey -----------------------------------------------------------------------------------------------

QUESTIONS = {"Open?": ("Yes", "No"), "Clean?": ("Yes", "No"), "Which?": ("Bags", "Pens"), "Else?": None}


def test_a_quorum_may_look_at_one_question_of_a_survey():
    rule = Quorum("Yes", 1, question="Open?")
    assert decided(rule, form(QUESTIONS, (ASHA, {"Open?": "No", "Clean?": "Yes"}))) == (False, False)
    assert decided(rule, form(QUESTIONS, (ASHA, {"Open?": "Yes", "Clean?": "No"}))) == (True, False)
    several = Quorum("Pens", 1, question="Which?")
    assert decided(several, form(QUESTIONS, (ASHA, {"Which?": ["Bags", "Pens"]}))) == (True, False)


def test_without_a_question_any_of_them_counts():
    answers = (ASHA, {"Open?": "No", "Clean?": "Yes"})
    assert decided(Quorum("Yes", 1), form(QUESTIONS, answers)) == (True, False)


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_a_person_who_left_the_question_out_may_still_choose(nothing):
    rule = Quorum("Yes", 1, (ASHA,), question="Open?")
    progress = rule.progress(form(QUESTIONS, (ASHA, {"Open?": nothing, "Clean?": "Yes"})))
    assert (progress.met, progress.hopeless) == (False, False)
    assert numbers(progress.missing) == [ASHA]


# --- jobs ----------------------------------------------------------------------------------------------------------------


def test_of_a_job_the_states_are_the_options():
    rule = Quorum("Completed", 2)
    assert decided(rule, job({ASHA: "Completed", RAVI: "InProgress"})) == (False, False)
    assert decided(rule, job({ASHA: "Completed", RAVI: "Completed"})) == (True, False)


def test_of_a_job_the_assignees_are_those_who_can_still_do_it():
    assert decided(Quorum("Closed", 2), job({ASHA: "Completed", RAVI: None})) == (False, True)
    named = Quorum("Closed", 1, (RAVI,)).progress(job({ASHA: "Completed", RAVI: None}))
    assert (named.hopeless, numbers(named.missing)) == (False, [RAVI])


# --- what can never be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "details", "says"),
    [
        (Quorum("Maybe", 1), poll(), "until: the Poll has no option 'Maybe'; it has 'Yes', 'No'"),
        (
            Quorum("Yes", 1, question="Shut?"),
            form(QUESTIONS),
            "until: the Survey has no question 'Shut?' with options; it has 'Open?', 'Clean?', 'Which?'",
        ),
        (
            Quorum("Pens", 1, question="Open?"),
            form(QUESTIONS),
            "until: the Survey has no option 'Pens'; it has 'Yes', 'No'",
        ),
    ],
)
def test_an_option_or_a_question_that_is_not_there_is_refused(rule, details, says):
    with pytest.raises(KaizalaInputError) as refused:
        rule.progress(details)
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"count": 3, "people": (ASHA, RAVI)}, "a quorum of 3 can never come from 2 people"),
        ({"count": 2, "people": (ASHA, ASHA)}, "a quorum of 2 can never come from 1 people"),
        ({"count": 0}, "count must be a whole number of at least 1, not 0"),
        ({"count": 1, "people": ()}, "until: people is empty"),
        ({"count": 1, "option": " "}, "until: option is empty"),
        ({"count": 1, "option": 5}, "until: option must be a string, not 5"),
        ({"count": 1, "question": ""}, "until: question is empty"),
        ({"count": 1, "people": ("0123",)}, "'0123' is not a phone number in E.164 format"),
    ],
)
def test_a_quorum_that_makes_no_sense_is_refused(given, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as refused:
        Quorum(**{"option": "Yes", **given})
    assert says in str(refused.value)


GROUP = Eligible({RAVI: "Ravi", MEERA: None}, {ASHA: "Asha"})


def test_a_quorum_of_everyone_is_compared_with_the_size_of_the_group():
    assert Quorum("Yes", 3).within(GROUP) == Quorum("Yes", 3), "the sender may vote too"
    with pytest.raises(
        KaizalaInputError, match="until: cannot wait for 4 people; number of members of the group: 3"
    ):
        Quorum("Yes", 4).within(GROUP)


def test_the_people_of_a_quorum_must_be_able_to_answer():
    assert Quorum("Yes", 1, (ASHA, RAVI)).within(GROUP).names == {ASHA: "Asha", RAVI: "Ravi"}
    with pytest.raises(KaizalaInputError, match=r"\+910000000009 cannot answer: not among the members"):
        Quorum("Yes", 1, ("+910000000009",)).within(GROUP)


# --- in words ------------------------------------------------------------------------------------------------------------


def test_the_text_counts_votes_for_the_option_and_for_others_and_names_who_is_missing():
    rule = Quorum("Yes", 2, (ASHA, RAVI, MEERA), names={MEERA: "Meera"})
    assert (
        str(rule.progress(poll()))
        == f"0 of 2 for 'Yes', 0 for something else; missing: {ASHA}, {RAVI}, Meera"
    )
    assert str(rule.progress(poll((ASHA, "Yes"), (RAVI, "No")))) == (
        "1 of 2 for 'Yes', 1 for something else; missing: Meera"
    )
    assert str(Quorum("Yes", 2).progress(poll((ASHA, "Yes"), (RAVI, "Yes")))) == (
        "2 of 2 for 'Yes', 0 for something else"
    )
