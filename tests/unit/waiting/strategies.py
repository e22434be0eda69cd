"""Any rule and any subject, for hypothesis."""

from __future__ import annotations

from datetime import UTC

from hypothesis import strategies as st

from airflow_provider_kaizala.waiting.rules import AllOf, AnyAnswer, AnyOf, AtLeast, Everyone, People, Quorum
from airflow_provider_kaizala.waiting.subjects import Messages, NewActions, NewMembers, Reactions, Responses
from tests.unit.waiting.actions import ASHA, RAVI

numbers = st.text("0123456789", min_size=6, max_size=15).map("+{}".format)
phones = st.lists(numbers, min_size=1, max_size=4, unique=True).map(tuple)
#: what str.isprintable says of a character, without drawing the others and throwing them away
printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
titles = st.text(printable, min_size=1, max_size=20).filter(str.strip)
names = st.dictionaries(st.sampled_from([ASHA, RAVI]), titles)


@st.composite
def quorums(draw):
    people = draw(st.none() | phones)
    count = draw(st.integers(min_value=1, max_value=len(people) if people else 9))
    return Quorum(draw(titles), count, people, draw(st.none() | titles), draw(names))


simple_rules = st.one_of(
    st.just(AnyAnswer()),
    st.builds(AtLeast, st.integers(min_value=1)),
    st.just(Everyone()),
    st.builds(Everyone, phones, names),
    st.builds(People, phones, st.sampled_from(["all", "any"]), names),
    quorums(),
)
rules = st.recursive(
    simple_rules,
    lambda inner: st.builds(
        lambda make, parts: make(tuple(parts)),
        st.sampled_from([AllOf, AnyOf, lambda parts: AnyOf(parts, strict=True)]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)

words = st.text(max_size=20)
moments = st.datetimes(timezones=st.just(UTC))
subjects = st.one_of(
    st.builds(Responses, words, words, st.none() | words, st.none() | moments),
    st.builds(Reactions, words, words, st.sampled_from(["Like", "Comment"]), st.none() | words),
    st.builds(NewActions, words, words, moments, st.none() | words),
    st.builds(Messages, words, words, moments, st.none() | words, st.none() | words, st.none() | words),
    st.builds(NewMembers, words, st.none() | st.lists(words).map(tuple)),
)
