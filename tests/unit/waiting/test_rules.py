from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import ActionDetails, Person
from airflow_provider_kaizala.waiting.people import Eligible
from airflow_provider_kaizala.waiting.rules import (
    AnyAnswer,
    AtLeast,
    Everyone,
    People,
    Progress,
    Quorum,
    Rule,
    read_rule,
)
from tests.unit.waiting.actions import ASHA, JOHN, MEERA, RAVI, job, numbers, poll, survey

# --- the forms of a rule -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "rule"),
    [
        ("any", AnyAnswer()),
        (" Any ", AnyAnswer()),
        ("all", Everyone()),
        ("everyone", Everyone()),
        (3, AtLeast(3)),
        ("3", AtLeast(3)),
        (" 3 ", AtLeast(3)),
        ([ASHA, RAVI], People((ASHA, RAVI))),
        ((ASHA,), People((ASHA,))),
        ([ASHA, f" {ASHA} "], People((ASHA,))),
        ({"kind": "any"}, AnyAnswer()),
        ({"kind": "at_least", "count": 3}, AtLeast(3)),
        ({"kind": "at_least", "count": "3"}, AtLeast(3)),  # rendered by a template
        ({"kind": "everyone"}, Everyone()),
        ({"kind": "everyone", "people": [ASHA]}, Everyone((ASHA,))),
        ({"kind": "everyone", "people": None}, Everyone()),
        ({"kind": "people", "people": [ASHA]}, People((ASHA,), "all")),
        ({"kind": "people", "people": [ASHA, RAVI], "need": "any"}, People((ASHA, RAVI), "any")),
        ({"kind": "people", "people": [ASHA], "need": " Any "}, People((ASHA,), "any")),
        ({"kind": "quorum", "option": "Yes", "count": "2"}, Quorum("Yes", 2)),
        (AtLeast(2), AtLeast(2)),
    ],
)
def test_a_rule_can_be_given_in_a_short_form_or_as_a_dict(short, rule):
    assert read_rule(short) == rule


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("most", "'most' is not a rule; give 'any', 'all', a count"),
        ("", "'' is not a rule"),
        ("\u00b2", "is not a rule"),  # a digit to str.isdigit, not one to int
        ("\u0663", "is not a rule"),  # a digit to int, but not an ASCII one
        (None, "None is not a rule"),
        (1.5, "1.5 is not a rule"),
        (True, "True is not a rule"),
        (b"any", "is not a rule"),
        (f"['{ASHA}']", "a template has turned it into text"),
        (0, "count must be a whole number of at least 1, not 0"),
        ("0", "count must be a whole number of at least 1, not '0'"),
        (-2, "count must be a whole number of at least 1, not -2"),
        ([], "until: people is empty; give at least one phone number"),
        ([ASHA, "0123"], "'0123' is not a phone number in E.164 format"),
        ([ASHA, 5], "5 is not a phone number"),
        (lambda action: True, "a function cannot travel to a trigger; give 'any', 'all'"),
    ],
)
def test_anything_else_is_refused_with_the_forms_that_are_allowed(bad, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as refused:
        read_rule(bad)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        ({}, "kind None is unknown. Known kinds: any, at_least, everyone, people, quorum, all_of, any_of"),
        ({"count": 3}, "kind None is unknown"),
        ({"kind": "atleast", "count": 1}, "kind 'atleast' is unknown; did you mean 'at_least'? Known kinds:"),
        ({"kind": "zzz"}, "kind 'zzz' is unknown. Known kinds"),
        ({"kind": ["any"]}, "kind ['any'] is unknown"),
        ({"kind": "quorum", "option": "Yes"}, "kind 'quorum' lacks 'count'. It takes option, count, people"),
        ({"kind": "quorum"}, "kind 'quorum' lacks 'option' and 'count'"),
        (
            {"kind": "quorum", "optoin": "Yes", "count": 1},
            "kind 'quorum' does not take 'optoin'; did you mean 'option'? It takes option, count, people (optional)",
        ),
        ({"kind": "any", "count": 3}, "kind 'any' does not take 'count'. It takes no fields"),
        ({"kind": "at_least"}, "kind 'at_least' lacks 'count'. It takes count"),
        ({"kind": "at_least", "count": 3, "of": 4}, "kind 'at_least' does not take 'of'. It takes count"),
        ({"kind": "at_least", "count": "three"}, "count must be a whole number of at least 1, not 'three'"),
        ({"kind": "at_least", "count": True}, "count must be a whole number of at least 1, not True"),
        ({"kind": "people", "need": "all"}, "kind 'people' lacks 'people'"),
        ({"kind": "people", "people": ASHA}, "until: people must be a list of phone numbers"),
        ({"kind": "people", "people": [ASHA], "need": "most"}, "need must be one of all, any, not 'most'"),
    ],
)
def test_a_wrong_dict_is_told_what_is_missing_or_misspelt(wire, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as refused:
        read_rule(wire)
    assert says in str(refused.value)


def test_a_field_that_no_one_writes_by_hand_is_not_offered():
    with pytest.raises(KaizalaInputError) as refused:
        read_rule({"kind": "everyone", "person": [ASHA]})
    assert str(refused.value).endswith("It takes people (optional)")


@given(
    st.one_of(
        st.text(),
        st.dictionaries(st.text(), st.integers()),
        st.dictionaries(
            st.sampled_from(["kind", "count", "people"]), st.sampled_from(["any", "people", [], 1])
        ),
        st.lists(st.text()),
        st.floats(),
    )
)
def test_whatever_is_not_a_rule_raises_one_kind_of_error(anything):
    with suppress(KaizalaInputError):
        assert isinstance(read_rule(anything), Rule)


@pytest.mark.parametrize("use", [bool, lambda rule: rule and AtLeast(1), lambda rule: rule or "all"])
def test_a_rule_refuses_and_and_or_which_would_drop_a_part_of_it(use):
    with pytest.raises(TypeError, match=r"combine rules with & and \|, not with 'and' and 'or'"):
        use(AtLeast(2))


# --- how a rule travels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "wire"),
    [
        (AnyAnswer(), {"kind": "any"}),
        (AtLeast(3), {"kind": "at_least", "count": 3}),
        (Everyone(), {"kind": "everyone"}),
        (
            Everyone((ASHA, RAVI), {ASHA: "Asha"}),
            {"kind": "everyone", "people": [ASHA, RAVI], "names": {ASHA: "Asha"}},
        ),
        (People((ASHA,)), {"kind": "people", "people": [ASHA], "need": "all"}),
        (People((ASHA,), "any"), {"kind": "people", "people": [ASHA], "need": "any"}),
        (
            People((ASHA,), names={ASHA: "Asha"}),
            {"kind": "people", "people": [ASHA], "need": "all", "names": {ASHA: "Asha"}},
        ),
        (Quorum("Yes", 2), {"kind": "quorum", "option": "Yes", "count": 2}),
        (
            Quorum("Yes", 1, (ASHA,), "Open?", {ASHA: "Asha"}),
            {
                "kind": "quorum",
                "option": "Yes",
                "count": 1,
                "people": [ASHA],
                "question": "Open?",
                "names": {ASHA: "Asha"},
            },
        ),
        (
            AnyAnswer() | AtLeast(2),
            {"kind": "any_of", "rules": [{"kind": "any"}, {"kind": "at_least", "count": 2}]},
        ),
        (
            AnyAnswer() & AtLeast(2),
            {"kind": "all_of", "rules": [{"kind": "any"}, {"kind": "at_least", "count": 2}]},
        ),
    ],
)
def test_the_wire_format_is_fixed(rule, wire):
    assert rule.to_wire() == wire
    assert read_rule(json.loads(json.dumps(wire))) == rule


# --- progress ------------------------------------------------------------------------------------------------------------


def test_any_answer_is_enough():
    assert not AnyAnswer().progress(survey()).met
    progress = AnyAnswer().progress(survey(RAVI))
    assert progress.met
    assert str(progress) == "1 of 1 answered (Ravi)"


def test_several_answers_of_one_person_count_once():
    progress = AtLeast(2).progress(survey(ASHA, ASHA, ASHA))
    assert not progress.met
    assert numbers(progress.answered) == [ASHA]
    assert AtLeast(2).progress(survey(ASHA, ASHA, RAVI)).met


def test_anonymous_answers_count_each():
    progress = AtLeast(3).progress(survey(None, None, ASHA))
    assert progress.met
    assert str(progress) == "3 of 3 answered (somebody, somebody, Asha)"


def test_people_without_a_number_are_told_apart_by_id():
    def answer(person_id):
        return {"responder": "", "responderId": person_id, "responderName": "X"}

    details = ActionDetails.read(
        {"actionType": "Survey", "actionDetails": {"responses": [answer("u1"), answer("u1"), answer("u2")]}}
    )
    assert len(AnyAnswer().progress(details).answered) == 2


def test_a_job_in_progress_does_not_count():
    progress = Everyone().progress(job({ASHA: "InProgress", RAVI: "Completed", MEERA: None}))
    assert not progress.met
    assert progress.needed == 3
    assert str(progress) == "1 of 3 answered (Ravi); missing: Asha, Meera"
    assert not AnyAnswer().progress(job({ASHA: "InProgress"})).met


def test_a_job_that_all_have_done_misses_nobody():
    progress = Everyone().progress(job({ASHA: "Completed", RAVI: "Completed"}))
    assert progress.met
    assert progress.missing == ()


def test_the_first_to_have_done_a_job_leaves_the_others_missing():
    progress = AnyAnswer().progress(job({ASHA: "Completed", RAVI: "InProgress"}))
    assert progress.met
    assert numbers(progress.missing) == [RAVI]


def test_the_assignees_of_a_job_are_everyone_whatever_was_known_before():
    progress = Everyone((ASHA,)).progress(job({ASHA: "Completed", RAVI: None}))
    assert not progress.met
    assert numbers(progress.missing) == [RAVI]


def test_a_job_whose_numbers_are_written_differently_is_read_as_it_is():
    """Whatever we would accept from a user."""
    progress = Everyone().progress(job({"910000000001": "Completed", "n/a": "InProgress"}))
    assert (progress.met, progress.needed) == (False, 2)
    assert numbers(progress.missing) == ["n/a"]


def test_an_assignee_without_a_number_is_waited_for():
    details = ActionDetails.read(
        {
            "actionType": "Job",
            "actionDetails": {
                "title": "Check pump",
                "assignee": [{"mobileNumber": ASHA, "name": "Asha"}, {"name": "Ravi"}],
                "responses": [{"assignee": ASHA, "response": "Completed"}],
            },
        }
    )
    progress = Everyone().progress(details)
    assert not progress.met
    assert progress.missing == (Person(None, "Ravi"),)


def test_everyone_must_be_known_somehow():
    with pytest.raises(
        KaizalaInputError, match=r"until: 'all' needs to know who .* a Survey has no assignees"
    ):
        Everyone().progress(survey(ASHA))
    assert Everyone((ASHA, RAVI)).progress(survey(ASHA, RAVI)).met


def test_all_of_the_named_people_must_answer():
    rule = People((ASHA, MEERA))
    progress = rule.progress(survey(ASHA, RAVI))
    assert not progress.met
    assert str(progress) == "1 of 2 answered (Asha); missing: +910000000003"
    assert rule.progress(survey(MEERA, RAVI, ASHA)).met


def test_any_of_the_named_people_is_enough():
    rule = People((ASHA, MEERA), "any")
    assert not rule.progress(survey(RAVI)).met
    progress = rule.progress(survey(MEERA))
    assert progress.met
    assert progress.needed == 1
    assert numbers(progress.missing) == [ASHA]


def test_named_people_of_a_job_are_called_by_name():
    progress = People((ASHA, RAVI)).progress(job({ASHA: "Completed", RAVI: "InProgress"}))
    assert not progress.met
    assert str(progress) == "1 of 2 answered (Asha); missing: Ravi"


@given(st.lists(st.sampled_from([ASHA, RAVI, MEERA, None])), st.integers(min_value=1, max_value=5))
def test_more_answers_never_undo_a_wait(responders, count):
    met = [AtLeast(count).progress(survey(*responders[:at])).met for at in range(len(responders) + 1)]
    assert met == sorted(met)


# --- progress in words ---------------------------------------------------------------------------------------------------

A, R, M = Person(ASHA, "Asha"), Person(RAVI, "Ravi"), Person(MEERA, "Meera")


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(False, (), 3), "0 of 3 answered"),
        (Progress(False, (), 3, (A, R, M)), "0 of 3 answered; missing: Asha, Ravi, Meera"),
        (Progress(False, (A, R), 3, (M,)), "2 of 3 answered (Asha, Ravi); missing: Meera"),
        (Progress(True, (A,), 1), "1 of 1 answered (Asha)"),
        (Progress(True, (A, R), 1), "2 answered (Asha, Ravi)"),
        (Progress(True, (A, R), 1, (M,)), "2 answered (Asha, Ravi); missing: Meera"),
        (Progress(False, (A,), 2, (R,), text="1 of 2 for 'Yes'"), "1 of 2 for 'Yes'"),
    ],
)
def test_progress_counts_and_names(progress, text):
    assert str(progress) == text


@pytest.mark.parametrize(
    ("met", "hopeless", "over"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_a_wait_is_over_once_its_rule_is_met_or_never_can_be(met, hopeless, over):
    assert Progress(met, (), 1, hopeless=hopeless).over is over


# --- a rule and the people who can answer --------------------------------------------------------------------------------

GROUP = Eligible({RAVI: "Ravi", MEERA: None}, {ASHA: "Asha"})


def test_everyone_is_those_who_are_asked():
    assert Everyone().within(GROUP) == Everyone((RAVI, MEERA), {RAVI: "Ravi"})


def test_everyone_stays_who_it_was_once_it_is_known():
    known = Everyone((MEERA,), {MEERA: "M."})
    assert known.within(GROUP) == known
    assert Everyone((RAVI,)).within(GROUP) == Everyone((RAVI,), {RAVI: "Ravi"}), "names are added"


def test_everyone_is_refused_where_no_one_is_asked():
    with pytest.raises(KaizalaInputError, match="the group has no members besides the sender"):
        Everyone().within(Eligible({}, {ASHA: "Asha"}))


def test_a_count_is_compared_with_all_who_may_answer_the_sender_too():
    assert AtLeast(3).within(GROUP) == AtLeast(3)
    with pytest.raises(
        KaizalaInputError, match="until: cannot wait for 4 people; number of members of the group: 3"
    ):
        AtLeast(4).within(GROUP)


@pytest.mark.parametrize("need", ["all", "any"])
def test_each_of_the_named_people_must_be_able_to_answer(need):
    assert People((ASHA, RAVI), need).within(GROUP) == People(
        (ASHA, RAVI), need, {ASHA: "Asha", RAVI: "Ravi"}
    )
    with pytest.raises(KaizalaInputError, match=r"until: \+910000000004 cannot answer"):
        People((ASHA, JOHN), need).within(GROUP)


def test_names_that_are_known_already_stay():
    assert People((ASHA,), names={ASHA: "A."}).within(GROUP).names == {ASHA: "A."}


def test_any_answer_fits_every_group():
    assert AnyAnswer().within(Eligible({})) == AnyAnswer()


def test_of_a_question_that_only_some_were_asked_they_are_everyone():
    assert Everyone().asked([RAVI, ASHA]) == Everyone((RAVI, ASHA))
    assert Everyone((MEERA,)).asked([RAVI]) == Everyone((MEERA,)), "people who are named stay"
    assert AtLeast(2).asked([RAVI]) == AtLeast(2)


@pytest.mark.parametrize(
    ("rule", "eligible", "by_name", "voters", "options"),
    [
        (AnyAnswer(), False, False, None, ()),
        (AtLeast(2), True, False, None, ()),
        (Everyone(), True, True, None, ()),
        (People((ASHA,)), True, True, None, ()),
        (Quorum("Yes", 1), True, False, None, ("Yes",)),
        (Quorum("Yes", 1, (ASHA,)), True, True, (ASHA,), ("Yes",)),
    ],
)
def test_what_must_be_known_for_a_rule(rule, eligible, by_name, voters, options):
    assert (rule.needs_eligible, rule.needs_names) == (eligible, by_name)
    assert (rule.voters, rule.options(), rule.parts) == (voters, options, (rule,))


def test_of_alternatives_one_that_does_not_fit_is_dropped():
    seen = poll((ASHA, "Yes"), options=("Yes", "No"))
    for rule in (AtLeast(1) | Quorum("Maybe", 1), Quorum("Maybe", 1) | AtLeast(1), AtLeast(1) | "all"):
        assert rule.progress(seen).met
    assert not (AtLeast(2) | Quorum("Maybe", 1)).progress(seen).over
    with pytest.raises(KaizalaInputError, match="has no option 'Maybe'"):
        (Quorum("Maybe", 1) | Quorum("Perhaps", 1)).progress(seen)
    with pytest.raises(KaizalaInputError, match="has no option 'Maybe'"):
        (AtLeast(1) & Quorum("Maybe", 1)).progress(seen)
