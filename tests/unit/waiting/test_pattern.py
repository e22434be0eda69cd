"""Patterns are found as Python finds them, but in linear time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.pattern import LONGEST, Pattern, check_pattern, pattern

PATTERNS = [
    "handover", "^handover", "handover$", r"(?i)^hand\s*over\b", "a|b|", "(ab)*c", "a+?b", "(?:a|b){2,3}c", "[^a-c]", r"\d{2}:\d{2}",
    ".", "(?s).", "(?m)^b$", r"\Aa\Z", r"\Bb", "(?i:A)b", "(?i)a(?-i:B)", "(a*)*b", "(a|ab)(c|bcd)(d*)", "()", "", r"[\w-]+@x", "é",
    r"(?a)\w",     "ß", "(?x) a b # c", "a{0}b", "a{,2}b", "(?P<n>a)b", "[]a]", "x*", r"\.",
]  # fmt: skip
TEXTS = [
    "", "a", "b", "ab", "aab", "abc", "abcd", "handover", "Hand over to Ravi", "the handover", "at 10:45", "a\nb", "a\n", "\n", "aB", "AB",
    "x@x", "É", "é", "ẞ", "ss", "]", "😀", "handover\n",
]  # fmt: skip


@pytest.mark.parametrize("text", PATTERNS)
def test_it_finds_what_python_finds(text: str) -> None:
    for each in TEXTS:
        assert Pattern(text).is_in(each) == bool(re.search(text, each)), each


PIECES = st.sampled_from(["a", "b", ".", r"\w", r"\b", "^", "$", "[ab]", "[^a]", r"\s", r"\B", r"\Z", "é"])
EXPRESSIONS = st.recursive(
    PIECES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,3}", "{0,2}?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda each: f"(?i:{each})"),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, st.text("abAB é\n", max_size=12))
@settings(max_examples=400)
@example("(?:(?:a)*)*", "b")
@example("(?:(?:^)*)+b", "ab")
def test_it_finds_what_python_finds_in_any_text(text: str, searched: str) -> None:
    assert Pattern(text).is_in(searched) == bool(re.search(text, searched))


@pytest.mark.parametrize(
    "text", ["(a+)+$", "(a|aa)+$", "(a|a)*b", "(.*)*x", r"(\w+\s?)*!", ".*a.*a.*a.*a.*b", "(a?){30}a{30}b"]
)
def test_no_text_takes_long(text: str) -> None:
    """Python would need years for most of these, so this test would never end."""
    assert not Pattern(text).is_in("a" * (LONGEST - 1) + "?")


def test_of_a_very_long_text_the_beginning_counts() -> None:
    assert pattern("b").is_in("a" * (LONGEST - 1) + "b")
    assert not pattern("b").is_in("a" * LONGEST + "b")


@pytest.mark.parametrize(
    "text",
    [
        "(", "[", "*a", "a{2,1}", "(?P<n>a)(?P=n)", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?>a*)", "a*+", "(?(1)a|b)",
        "a{501}", "(a{30}){30}", "(){1000000000}", "a{0,1000000000}", "(" * 5000,
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(KaizalaInputError, match="is not a regular expression: "):
        Pattern(text)


@pytest.mark.parametrize(
    ("value", "says"), [("(", "until"), (5, "must be a string"), ("", "is empty"), (" ", "is empty")]
)
def test_the_check_names_the_argument(value: Any, says: str) -> None:
    with pytest.raises(KaizalaInputError, match=says) as refused:
        check_pattern("until", value)
    assert str(refused.value).startswith("until")
    assert check_pattern("until", "a.b") == "a.b"
