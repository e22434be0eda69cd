"""The page's words: each language whole, each text used, each template's text there; and how times and numbers are written."""

from __future__ import annotations

import datetime as dt
import json
import re
import string
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from jinja2 import Environment, nodes
from starlette.requests import Request

from airflow_provider_kaizala.server.domain.context import PERMISSIONS
from airflow_provider_kaizala.server.page.strings import (
    FOLDER,
    languages,
    wanted_locale,
    words,
    zone_named,
)

SERVER = Path(__file__).parents[4] / "airflow_provider_kaizala" / "server"
TEMPLATES = sorted((SERVER / "page" / "templates").glob("*.html"))
Text = str | dict[str, str]

#: what a key that a template puts together may end with: kinds of the feed, of media, the answers to a meeting,
#: permissions
PUT_TOGETHER = {
    "kind.": {
        *("text", "announcement", "media", "poll", "survey"),
        *("job", "letsMeet", "package", "reminder"),
    },
    "media.": {"Image", "Album", "Document", "Audio", "Video"},
    "meet.": {"Yes", "No", "Maybe"},
    "permission.": {*PERMISSIONS, "none"},
}


def texts(language: str) -> dict[str, Text]:
    found: dict[str, Text] = json.loads((FOLDER / f"{language}.json").read_text("utf-8"))
    return found


def forms(text: Text) -> list[str]:
    return list(text.values()) if isinstance(text, dict) else [text]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def calls() -> list[tuple[str, str, str, set[str]]]:
    """Return each ``t(...)`` of the templates: where, the key or its beginning, "=" or "~", and what is put in."""
    found = []
    for path in TEMPLATES:
        for call in Environment(autoescape=True).parse(path.read_text("utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                given = {one.key for one in call.kwargs}
                found += [(path.name, key, how, given) for key, how in keys(call.args[0])]
    return found


def keys(given: nodes.Node) -> list[tuple[str, str]]:
    match given:
        case nodes.Const():
            return [(given.value, "=")]
        case nodes.CondExpr():
            assert given.expr2 is not None
            return keys(given.expr1) + keys(given.expr2)
        case nodes.Concat():
            start = given.nodes[0]
            assert isinstance(start, nodes.Const)
            return [(start.value, "~")]
    raise AssertionError(f"t() of a {type(given).__name__}: no test can tell which text it means")


# --- The files --------------------------------------------------------------------------------------------------------
def test_english_and_french_are_there() -> None:
    assert languages() == {"en": "English", "fr": "Français"}


@pytest.mark.parametrize("language", sorted(languages()))
def test_a_language_has_the_texts_of_all_others(language: str) -> None:
    english, its = texts("en"), texts(language)
    assert list(its) == list(english), "the same keys in the same order"
    for key, text in its.items():
        assert isinstance(text, dict) == isinstance(english[key], dict), key
        given = set().union(*(placeholders(one) for one in forms(english[key])))
        for form in forms(text):
            assert placeholders(form) <= given, key
        assert set().union(*(placeholders(one) for one in forms(text))) == given, key
        assert all(one.strip() for one in forms(text)), key


@pytest.mark.parametrize("language", sorted(languages()))
def test_plurals_are_those_of_the_language(language: str) -> None:
    needed = {Locale.parse(language).plural_form(n) for n in range(201)}
    for key, text in texts(language).items():
        if isinstance(text, dict):
            assert set(text) == needed, key


@pytest.mark.parametrize("language", sorted(languages()))
def test_no_key_is_there_twice(language: str) -> None:
    pairs: list[str] = []
    plurals = set(Locale.parse(language).plural_form.tags) | {"other"}
    json.loads(
        (FOLDER / f"{language}.json").read_text("utf-8"),
        object_pairs_hook=lambda each: pairs.extend(key for key, _ in each if key not in plurals),
    )
    assert len(pairs) > 100
    assert len(pairs) == len(set(pairs))


def test_french_has_french_spaces() -> None:
    for key, text in texts("fr").items():
        for form in forms(text):
            assert not re.search(r"(?<!\u202f)[;?!]", form), f"{key}: a narrow no-break space before ; ? !"
            assert not re.search(r"(?<!\u00a0):", form), f"{key}: a no-break space before :"
            assert not re.search(r"«(?!\u00a0)|(?<!\u00a0)»", form), f"{key}: no-break spaces inside « »"
            assert "'" not in form, f"{key}: an apostrophe is ’"
            assert not re.search(r"\b(tu|ton|ta|tes|toi)\b", form, re.IGNORECASE), f"{key}: people are vous"


# --- Templates --------------------------------------------------------------------------------------------------------
def test_each_text_of_a_template_is_there_with_what_it_needs() -> None:
    english = texts("en")
    seen = calls()
    assert len(seen) > 100
    for where, key, how, given in seen:
        if how == "~":
            assert {f"{key}{end}" for end in PUT_TOGETHER[key]} <= english.keys(), where
            continue
        assert key in english, f"{where}: {key}"
        for form in forms(english[key]):
            assert placeholders(form) <= given, f"{where}: {key}"
        assert "n" in given or not isinstance(english[key], dict), f"{where}: {key} needs n"


def test_no_text_is_left_over() -> None:
    used = {key for _, key, how, _ in calls() if how == "="}
    used |= {f"{start}{end}" for start, ends in PUT_TOGETHER.items() for end in ends}
    code = "\n".join(path.read_text("utf-8") for path in SERVER.rglob("*.py"))
    reasons = set(re.findall(r'"(\w+)"', code)) | {str(status) for status in range(400, 600)}
    for key in texts("en").keys() - used:
        assert key.startswith("error."), key
        assert key.removeprefix("error.") in reasons, key


def test_templates_hold_no_words_of_their_own() -> None:
    """What is not in ``strings/`` would be English for everybody."""
    for path in TEMPLATES:
        plain = re.sub(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        plain = re.sub(r"<[^>]*>", " ", plain)
        assert not re.findall(r"[A-Za-z]{2,}", plain), path.name


# --- Which language ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "chosen", "wanted", "language"),
    [
        ("fr", None, "fr", "fr"),
        ("fr-CA,en;q=0.5", None, "fr_CA", "fr"),
        ("en;q=0.5, fr;q=0.9", None, "fr", "fr"),
        ("de-DE, en-GB;q=0.4", None, "en_GB", "en"),
        ("de-DE, *;q=0.1", None, "en", "en"),
        ("", None, "en", "en"),
        ("fr;q=0", None, "en", "en"),
        ("en-GB", "fr", "fr", "fr"),
        ("en-GB,fr-CH;q=0.3", "fr", "fr_CH", "fr"),
        ("fr", "tlh", "fr", "fr"),
        ("../../etc/passwd, fr", None, "fr", "fr"),
        ("fr;q=x, en-ZZZZZ", None, "en", "en"),
        ("\x00, fr-FR", None, "fr_FR", "fr"),
    ],
)
def test_the_readers_language_and_region(asked: str, chosen: str | None, wanted: str, language: str) -> None:
    headers = [(b"accept-language", asked.encode())] if asked else []
    found = wanted_locale(Request({"type": "http", "headers": headers}), chosen)
    assert found == wanted
    assert words(found).language == language


# --- Times and numbers ------------------------------------------------------------------------------------------------
KOLKATA = ZoneInfo("Asia/Kolkata")
NOW = dt.datetime(2026, 11, 24, 14, 5, tzinfo=KOLKATA)


@pytest.mark.parametrize(
    ("locale", "today", "this_year", "another", "meeting"),
    [
        (
            "en",
            "2:05\u202fPM",
            "Nov 2, 2:05\u202fPM",
            "Nov 24, 2025, 2:05\u202fPM",
            "Tue, Nov 24, 2:05\u202fPM",
        ),
        ("en_GB", "14:05", "2 Nov, 14:05", "24 Nov 2025, 14:05", "Tue 24 Nov, 14:05"),
        ("fr", "14:05", "2 nov., 14:05", "24 nov. 2025, 14:05", "mar. 24 nov., 14:05"),
    ],
)
def test_times_are_short_and_of_the_region(
    locale: str, today: str, this_year: str, another: str, meeting: str
) -> None:
    say = words(locale).moment
    assert say(NOW, NOW) == today
    assert say(NOW.replace(day=2), NOW) == this_year
    assert say(NOW.replace(year=2025), NOW) == another
    assert say(NOW, NOW, weekday=True) == meeting


def test_numbers_and_shares() -> None:
    assert words("en").number(1234.5678) == "1,234.57"
    assert words("en").number(3.0) == "3"
    assert words("fr").number(1234.5678) == "1\u202f234,57"
    assert words("en").percent(2, 3) == "67%"
    assert words("fr").percent(2, 3) == "67\u00a0%"
    assert words("en").percent(0, 0) == "0%"


def test_plurals() -> None:
    assert [words("en")("post.answers", n=n) for n in (0, 1, 2)] == ["0 answers", "1 answer", "2 answers"]
    assert [words("fr")("post.answers", n=n) for n in (0, 1, 2)] == ["0 réponse", "1 réponse", "2 réponses"]
    assert words("fr")("post.answers", n=1_000_000) == "1000000 réponses"


def test_zones() -> None:
    assert zone_named("Asia/Kolkata") == KOLKATA
    for wrong in (None, "", "Nowhere/At_all", "../../etc/passwd", "x" * 100):
        assert zone_named(wrong).key == "UTC", wrong
    assert words("en").zone_name("Asia/Calcutta") == "India Time"
    assert words("fr").zone_name("UTC") == "UTC"
    assert words("fr").zone_name("Asia/Kolkata") == "Inde"
