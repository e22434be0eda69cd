from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_kaizala.server.api.lenient_json import parse_object
from airflow_provider_kaizala.server.domain.errors import ApiError


def parse(text: str | bytes) -> dict[str, object]:
    return parse_object(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"message":"x"}', {"message": "x"}),
        ("{message:'x'}", {"message": "x"}),
        ("{'message': \"it's\", 'n': 1,}", {"message": "it's", "n": 1}),
        ("{'a': True, 'b': None, 'c': False}", {"a": True, "b": None, "c": False}),
        ("{'say': 'True is not None'}", {"say": "True is not None"}),
        ("{u'message': u'x', bare: True}", {"message": "x", "bare": True}),
        ('{"message":"two\nlines"}', {"message": "two\nlines"}),
        ("{message:'two\nlines'}", {"message": "two\nlines"}),
        ("{'x': '\\U0001f600 \\\\U0001f600'}", {"x": "😀 \\U0001f600"}),
        (
            "{message:'x', subscribers: undefined, 'say': 'undefined'}",
            {"message": "x", "subscribers": None, "say": "undefined"},
        ),
        (
            '{"cut": "ab\\ud83d", "\\ud83d": ["\\ude00", "\\ud83d\\ude00"]}',
            {"cut": "ab\ufffd", "\ufffd": ["\ufffd", "😀"]},
        ),
        ("\ufeff{}", {}),
        ("", {}),
    ],
)
def test_what_production_took(body: str, expected: dict[str, object]) -> None:
    assert parse(body) == expected


def test_utf16() -> None:
    assert parse('{"a":"é"}'.encode("utf-16")) == {"a": "é"}


def test_text_in_one_byte_an_older_python_client_sends_it_without_telling() -> None:
    assert parse("{'message': 'Café “open”'}".encode("cp1252")) == {"message": "Café “open”"}
    assert parse("{'a': 'Café नमस्ते', 'b': '".encode() + b"\xe9'}") == {"a": "Café नमस्ते", "b": "é"}
    assert parse('{"a":"é"}'.encode("latin-1")) == {"a": "é"}


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5).filter(lambda k: "\0" not in k), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8).filter(lambda k: "\0" not in k), plain))
def test_json_and_python_dicts_of_any_text(value: dict[str, object]) -> None:
    assert parse(json.dumps(value)) == value
    assert parse(str(value)) == value


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "nothing",
        "{message:'x'",
        "{" * 50_000,
        '{"a":' + "[" * 70 + "]" * 70 + "}",
        '{"a":' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"a":"\\u0000"}',
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":' + "9" * 6000 + "}",
        b"\xff\xfe\xff",
        "__import__('os').system('true')",
        "{'a': __import__('os')}",
    ],
)
def test_what_is_refused(body: str | bytes) -> None:
    with pytest.raises(ApiError) as refused:
        parse(body)
    assert (refused.value.status, refused.value.code) == (400, "InvalidParameters")


def test_only_strict_json_above_the_limit() -> None:
    padding = "x" * 300_000
    assert parse('{"a":"' + padding + '"}')["a"] == padding
    with pytest.raises(ApiError):
        parse("{a:'" + padding + "'}")
