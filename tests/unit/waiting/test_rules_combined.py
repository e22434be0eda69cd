"""Rules of rules: ``a & b`` and ``a | b``."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.people import Eligible
from airflow_provider_kaizala.waiting.rules import (
    AllOf,
    AnyAnswer,
    AnyOf,
    AtLeast,
    Everyone,
    People,
    Quorum,
    read_rule,
)
from tests.unit.waiting.actions import ASHA, JOHN, MEERA, RAVI, numbers, poll
from tests.unit.waiting.strategies import rules

A_COUNT, A_NAME = AtLeast(2), People((MEERA,))


def ended(rule, details):
    progress = rule.progress(details)
    return progress.met, progress.hopeless


# --- logic ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "both", "either"),
    [
        ([], False, False),
        ([(ASHA, "Yes")], False, False),
        ([(ASHA, "Yes"), (RAVI, "Yes")], False, True),
        ([(MEERA, "Yes")], False, True),
        ([(MEERA, "Yes"), (RAVI, "Yes")], True, True),
    ],
)
def test_and_needs_both_and_or_needs_one(votes, both, either):
    details = poll(*votes)
    assert ended(A_COUNT & A_NAME, details) == (both, False)
    assert ended(A_COUNT | A_NAME, details) == (either, False)


def test_a_part_that_is_hopeless_ends_an_and_but_not_an_or():
    never = Quorum("Yes", 1, (RAVI,))
    details = poll((RAVI, "No"))
    assert ended(never, details) == (False, True)
    assert ended(never & A_COUNT, details) == (False, True)
    assert ended(never | A_COUNT, details) == (False, False), "the other may still be met"
    assert ended(never | never, details) == (False, True)
    assert ended(never | AnyAnswer(), details) == (True, False)


votes_of_three = st.lists(
    st.tuples(st.sampled_from([ASHA, RAVI, MEERA]), st.sampled_from(["Yes", "No"])), max_size=6
)
countable = st.one_of(
    st.just(AnyAnswer()),
    st.builds(AtLeast, st.integers(min_value=1, max_value=4)),
    st.builds(People, st.permutations([ASHA, RAVI, MEERA]).map(lambda some: tuple(some[:2]))),
    st.builds(Quorum, st.sampled_from(["Yes", "No"]), st.just(2), st.just((ASHA, RAVI, MEERA))),
)


@given(countable, countable, votes_of_three)
def test_rules_combine_as_logic_does(one, other, votes):
    details = poll(*votes)
    a, b = one.progress(details), other.progress(details)
    both, either = (one & other).progress(details), (one | other).progress(details)
    assert (both.met, either.met) == (a.met and b.met, a.met or b.met)
    assert both.hopeless is (a.hopeless or b.hopeless)
    assert either.hopeless is (a.hopeless and b.hopeless)
    assert not (both.met and both.hopeless)
    assert str(both)


def test_rules_of_one_kind_are_one_level():
    a, b, c = AtLeast(1), AtLeast(2), AtLeast(3)
    assert a & b & c == AllOf((a, b, c)) == a & (b & c)
    assert a | b | c == AnyOf((a, b, c)) == a | (b | c)
    assert (a & b) | c == AnyOf((AllOf((a, b)), c))


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (A_COUNT | "all", AnyOf((A_COUNT, Everyone()))),
        ("any" & A_NAME, AllOf((AnyAnswer(), A_NAME))),
        (3 | A_NAME, AnyOf((AtLeast(3), A_NAME))),
        ([ASHA] & A_COUNT, AllOf((People((ASHA,)), A_COUNT))),
        ({"kind": "any"} | A_COUNT, AnyOf((AnyAnswer(), A_COUNT))),
    ],
)
def test_short_forms_combine_with_rules_on_either_side(made, wanted):
    assert made == wanted


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(lambda seen: True, "a function cannot travel"), ("most", "'most' is not a rule")],
)
def test_what_is_not_a_rule_does_not_combine(wrong, says):
    with pytest.raises(KaizalaInputError, match=says):
        _ = A_COUNT & wrong
    with pytest.raises(KaizalaInputError, match=says):
        _ = wrong | A_COUNT


# --- people --------------------------------------------------------------------------------------------------------------


def test_people_of_all_parts_are_named_each_once():
    progress = (People((ASHA, MEERA)) & People((RAVI, MEERA))).progress(poll((RAVI, "Yes"), (ASHA, "No")))
    assert numbers(progress.answered) == [ASHA, RAVI]
    assert numbers(progress.missing) == [MEERA]
    assert progress.needed == 2


def test_a_part_that_is_met_misses_nobody():
    progress = (People((ASHA, MEERA), "any") & People((RAVI,))).progress(poll((ASHA, "Yes")))
    assert numbers(progress.missing) == [RAVI]


def test_a_part_that_is_hopeless_misses_nobody():
    progress = (Quorum("Yes", 2, (ASHA, RAVI)) | People((MEERA,))).progress(poll((ASHA, "No")))
    assert numbers(progress.missing) == [MEERA]


def test_the_text_shows_each_part():
    rule = (AtLeast(2) & People((MEERA,))) | Quorum("No", 1)
    assert str(rule.progress(poll((RAVI, "Yes")))) == (
        "((1 of 2 answered (Ravi)) and (0 of 1 answered; missing: +910000000003)) "
        "or (0 of 1 for 'No', 1 for something else)"
    )


@pytest.mark.parametrize(
    ("rule", "voters"),
    [
        (Quorum("Yes", 1, (ASHA,)) | Quorum("No", 1, (RAVI, ASHA)), (ASHA, RAVI)),
        (Quorum("Yes", 1, (ASHA,)) & Quorum("No", 1, (RAVI,)), (ASHA, RAVI)),
        (Quorum("Yes", 1, (ASHA,)) | Quorum("No", 1), None),
        (Quorum("Yes", 1, (ASHA,)) & AtLeast(2), None),
        (AtLeast(2) | "all", None),
    ],
)
def test_the_voters_are_those_of_all_parts_if_each_names_some(rule, voters):
    assert rule.voters == voters


def test_what_one_part_needs_the_rule_needs():
    assert not (AnyAnswer() | AnyAnswer()).needs_eligible
    assert (AnyAnswer() | AtLeast(2)).needs_eligible
    assert (AtLeast(2) & A_NAME).needs_names
    assert not (AtLeast(2) & Quorum("Yes", 1)).needs_names
    rule = Quorum("Yes", 1) & (Quorum("No", 2) | AtLeast(2))
    assert rule.options() == ("Yes", "No")
    assert rule.parts == (Quorum("Yes", 1), Quorum("No", 2), AtLeast(2))


def test_a_question_that_only_some_were_asked_is_so_for_every_part():
    rule = Everyone() & (A_COUNT | A_NAME)
    assert rule.asked([RAVI, ASHA]) == Everyone((RAVI, ASHA)) & (A_COUNT | A_NAME)
    eligible = Eligible({RAVI: "Ravi", MEERA: "Meera"})
    assert Everyone().asked([RAVI]).within(eligible) == Everyone((RAVI,), {RAVI: "Ravi"})


# --- parts that can never be met -----------------------------------------------------------------------------------------

GROUP = Eligible({RAVI: "Ravi", MEERA: "Meera"}, {ASHA: None})
ALL = Everyone((RAVI, MEERA), {RAVI: "Ravi", MEERA: "Meera"})
ASSIGNEES = Eligible({RAVI: "Ravi", MEERA: "Meera"}, described="assignees of the job")


@pytest.mark.parametrize("eligible", [GROUP, ASSIGNEES], ids=["group", "job"])
def test_an_or_drops_the_parts_that_can_never_be_met(eligible):
    assert (AtLeast(5) | "all").within(eligible) == AnyOf((ALL,))
    assert ("all" | People((JOHN,)) | AtLeast(2)).within(eligible) == AnyOf((ALL, AtLeast(2)))


@pytest.mark.parametrize("eligible", [GROUP, ASSIGNEES], ids=["group", "job"])
def test_an_or_is_refused_only_if_every_part_can_never_be_met(eligible):
    with pytest.raises(KaizalaInputError, match="until: cannot wait for 5 people"):
        (AtLeast(5) | People((JOHN,)) | AtLeast(6)).within(eligible)


@pytest.mark.parametrize("rule", [AtLeast(5) & Everyone(), Everyone() & AtLeast(5)])
def test_an_and_is_refused_if_one_part_can_never_be_met(rule):
    with pytest.raises(
        KaizalaInputError, match="until: cannot wait for 5 people; number of members of the group: 3"
    ):
        rule.within(GROUP)
    assert (AtLeast(3) & Everyone()).within(GROUP) == AllOf((AtLeast(3), ALL))


def test_an_and_within_an_or_is_dropped_as_a_whole():
    assert ((AtLeast(5) & AnyAnswer()) | Everyone()).within(GROUP) == AnyOf((ALL,))
    assert ((AtLeast(5) | AnyAnswer()) & Everyone()).within(GROUP) == AllOf((AnyOf((AnyAnswer(),)), ALL))


def test_a_strict_or_is_refused_if_one_part_can_never_be_met():
    strict = AnyOf((Quorum("Yes", 4), Quorum("No", 1)), strict=True)
    with pytest.raises(KaizalaInputError, match="until: cannot wait for 4 people"):
        strict.within(GROUP)
    possible = AnyOf((Quorum("Yes", 3), Quorum("No", 1)), strict=True)
    assert possible.within(GROUP) == possible


def test_a_strict_or_stays_strict():
    strict = AnyOf((Quorum("Yes", 4), Quorum("No", 1)), strict=True)
    assert strict.to_wire()["strict"] is True
    for kept in (read_rule(strict.to_wire()), strict.asked([ASHA]), (strict | "any").rules[0]):
        assert kept == strict
    assert (strict | "any").within(GROUP) == AnyOf((AnyAnswer(),)), "around it parts may be dropped"


# --- how they travel -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "rule"),
    [
        ({"kind": "any_of", "rules": ["any", 2, [ASHA]]}, AnyAnswer() | AtLeast(2) | People((ASHA,))),
        ({"kind": "all_of", "rules": [AtLeast(2), "all"]}, AtLeast(2) & Everyone()),
    ],
)
def test_a_dict_may_hold_short_forms(wire, rule):
    assert read_rule(wire) == rule


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        ({"kind": "all_of"}, "kind 'all_of' lacks 'rules'. It takes rules"),
        ({"kind": "any_of"}, "kind 'any_of' lacks 'rules'. It takes rules, strict (optional)"),
        ({"kind": "all_of", "rules": []}, "'all_of' needs at least one rule"),
        ({"kind": "all_of", "rules": "any"}, "until: rules must be a list of rules"),
        ({"kind": "all_of", "rules": ["any"], "strict": True}, "kind 'all_of' does not take 'strict'"),
        ({"kind": "any_of", "rules": ["most"]}, "'most' is not a rule"),
        ({"kind": "any_of", "rules": [{"kind": "any_of", "rules": [0]}]}, "of at least 1, not 0"),
    ],
)
def test_a_wrong_dict_is_refused(wire, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as refused:
        read_rule(wire)
    assert says in str(refused.value)


@given(rules)
def test_every_rule_survives_the_way_to_a_trigger(rule):
    assert read_rule(json.loads(json.dumps(rule.to_wire()))) == rule
