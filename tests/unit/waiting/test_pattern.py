"""Patterns are those of RE2: found as Python finds them, but in linear time."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.waiting.pattern import check_pattern, is_found

PATTERNS = [
    "handover", "^handover", r"(?i)^hand\s*over\b", "a|b|", "(ab)*c", "a+?b", "(?:a|b){2,3}c", "[^a-c]", r"\d{2}:\d{2}", ".", "(?s).",
    "(?i:A)b", "(?i)a(?-i:B)", "(a|ab)(c|bcd)(d*)", "()", "", r"[\w-]+@x", "é", "(?i)é", "(?P<n>a)b", "[]a]", r"\.", r"\.$",
]  # fmt: skip
TEXTS = [
    "", "a", "b", "ab", "aab", "abc", "abcd", "handover", "Hand over to Ravi", "the handover", "at 10:45", "a\nb", "a\n", "\n", "aB", "AB",
    "x@x", "É", "é", "]", "😀", "done.",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_finds_what_python_finds(pattern: str) -> None:
    for text in TEXTS:
        assert is_found(pattern, text) == bool(re.search(pattern, text)), text


@given(st.sampled_from(PATTERNS), st.text("abAB é.@x1:", max_size=12))
@settings(max_examples=200)
@example("a|b|", "")
def test_it_finds_what_python_finds_in_any_text(pattern: str, text: str) -> None:
    assert is_found(pattern, text) == bool(re.search(pattern, text))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", r"(\w+\s?)*!", "(a?){30}a{30}b"])
def test_no_text_takes_long(pattern: str) -> None:
    """Python would need years for these, so this test would never end."""
    assert not is_found(pattern, "a" * 100_000 + "?")


def test_a_text_with_half_an_emoji_is_searched_too() -> None:
    assert is_found("(?i)done", "\ud83d DONE")


@pytest.mark.parametrize(
    "pattern",
    [
        "(", "[", "*a", "a{2,1}", "(?P<n>a)(?P=n)", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?>a*)", "a*+", "(?(1)a|b)",
        "a{1001}", "((a{100}){100}){100}", "(" * 5000, "\ud83d",
    ],
)  # fmt: skip
def test_what_is_no_pattern_of_re2_is_refused_with_the_reason(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KaizalaInputError, match=r"is not a regular expression of RE2: \S") as refused:
        is_found(pattern, "a")
    assert len(str(refused.value)) < 500
    assert capfd.readouterr().err == ""  # RE2 would write its own line


@pytest.mark.parametrize(
    ("value", "says"), [("(", "until"), (5, "must be a string"), ("", "is empty"), (" ", "is empty")]
)
def test_the_check_names_the_argument(value: Any, says: str) -> None:
    with pytest.raises(KaizalaInputError, match=says) as refused:
        check_pattern("until", value)
    assert str(refused.value).startswith("until")
    assert check_pattern("until", "a.b") == "a.b"
