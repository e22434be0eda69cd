from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.rules import AllOf, AnyOf
from airflow_provider_kaizala.waiting.rules import read_rule
from airflow_provider_kaizala.waiting.rule import Audience
from airflow_provider_kaizala.waiting.rules import (
    AnyAnswer,
    AtLeast,
    Everyone,
    People,
    Quorum,
)
from tests.unit.waiting.actions import ASHA, MEERA, RAVI, poll

YES, NO = (RAVI, "Yes"), (RAVI, "No")
A_COUNT, A_NAME = AtLeast(2), People((MEERA,))


def ended(rule, action):
    progress = rule.progress(action)
    return progress.met, progress.hopeless


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
def test_and_and_or(votes, both, either):
    action = poll(*votes)
    assert ended(A_COUNT & A_NAME, action) == (both, False)
    assert ended(A_COUNT | A_NAME, action) == (either, False)


def test_what_can_no_longer_come():
    never = Quorum("Yes", 1, (RAVI,))
    action = poll(NO)
    assert ended(never, action) == (False, True)
    assert ended(never & A_COUNT, action) == (False, True), "the other does not save it"
    assert ended(never | A_COUNT, action) == (False, False), "the other may still come"
    assert ended(never | never, action) == (False, True)
    assert ended(never | AnyAnswer(), action) == (True, False)


def test_several_are_one_level():
    a, b, c = AtLeast(1), AtLeast(2), AtLeast(3)
    assert a & b & c == AllOf((a, b, c)) == a & (b & c)
    assert a | b | c == AnyOf((a, b, c))
    assert (a & b) | c == AnyOf((AllOf((a, b)), c))


def test_short_forms_combine_with_rules():
    """As ``until`` takes them; so on either side."""
    pairs = [
        (A_COUNT | "all", AnyOf((A_COUNT, Everyone()))),
        ("any" & A_NAME, AllOf((AnyAnswer(), A_NAME))),
        (3 | A_NAME, AnyOf((AtLeast(3), A_NAME))),
        ([ASHA] & A_COUNT, AllOf((People((ASHA,)), A_COUNT))),
        ({"kind": "any"} | A_COUNT, AnyOf((AnyAnswer(), A_COUNT))),
    ]
    for made, wanted in pairs:
        assert made == wanted
    for wrong, says in ((lambda seen: True, "a function cannot travel"), ("most", "'most' is no rule")):
        with pytest.raises(KaizalaInputError, match=says):
            _ = A_COUNT & wrong
        with pytest.raises(KaizalaInputError, match=says):
            _ = wrong | A_COUNT


def test_who_has_and_who_has_not():
    progress = (People((ASHA, MEERA)) & People((RAVI,))).progress(poll((RAVI, "Yes"), (ASHA, "No")))
    assert [person.mobile_number for person in progress.answered] == [ASHA, RAVI]
    assert [person.mobile_number for person in progress.missing] == [MEERA]


def test_a_rule_that_is_met_misses_nobody():
    progress = (People((ASHA, MEERA), "any") & People((RAVI,))).progress(poll((ASHA, "Yes")))
    assert [person.mobile_number for person in progress.missing] == [RAVI]


def test_in_words():
    rule = (AtLeast(2) & People((MEERA,))) | Quorum("No", 1)
    assert str(rule.progress(poll((RAVI, "Yes")))) == (
        "((1 of 2: Name of 2) and (0 of 1: nobody; missing: +910000000003)) "
        "or (0 of 1 for 'No', 1 for something else)"
    )


def test_each_is_compared_with_the_audience():
    audience = Audience({RAVI: "Ravi", MEERA: "Meera"}, {ASHA: None})
    rule = (Everyone() & AtLeast(3)).within(audience)
    assert rule == AllOf((Everyone((RAVI, MEERA), {RAVI: "Ravi", MEERA: "Meera"}), AtLeast(3)))
    with pytest.raises(KaizalaInputError, match="4 answers can never come, the group has 3 people"):
        (AnyAnswer() | AtLeast(4)).within(audience)


def test_a_question_that_is_put_to_some_only():
    assert (Everyone() & (A_COUNT | A_NAME)).asked([RAVI, ASHA]) == Everyone((RAVI, ASHA)) & (
        A_COUNT | A_NAME
    )
    assert Everyone((MEERA,)).asked([RAVI]) == Everyone((MEERA,)), "who is named stays"
    audience = Audience({RAVI: "Ravi", MEERA: "Meera"})
    assert Everyone().asked([RAVI]).within(audience) == Everyone((RAVI,), {RAVI: "Ravi"})


def test_what_one_needs_all_need():
    assert not (AnyAnswer() | AnyAnswer()).asks_for_audience
    assert (AnyAnswer() | AtLeast(2)).asks_for_audience
    assert (AtLeast(2) & A_NAME).by_name
    assert not (AtLeast(2) & Quorum("Yes", 1)).by_name
    assert (Quorum("Yes", 1) & (Quorum("No", 2) | AtLeast(2))).options() == ("Yes", "No")


# --- how they travel ---------------------------------------------------------------------------------------------------------


def test_the_wire_format_is_fixed():
    assert (AnyAnswer() | AtLeast(2)).to_wire() == {
        "kind": "any_of",
        "rules": [{"kind": "any"}, {"kind": "at_least", "count": 2}],
    }
    assert (AnyAnswer() & AtLeast(2)).to_wire()["kind"] == "all_of"
    assert Quorum("Yes", 2).to_wire() == {"kind": "quorum", "option": "Yes", "count": 2}
    assert Quorum("Yes", 1, (ASHA,), "Open?").to_wire() == {
        "kind": "quorum",
        "option": "Yes",
        "count": 1,
        "people": [ASHA],
        "question": "Open?",
    }


@pytest.mark.parametrize(
    ("wire", "rule"),
    [
        ({"kind": "any_of", "rules": ["any", 2, [ASHA]]}, AnyAnswer() | AtLeast(2) | People((ASHA,))),
        ({"kind": "all_of", "rules": [AtLeast(2), "all"]}, AtLeast(2) & Everyone()),
        ({"kind": "quorum", "option": "Yes", "count": "2"}, Quorum("Yes", 2)),
    ],
)
def test_short_forms_inside(wire, rule):
    assert read_rule(wire) == rule


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        ({"kind": "all_of"}, "kind 'all_of' takes rules, not nothing"),
        ({"kind": "all_of", "rules": []}, "'all_of' needs at least one rule"),
        ({"kind": "all_of", "rules": "any"}, "must be a list of rules"),
        ({"kind": "any_of", "rules": ["most"]}, "'most' is no rule"),
        ({"kind": "any_of", "rules": [{"kind": "any_of", "rules": [0]}]}, "a count of at least 1 is needed"),
        (
            {"kind": "quorum", "option": "Yes"},
            "kind 'quorum' takes option, count, people, question, not option",
        ),
        ({"kind": "quorum", "option": 5, "count": 1}, "option"),
        ({"kind": "quorum", "option": "Yes", "count": 1, "question": 5}, "question"),
    ],
)
def test_no_rules(wire, says):
    with pytest.raises(KaizalaInputError, match=r"^until") as refused:
        read_rule(wire)
    assert says in str(refused.value)


phones = st.lists(st.from_regex(r"\+[0-9]{6,15}", fullmatch=True), min_size=1, max_size=4, unique=True).map(
    tuple
)
words = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and text.isprintable())
names = st.dictionaries(st.sampled_from([ASHA, RAVI]), words)


@st.composite
def quorums(draw):
    people = draw(st.none() | phones)
    most = len(people) if people else 9
    count = draw(st.integers(min_value=1, max_value=most))
    return Quorum(draw(words), count, people, draw(st.none() | words), draw(names))


single = st.one_of(
    st.just(AnyAnswer()),
    st.builds(AtLeast, st.integers(min_value=1)),
    st.just(Everyone()),
    st.builds(Everyone, phones, names),
    st.builds(People, phones, st.sampled_from(["all", "any"]), names),
    quorums(),
)
nested = st.recursive(
    single,
    lambda inner: st.builds(
        lambda kind, rules: kind(tuple(rules)),
        st.sampled_from([AllOf, AnyOf]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


@given(nested)
@settings(deadline=None)
def test_every_rule_survives_the_way_to_a_trigger(rule):
    assert read_rule(json.loads(json.dumps(rule.to_wire()))) == rule


votes = st.lists(st.tuples(st.sampled_from([ASHA, RAVI, MEERA]), st.sampled_from(["Yes", "No"])), max_size=6)
countable = st.one_of(
    st.just(AnyAnswer()),
    st.builds(AtLeast, st.integers(min_value=1, max_value=4)),
    st.builds(People, st.permutations([ASHA, RAVI, MEERA]).map(lambda some: tuple(some[:2]))),
    st.builds(Quorum, st.sampled_from(["Yes", "No"]), st.just(2), st.just((ASHA, RAVI, MEERA))),
)


@given(countable, countable, votes)
@settings(deadline=None)
def test_they_combine_as_logic_does(one, other, given_votes):
    action = poll(*given_votes)
    a, b = one.progress(action), other.progress(action)
    both, either = (one & other).progress(action), (one | other).progress(action)
    assert (both.met, either.met) == (a.met and b.met, a.met or b.met)
    assert both.hopeless is (a.hopeless or b.hopeless)
    assert either.hopeless is (a.hopeless and b.hopeless)
    assert not (both.met and both.hopeless)
    assert str(both)
