"""What the body of an event may be."""

from __future__ import annotations

import json

import pytest

from airflow_provider_kaizala.push.bodies import MAX_BYTES, MAX_DEPTH, BodyError, is_json, read_object


def nested(levels: int) -> bytes:
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_an_object_is_read() -> None:
    body = {"a": [1, 2.5, None, True, {"b": "ü"}], "c": -1e300}
    assert read_object(json.dumps(body).encode()) == body
    assert read_object(json.dumps(body, ensure_ascii=False)) == body


def test_what_no_database_and_no_trigger_can_hold_is_replaced() -> None:
    """A half of an emoji, as JavaScript and .NET cut it, would end the triggerer, and NUL cannot be stored in PostgreSQL."""
    found = read_object(
        rb'{"\udc00": ["a\ud83d", {"b": "\u0000", "whole": "\ud83d\ude00", "u": "\\ud83d"}], "n": 1}'
    )
    assert found == {"\ufffd": ["a\ufffd", {"b": "\ufffd", "whole": "\U0001f600", "u": "\\ud83d"}], "n": 1}
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"{a: 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b'{"a": "\x00"}', "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "repeats a key"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (nested(MAX_DEPTH + 1), "levels deep"),
        (nested(64), "levels deep"),
        (nested(400_000), "levels deep"),
        (b'{"a": "' + b"x" * MAX_BYTES + b'"}', "more than"),
    ],
)
def test_what_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(BodyError, match=says):
        read_object(body)


def test_the_deepest_and_the_largest_body_that_is_read() -> None:
    read_object(nested(MAX_DEPTH))
    read_object(b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}')


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_content_types(content_type: str) -> None:
    assert is_json(content_type)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json; charset=utf-16", "application/jsonp", "text/json"]
)
def test_other_content_types(content_type: str) -> None:
    assert not is_json(content_type)
