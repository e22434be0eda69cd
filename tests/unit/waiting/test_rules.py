from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import ActionDetails, Person
from airflow_provider_kaizala.waiting.rules import read_rule
from airflow_provider_kaizala.waiting.rules import AnyAnswer, AtLeast, Everyone, People, Rule

ASHA, RAVI, MEERA = "+910000000001", "+910000000002", "+910000000003"


def survey(*responders, kind="Survey"):
    """A survey as the wire brings it; None stands for an anonymous answer."""
    return ActionDetails.read(
        {
            "actionType": kind,
            "actionId": "a1",
            "actionDetails": {
                "title": "Daily",
                "responses": [
                    {
                        "responseId": f"r{at}",
                        "responder": number,
                        "responderName": number and f"Name of {number[-1]}",
                    }
                    for at, number in enumerate(responders)
                ],
            },
        }
    )


def job(states):
    return ActionDetails.read(
        {
            "actionType": "Job",
            "actionId": "a1",
            "actionDetails": {
                "title": "Check pump",
                "assignee": [
                    {"mobileNumber": number, "name": f"Name of {number[-1]}"} for number in states if number
                ],
                "responses": [
                    {"assignee": number, "response": state} for number, state in states.items() if state
                ],
            },
        }
    )


# --- forms ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "rule"),
    [
        ("any", AnyAnswer()),
        (" Any ", AnyAnswer()),
        ("all", Everyone()),
        ("everyone", Everyone()),
        (3, AtLeast(3)),
        ("3", AtLeast(3)),
        ([ASHA, RAVI], People((ASHA, RAVI))),
        ((ASHA,), People((ASHA,))),
        ([ASHA, f" {ASHA} "], People((ASHA,))),
        ({"kind": "any"}, AnyAnswer()),
        ({"kind": "at_least", "count": 3}, AtLeast(3)),
        ({"kind": "at_least", "count": "3"}, AtLeast(3)),  # rendered by a template
        ({"kind": "everyone"}, Everyone()),
        ({"kind": "people", "people": [ASHA]}, People((ASHA,), "all")),
        ({"kind": "people", "people": [ASHA, RAVI], "need": "any"}, People((ASHA, RAVI), "any")),
        (AtLeast(2), AtLeast(2)),
    ],
)
def test_forms(short, rule):
    assert read_rule(short) == rule


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("most", "'most' is no rule; give 'any', 'all', a count"),
        ("", "is no rule"),
        ("\u00b2", "is no rule"),  # a digit to str.isdigit, none to int
        (None, "None is no rule"),
        (1.5, "1.5 is no rule"),
        (True, "True is no rule"),
        (0, "a count of at least 1 is needed, not 0"),
        ("0", "a count of at least 1 is needed, not 0"),
        (-2, "a count of at least 1 is needed, not -2"),
        ([], "until is empty"),
        ([ASHA, "0123"], "'0123' is not a phone number in E.164 format"),
        ([ASHA, 5], "5 is not a phone number"),
        (b"any", "is no rule"),
        (lambda action: True, "a function cannot travel to a trigger"),
        ({}, "kind None is unknown; known are any, at_least, everyone, people"),
        ({"kind": "some"}, "kind 'some' is unknown"),
        ({"kind": ["any"]}, "is unknown"),
        ({"kind": "at_least"}, "kind 'at_least' takes count, not nothing"),
        ({"kind": "at_least", "count": 3, "of": 4}, "kind 'at_least' takes count, not count, of"),
        ({"kind": "at_least", "count": "three"}, "a count of at least 1 is needed, not 'three'"),
        ({"kind": "any", "count": 3}, "kind 'any' takes nothing else, not count"),
        ({"kind": "people", "need": "all"}, "kind 'people' takes people, need, not need"),
        ({"kind": "people", "people": ASHA}, "must be a list of phone numbers"),
        ({"kind": "people", "people": [ASHA], "need": "most"}, "need is 'all' or 'any', not 'most'"),
    ],
)
def test_no_rules(bad, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as caught:
        read_rule(bad)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "wire"),
    [
        (AnyAnswer(), {"kind": "any"}),
        (AtLeast(3), {"kind": "at_least", "count": 3}),
        (Everyone(), {"kind": "everyone"}),
        (People((ASHA,)), {"kind": "people", "people": [ASHA], "need": "all"}),
        (People((ASHA,), "any"), {"kind": "people", "people": [ASHA], "need": "any"}),
    ],
)
def test_the_wire_format_is_fixed(rule, wire):
    assert rule.to_wire() == wire


phones = st.from_regex(r"\+[0-9]{6,15}", fullmatch=True)
rules = st.one_of(
    st.just(AnyAnswer()),
    st.just(Everyone()),
    st.builds(AtLeast, st.integers(min_value=1)),
    st.builds(People, st.lists(phones, min_size=1).map(tuple), st.sampled_from(["all", "any"])),
)


@given(rules)
def test_every_rule_survives_the_way_to_a_trigger(rule: Rule):
    assert read_rule(json.loads(json.dumps(rule.to_wire()))) == rule


@given(st.one_of(st.text(), st.dictionaries(st.text(), st.integers()), st.lists(st.text()), st.floats()))
def test_whatever_is_no_rule_is_refused_in_one_way(anything):
    with suppress(KaizalaInputError):
        assert isinstance(read_rule(anything), Rule)


# --- progress --------------------------------------------------------------------------------------------------------------


def test_any_answer():
    assert not AnyAnswer().progress(survey()).met
    progress = AnyAnswer().progress(survey(RAVI))
    assert progress.met
    assert str(progress) == "1 of 1: Name of 2"


def test_progress_of_nobody():
    assert str(AtLeast(2).progress(survey())) == "0 of 2: nobody"


def test_several_answers_of_one_person_count_once():
    progress = AtLeast(2).progress(survey(ASHA, ASHA, ASHA))
    assert not progress.met
    assert [person.mobile_number for person in progress.answered] == [ASHA]
    assert AtLeast(2).progress(survey(ASHA, ASHA, RAVI)).met


def test_anonymous_answers_count_each():
    progress = AtLeast(3).progress(survey(None, None, ASHA))
    assert progress.met
    assert str(progress) == "3 of 3: somebody, somebody, Name of 1"


def test_a_person_without_a_number_is_known_by_id():
    def answer(person_id):
        return {"responder": "", "responderId": person_id, "responderName": "X"}

    action = ActionDetails.read(
        {"actionType": "Survey", "actionDetails": {"responses": [answer("u1"), answer("u1"), answer("u2")]}}
    )
    assert len(AnyAnswer().progress(action).answered) == 2


def test_a_job_in_progress_does_not_count():
    states = {ASHA: "InProgress", RAVI: "Completed", MEERA: None}
    progress = Everyone().progress(job(states))
    assert not progress.met
    assert progress.needed == 3
    assert str(progress) == "1 of 3: Name of 2; missing: Name of 1, Name of 3"
    assert not AnyAnswer().progress(job({ASHA: "InProgress"})).met


def test_a_job_that_all_have_done():
    progress = Everyone().progress(job({ASHA: "Completed", RAVI: "Completed"}))
    assert progress.met
    assert progress.missing == ()


def test_the_first_done_of_a_job_leaves_the_others_missing():
    progress = AnyAnswer().progress(job({ASHA: "Completed", RAVI: "InProgress"}))
    assert progress.met
    assert [person.mobile_number for person in progress.missing] == [RAVI]


def test_a_job_whose_numbers_are_written_otherwise():
    """What Kaizala says about its people is read as it is, whatever we would take from a user."""
    progress = Everyone().progress(job({"910000000001": "Completed", "n/a": "InProgress"}))
    assert (progress.met, progress.needed) == (False, 2)
    assert [person.mobile_number for person in progress.missing] == ["n/a"]


def test_an_assignee_without_a_number_is_waited_for():
    action = ActionDetails.read(
        {
            "actionType": "Job",
            "actionDetails": {
                "title": "Check pump",
                "assignee": [{"mobileNumber": ASHA, "name": "Asha"}, {"name": "Ravi"}],
                "responses": [{"assignee": ASHA, "response": "Completed"}],
            },
        }
    )
    progress = Everyone().progress(action)
    assert not progress.met
    assert progress.missing == (Person(None, "Ravi"),)


def test_everyone_needs_assignees():
    with pytest.raises(
        KaizalaInputError, match=r"until: 'all' needs to know who .* a Survey has no assignees"
    ):
        Everyone().progress(survey(ASHA))


def test_more_than_a_job_has_assignees():
    with pytest.raises(KaizalaInputError, match="until: 3 answers can never come, the job has 2 assignees"):
        AtLeast(3).progress(job({ASHA: "Completed", RAVI: None}))
    assert AtLeast(2).progress(job({ASHA: "Completed", RAVI: "Completed"})).met


def test_named_people():
    rule = People((ASHA, MEERA))
    progress = rule.progress(survey(ASHA, RAVI))
    assert not progress.met
    assert str(progress) == "1 of 2: Name of 1; missing: +910000000003"
    assert rule.progress(survey(MEERA, RAVI, ASHA)).met


def test_any_of_named_people():
    rule = People((ASHA, MEERA), "any")
    assert not rule.progress(survey(RAVI)).met
    progress = rule.progress(survey(MEERA))
    assert progress.met
    assert [person.mobile_number for person in progress.missing] == [ASHA]


def test_named_people_of_a_job_are_called_by_name():
    progress = People((ASHA, RAVI)).progress(job({ASHA: "Completed", RAVI: "InProgress"}))
    assert not progress.met
    assert str(progress) == "1 of 2: Name of 1; missing: Name of 2"


def test_the_base_is_no_rule():
    with pytest.raises(TypeError, match="Rule is no rule by itself"):
        Rule().progress(survey())


@given(st.lists(st.sampled_from([ASHA, RAVI, MEERA, None])), st.integers(min_value=1, max_value=5))
def test_more_answers_never_undo_a_wait(responders, count):
    met = [AtLeast(count).progress(survey(*responders[:at])).met for at in range(len(responders) + 1)]
    assert met == sorted(met)
