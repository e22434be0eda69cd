"""JSON as production took it: strict, JSON5-like (bare keys, single quotes), or a Python ``str(dict)``.

Every step takes time in proportion to the body's length, and all but strict JSON is taken up to 16 KiB only.
"""

from __future__ import annotations

import codecs
import json
import math
import re

import pyjson5

from airflow_provider_kaizala.server.domain.errors import ApiError, bad_request

MAX_DEPTH = 64
#: bytes of a body up to which anything but strict JSON is tried
MAX_LENIENT = 16 * 1024

# A string with its optional Python 2 prefix, a quote that no other ends, or a word of Python or JavaScript outside of strings.
# Nothing is tried twice: a string's inside gives nothing back, and the first open quote ends the search.
_PYTHON_TOKEN = re.compile(
    r"""(?P<prefix>\bu)?(?P<string>"(?:[^"\\]++|\\.)*+"|'(?:[^'\\]++|\\.)*+')|(?P<open>["'])"""
    r"""|\b(?P<word>True|False|None|undefined)\b""",
    re.DOTALL,
)
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}
_LONG_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*+)\\U([0-9a-fA-F]{8})")
_RAW_NEWLINES = {"\n": "\\n", "\r": "\\r", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def parse_strict(raw: bytes) -> dict[str, object] | None:
    """Parse a short body that is strict JSON in UTF-8; None for all others, which belong in a thread."""
    if not raw or len(raw) > MAX_LENIENT:
        return None if raw else {}
    try:
        value = json.loads(raw.decode(), strict=False)
    except (ValueError, RecursionError):
        return None
    return _object(value)


def parse_object(raw: bytes) -> dict[str, object]:
    """Parse a request body into an object; an empty body is an empty object.

    :param raw: the body as it came, in UTF-8, UTF-16 or UTF-32; bytes that are no UTF-8 are taken for Windows-1252
    """
    if not raw.strip():
        return {}
    return _object(_parse(_decode(raw).removeprefix("\ufeff"), len(raw) <= MAX_LENIENT))


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object")
    return {checked_text(str(key)): _checked(item, 1) for key, item in value.items()}


def _decode(raw: bytes) -> str:
    try:
        return raw.decode(json.detect_encoding(raw), _ONE_BYTE)
    except UnicodeDecodeError:
        raise bad_request("The body is not text in UTF-8") from None


def _one_byte(error: UnicodeError) -> tuple[str, int]:
    """Read as Windows-1252 what is not UTF-8: Python's HTTP client sent texts so, whatever its caller said.

    On the web it is one with ISO-8859-1, and unlike the standard's, this one has quotation marks.
    """
    if not isinstance(error, UnicodeDecodeError) or error.encoding != "utf-8":
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_ONE_BYTE = "kaizala-one-byte"
codecs.register_error(_ONE_BYTE, _one_byte)


def _parse(text: str, lenient: bool) -> object:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        if not lenient:
            raise _malformed() from None
    try:
        return pyjson5.decode(text, MAX_DEPTH)
    except (pyjson5.Json5Exception, ValueError, RecursionError, OverflowError):
        pass
    try:
        return pyjson5.decode(_PYTHON_TOKEN.sub(_as_json5, text), MAX_DEPTH)
    except (pyjson5.Json5Exception, ValueError, RecursionError, OverflowError):
        raise _malformed() from None


def _malformed() -> ApiError:
    return bad_request("The body is not valid JSON")


def _as_json5(token: re.Match[str]) -> str:
    if token["open"]:
        raise _malformed()
    if word := token["word"]:
        return _PYTHON_WORDS[word]
    string = token["string"]
    for newline, escape in _RAW_NEWLINES.items():
        string = string.replace(newline, escape)
    return _LONG_ESCAPE.sub(_short_escapes, string)


def _short_escapes(escape: re.Match[str]) -> str:
    code = int(escape[2], 16)
    if code > 0x10FFFF:
        return escape[0]
    return escape[1] + json.dumps(chr(code))[1:-1]


def _checked(value: object, depth: int) -> object:
    """Return a value as it can be stored and sent on; refuse what cannot be."""
    if depth > MAX_DEPTH:
        raise bad_request(f"The body is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        return checked_text(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise bad_request("A number in the body is not finite")
    elif isinstance(value, int):
        if value.bit_length() > 1024:
            raise bad_request("A number in the body is too large")
    elif isinstance(value, dict):
        return {checked_text(str(key)): _checked(item, depth + 1) for key, item in value.items()}
    elif isinstance(value, list):
        return [_checked(item, depth + 1) for item in value]
    return value


def checked_text(text: str) -> str:
    """Return a text as it can be stored, with a mark for each half of a surrogate pair; refuse NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        # JavaScript and .NET cut texts between the two halves of an emoji; .NET sends on a mark in its place.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    check_text(text)
    return text


def check_text(text: str) -> None:
    """Refuse NUL and lone surrogates, which neither a database nor UTF-8 can hold."""
    if "\0" in text:
        raise bad_request("A text in the body holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request("A text in the body holds half of a surrogate pair") from None
