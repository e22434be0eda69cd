from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import Person
from airflow_provider_kaizala.waiting.decision import Decision, approval_rule, decide
from airflow_provider_kaizala.waiting.people import Eligible
from airflow_provider_kaizala.waiting.rules import Quorum, read_rule
from tests.unit.waiting.actions import ASHA, JOHN, MEERA, NAMES, RAVI, form, numbers, poll

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
OPTIONS = ["Yes", "No", "Later"]

# --- approvals -----------------------------------------------------------------------------------------------------------


def over(rule, *votes):
    progress = rule.progress(poll(*votes, options=("Approve", "Reject")))
    return progress.met, progress.over


def test_named_approvers_decide_alone():
    rule = approval_rule("Approve", "Reject", 2, [ASHA, RAVI, MEERA])
    assert rule == Quorum("Approve", 2, (ASHA, RAVI, MEERA))
    assert over(rule, (JOHN, "Reject"), (ASHA, "Reject")) == (False, False)
    assert over(rule, (RAVI, "Reject"), (ASHA, "Reject")) == (False, True)
    assert over(rule, (RAVI, "Approve"), (ASHA, "Reject"), (MEERA, "Approve")) == (True, True)


def test_without_named_approvers_one_rejection_is_enough():
    rule = approval_rule("Approve", "Reject", 2, None)
    assert over(rule, (ASHA, "Approve")) == (False, False)
    assert over(rule, (ASHA, "Approve"), (RAVI, "Reject")) == (True, True)
    assert over(rule, (ASHA, "Approve"), (RAVI, "Approve")) == (True, True)
    at_once = poll((ASHA, "Approve"), (RAVI, "Reject"), (MEERA, "Approve"), options=("Approve", "Reject"))
    decision = decide(rule, at_once, ("Approve", "Reject"), False)
    assert decision is not None
    assert (decision.chosen, decision.by.mobile_number) == (("Reject",), RAVI)


def test_more_approvals_than_approvers_are_refused():
    with pytest.raises(KaizalaInputError, match="a quorum of 3 can never come from 2 people"):
        approval_rule("Approve", "Reject", 3, [ASHA, RAVI])


def test_more_approvals_than_the_group_has_people_are_refused():
    """A rejection is still possible, but an approval that can only be rejected is a mistake."""
    with pytest.raises(
        KaizalaInputError, match="until: cannot wait for 3 people; number of members of the group: 2"
    ):
        approval_rule("Approve", "Reject", 3, None).within(Eligible({ASHA: None}, {RAVI: None}))


# --- what the group has decided ------------------------------------------------------------------------------------------


def votes_of(*votes):
    """A poll on tea; a vote is ``(who, option or options, minute)`` in the order of the list, and minute 0 is an unknown time."""
    if any(isinstance(option, list) for _, option, _ in votes):
        return form({"Tea?": OPTIONS}, *((who, {"Tea?": option}, *when(at)) for who, option, at in votes))
    return poll(*((who, option, *when(at)) for who, option, at in votes), options=OPTIONS, title="Tea?")


def when(minute):
    return [(AT + timedelta(minutes=minute)).isoformat()] if minute else []


APPROVAL = {"kind": "quorum", "option": "Yes", "count": 2, "people": [ASHA, RAVI, MEERA]}
ANYONES = {
    "kind": "any_of",
    "rules": [
        {"kind": "quorum", "option": "Yes", "count": 1},
        {"kind": "quorum", "option": "No", "count": 1},
    ],
}


@pytest.mark.parametrize(
    ("until", "votes", "chosen", "by"),
    [
        # one answer is enough: the first, by its time or else by its place in the list
        ("any", [], None, None),
        ("any", [(RAVI, "No", 2), (ASHA, "Yes", 1)], ["Yes"], ASHA),
        ("any", [(RAVI, "No", 0), (ASHA, "Yes", 0)], ["No"], RAVI),
        ("any", [(RAVI, "No", 0), (ASHA, "Yes", 9)], ["Yes"], ASHA),
        ("any", [(RAVI, "no ", 1)], ["No"], RAVI),
        ("any", [(RAVI, "Coffee", 1)], None, None),
        ("any", [(RAVI, "Coffee", 1), (ASHA, "Yes", 2)], ["Yes"], ASHA),
        (1, [(RAVI, "No", 2), (ASHA, "Yes", 1)], ["Yes"], ASHA),
        # several answers: what most people chose, completed by the last of them
        (2, [(RAVI, "No", 1)], None, None),
        (2, [(RAVI, "No", 1), (ASHA, "Yes", 2)], None, None),
        (3, [(RAVI, "No", 1), (ASHA, "Yes", 2), (MEERA, "No", 3)], ["No"], MEERA),
        (3, [(RAVI, "No", 3), (ASHA, "Yes", 2), (MEERA, "No", 1)], ["No"], RAVI),
        (3, [(RAVI, "No", 0), (ASHA, "Yes", 0), (MEERA, "No", 0)], ["No"], MEERA),
        # named people: only they count
        ([ASHA], [(RAVI, "No", 1)], None, None),
        ([ASHA], [(RAVI, "No", 1), (ASHA, "Yes", 2)], ["Yes"], ASHA),
        (
            {"kind": "people", "people": [ASHA, RAVI], "need": "any"},
            [(MEERA, "Later", 1), (RAVI, "No", 2)],
            ["No"],
            RAVI,
        ),
        # a quorum that is met decides for its option, one that no longer can be for another
        (APPROVAL, [(ASHA, "Yes", 1)], None, None),
        (APPROVAL, [(ASHA, "Yes", 1), (RAVI, "Yes", 2)], ["Yes"], RAVI),
        (APPROVAL, [(ASHA, "Yes", 3), (RAVI, "Yes", 2), (MEERA, "No", 4)], ["Yes"], ASHA),
        (APPROVAL, [(ASHA, "No", 1), (RAVI, "No", 2)], ["No"], RAVI),
        (APPROVAL, [(ASHA, "No", 1), (RAVI, "Later", 2), (MEERA, "Yes", 3)], None, None),
        (APPROVAL, [(ASHA, "No", 1), (RAVI, "No", 2), (JOHN, "Later", 3)], ["No"], RAVI),
        (
            {**APPROVAL, "count": 3},
            [(ASHA, "No", 1), (RAVI, "Yes", 2), (MEERA, "Yes", 3)],
            ["No"],
            ASHA,
        ),
        # one of several rules
        (ANYONES, [(ASHA, "Later", 1)], None, None),
        (ANYONES, [(ASHA, "No", 1)], ["No"], ASHA),
        (ANYONES, [(ASHA, "No", 1), (RAVI, "Yes", 2)], ["Yes"], RAVI),
        # of several rules that are met, one may decide where another ends in a tie
        (
            {"kind": "any_of", "rules": [4, {"kind": "quorum", "option": "Yes", "count": 2}]},
            [(ASHA, "No", 1), (RAVI, "No", 2), (MEERA, "Yes", 3), (JOHN, "Yes", 4)],
            ["Yes"],
            JOHN,
        ),
        # all of several rules
        (
            {
                "kind": "all_of",
                "rules": [{**APPROVAL, "people": [ASHA, RAVI]}, {**APPROVAL, "people": [RAVI, ASHA]}],
            },
            [
                (ASHA, "Yes", 1),
                (RAVI, "Yes", 2),
                (MEERA, "No", 3),
                (JOHN, "No", 4),
                ("+910000000005", "No", 5),
            ],
            ["Yes"],
            RAVI,
        ),
        (
            {"kind": "all_of", "rules": [2, "any"]},
            [(ASHA, "No", 1), (RAVI, "No", 2)],
            ["No"],
            RAVI,
        ),
    ],
)
def test_what_the_group_has_decided_and_whose_answer_completed_it(until, votes, chosen, by):
    found = decide(read_rule(until), votes_of(*votes), OPTIONS, False)
    assert (found and list(found.chosen), found and found.by.mobile_number) == (chosen, by)


@pytest.mark.parametrize(
    ("until", "votes", "chosen"),
    [
        ("any", [(RAVI, ["No", "Later"], 2), (ASHA, ["Yes"], 3)], ["No", "Later"]),
        (2, [(RAVI, ["No", "Later"], 1), (ASHA, ["Later"], 2)], ["Later"]),
        (2, [(RAVI, ["No"], 1), (ASHA, ["Later"], 2)], None),
        (2, [(RAVI, ["No", "Yes"], 1), (ASHA, ["Yes", "No"], 2)], ["Yes", "No"]),
        ({"kind": "quorum", "option": "Yes", "count": 1}, [(RAVI, ["No", "Yes"], 1)], ["Yes", "No"]),
        (
            {"kind": "quorum", "option": "Yes", "count": 1},
            [(RAVI, ["No"], 1), (ASHA, ["Yes"], 2), (MEERA, ["No"], 3)],
            ["Yes", "No"],
        ),
    ],
)
def test_where_a_person_may_choose_several_each_option_of_more_than_half_is_chosen(until, votes, chosen):
    found = decide(read_rule(until), votes_of(*votes), OPTIONS, True)
    assert (found and list(found.chosen)) == chosen


def test_those_who_chose_it_support_the_decision():
    votes = votes_of((ASHA, "Yes", 3), (RAVI, "No", 2), (MEERA, "Yes", 1))
    assert numbers(decide(read_rule(3), votes, OPTIONS, False).supporters) == [ASHA, MEERA]
    first = decide(read_rule("any"), votes, OPTIONS, False)
    assert numbers(first.supporters) == [MEERA], "the others had no say"


def test_the_latest_vote_of_a_person_counts():
    votes = votes_of((ASHA, "Yes", 1), (RAVI, "No", 2), (ASHA, "No", 3))
    assert decide(read_rule(2), votes, OPTIONS, False).chosen == ("No",)


# --- how a decision reads ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "user"),
    [
        (Person(ASHA, "Asha", "u1"), {"id": f"kaizala:{ASHA}", "name": "Asha"}),
        (Person(ASHA), {"id": f"kaizala:{ASHA}", "name": ASHA}),
        (Person(None, None, "u1"), {"id": "kaizala:u1", "name": "somebody in the group"}),
        (Person(), {"id": "kaizala:", "name": "somebody in the group"}),
    ],
)
def test_the_person_is_named_as_airflow_names_people(person, user):
    assert Decision(("Yes",), person, (person,)).user == user


def test_a_decision_reads_as_a_sentence():
    people = tuple(Person(number, NAMES[number]) for number in (ASHA, RAVI))
    assert str(Decision(("Yes", "No"), people[0], people)) == "Yes, No by Asha, Ravi"
    assert str(Decision(("Yes",), Person(), (Person(),))) == "Yes by somebody in the group"
