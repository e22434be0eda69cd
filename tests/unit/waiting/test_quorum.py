"""A rule of its own weight: so many for one option, or no longer possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.rule import Audience
from airflow_provider_kaizala.waiting.rules import Quorum
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, form, job, poll

TWO_OF_THREE = Quorum("Yes", 2, (ASHA, RAVI, MEERA))


def decided(rule, action):
    progress = rule.progress(action)
    return progress.met, progress.hopeless


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
def test_it_is_decided_as_soon_as_it_can_no_longer_change(votes, met, hopeless):
    progress = TWO_OF_THREE.progress(poll(*votes))
    assert (progress.met, progress.hopeless) == (met, hopeless)
    assert progress.over is (met or hopeless)


@given(st.lists(st.tuples(st.sampled_from([ASHA, RAVI, MEERA]), st.sampled_from(["Yes", "No"]))))
def test_it_is_decided_neither_too_early_nor_too_late(votes):
    """Compared with trying all ways in which those could vote who have not yet."""
    latest = dict(votes)
    open_ = 3 - len(latest)
    for_it = sum(choice == "Yes" for choice in latest.values())
    assert decided(TWO_OF_THREE, poll(*votes)) == (for_it >= 2, for_it + open_ < 2)


def test_the_latest_vote_of_a_person_counts():
    changed = [(ASHA, "Yes"), (RAVI, "Yes"), (ASHA, "No")]
    assert decided(TWO_OF_THREE, poll(*changed)) == (False, False)
    back_again = [(ASHA, "No", "2026-03-01T08:00:05Z"), (ASHA, "Yes", "2026-03-01T08:00:01Z"), (RAVI, "Yes")]
    assert decided(TWO_OF_THREE, poll(*back_again)) == (False, False), (
        "by its time, not its place in the list"
    )


def test_only_the_votes_of_those_people_count():
    rule = Quorum("Yes", 2, (ASHA, RAVI))
    assert decided(rule, poll((MEERA, "Yes"), (ASHA, "Yes"))) == (False, False)
    assert decided(rule, poll((MEERA, "No"), (ASHA, "No"))) == (False, True)
    assert decided(rule, poll((MEERA, "No"), (ASHA, "Yes"), (RAVI, "Yes"))) == (True, False)


def test_without_people_nobody_knows_that_it_is_hopeless():
    rule = Quorum("Yes", 2)
    assert decided(rule, poll((ASHA, "No"), (RAVI, "No"), (MEERA, "No"))) == (False, False)
    assert decided(rule, poll((ASHA, "Yes"), (RAVI, "No"), (MEERA, "Yes"))) == (True, False)


def test_anonymous_votes_count_each():
    assert decided(Quorum("Yes", 2), poll((None, "Yes"), (None, "Yes"))) == (True, False)
    assert Quorum("Yes", 2).by_name is False
    assert TWO_OF_THREE.by_name is True


def test_an_option_is_compared_without_case():
    assert decided(Quorum(" yes", 1), poll((ASHA, "Yes"))) == (True, False)


QUESTIONS = {"Open?": ("Yes", "No"), "Clean?": ("Yes", "No"), "Which?": ("Bags", "Pens"), "Else?": None}


def test_options_that_differ_in_case_alone_are_two():
    votes = poll((ASHA, "YES"), (RAVI, "yes"), (MEERA, "yes"), choices=("yes", "YES"))
    assert Quorum("yes", 2).progress(votes).met
    assert not Quorum("YES", 2).progress(votes).met


def test_a_question_of_a_survey():
    rule = Quorum("Yes", 1, question="Open?")
    assert decided(rule, form(QUESTIONS, (ASHA, {"Open?": "No", "Clean?": "Yes"}))) == (False, False)
    assert decided(rule, form(QUESTIONS, (ASHA, {"Open?": "Yes", "Clean?": "No"}))) == (True, False)
    several = Quorum("Pens", 1, question="Which?")
    assert decided(several, form(QUESTIONS, (ASHA, {"Which?": ["Bags", "Pens"]}))) == (True, False)


def test_without_a_question_any_of_them_counts():
    assert decided(Quorum("Yes", 1), form(QUESTIONS, (ASHA, {"Open?": "No", "Clean?": "Yes"}))) == (
        True,
        False,
    )


def test_who_left_the_question_out_may_still_choose():
    rule = Quorum("Yes", 1, (ASHA,), question="Open?")
    progress = rule.progress(form(QUESTIONS, (ASHA, {"Open?": None, "Clean?": "Yes"})))
    assert (progress.met, progress.hopeless) == (False, False)
    assert [person.mobile_number for person in progress.missing] == [ASHA]


def test_a_job():
    rule = Quorum("Completed", 2)
    assert decided(rule, job({ASHA: "Completed", RAVI: "InProgress"})) == (False, False)
    assert decided(rule, job({ASHA: "Completed", RAVI: "Completed"})) == (True, False)
    with pytest.raises(
        KaizalaInputError, match=f"the job is not assigned to {MEERA.replace('+', '.')}, but to"
    ):
        Quorum("Completed", 1, (ASHA, MEERA)).progress(job({ASHA: None, RAVI: None}))


def test_an_option_that_is_not_there():
    with pytest.raises(KaizalaInputError, match="until: the Poll has no option 'Maybe'; it has 'Yes', 'No'"):
        Quorum("Maybe", 1).progress(poll())
    with pytest.raises(
        KaizalaInputError,
        match=r"the Survey has no question 'Shut\?' to choose in; it has 'Open\?', 'Clean\?'",
    ):
        Quorum("Yes", 1, question="Shut?").progress(form(QUESTIONS))
    with pytest.raises(KaizalaInputError, match="has no option 'Pens'"):
        Quorum("Pens", 1, question="Open?").progress(form(QUESTIONS))


def test_a_service_that_does_not_tell_the_options():
    assert decided(Quorum("Yes", 1), poll((ASHA, "Yes"), choices=())) == (True, False)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"count": 3, "people": (ASHA, RAVI)}, "a quorum of 3 can never come from 2 people"),
        ({"count": 2, "people": (ASHA, ASHA)}, "a quorum of 2 can never come from 1 people"),
        ({"count": 0}, "a count of at least 1 is needed"),
        ({"count": 1, "people": ()}, "until is empty"),
        ({"count": 1, "option": " "}, "until: option is empty"),
        ({"count": 1, "people": ("0123",)}, "not a phone number in E.164 format"),
    ],
)
def test_no_quorums(given, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as refused:
        Quorum(**{"option": "Yes", **given})
    assert says in str(refused.value)


def test_within_an_audience():
    audience = Audience({RAVI: "Ravi", MEERA: None}, {ASHA: "Asha"})
    assert Quorum("Yes", 3).within(audience) == Quorum("Yes", 3), "the sender may vote too"
    with pytest.raises(
        KaizalaInputError, match="a quorum of 4 can never come from the 3 people of the group"
    ):
        Quorum("Yes", 4).within(audience)
    named = Quorum("Yes", 1, (ASHA, RAVI)).within(audience)
    assert named.names == {ASHA: "Asha", RAVI: "Ravi"}
    with pytest.raises(
        KaizalaInputError, match=r"\+910000000009 cannot answer, being no member of the group"
    ):
        Quorum("Yes", 1, ("+910000000009",)).within(audience)


def test_in_words():
    rule = Quorum("Yes", 2, (ASHA, RAVI, MEERA), names={MEERA: "Meera"})
    assert (
        str(rule.progress(poll()))
        == f"0 of 2 for 'Yes', 0 for something else; missing: {ASHA}, {RAVI}, Meera"
    )
    assert str(rule.progress(poll((ASHA, "Yes"), (RAVI, "No")))) == (
        "1 of 2 for 'Yes', 1 for something else; missing: Meera"
    )
