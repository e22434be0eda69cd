"""Reads the body of a webhook event: bounded in size and depth, and strict about JSON."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from airflow_provider_kaizala.client.storable import storable

#: bytes that a body may have
MAX_BYTES = 1024 * 1024
#: how deep objects and lists may be nested; the deepest event of Kaizala has 7 levels
MAX_DEPTH = 32


class BodyError(ValueError):
    """A body is not a JSON object as Kaizala sends it. The message shows nothing of the body."""


def is_json(content_type: str) -> bool:
    """Return whether a ``Content-Type`` says JSON in UTF-8."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [each.partition("=")[2].strip('"') for each in parameters if each.startswith("charset=")]
    return kind == "application/json" and set(charsets) <= {"utf-8", "utf8"}


def read_object(body: bytes | str) -> dict[str, Any]:
    """Read the JSON object of a body; what no database can store is replaced, see :mod:`airflow_provider_kaizala.client.storable`.

    :raises BodyError: if the body is too large or too deep, is not strict JSON, repeats a key, or holds no object
    """
    if len(body) > MAX_BYTES:
        raise BodyError(f"the body has more than {MAX_BYTES} bytes")
    try:
        text = body.decode() if isinstance(body, bytes) else body
        found = json.loads(text, parse_constant=_refuse, parse_float=_number, object_pairs_hook=_unique)
    except BodyError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # not UTF-8, not JSON, or a number with thousands of digits
        raise BodyError("the body is not JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise BodyError("the body is not a JSON object")
    _check_depth(found)
    cleaned: dict[str, Any] = storable(found, text.encode(errors="surrogatepass"))
    return cleaned


def _check_depth(found: Any) -> None:
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> BodyError:
    return BodyError(f"the body is nested more than {MAX_DEPTH} levels deep")


def _refuse(_: str) -> NoReturn:
    raise BodyError("the body contains NaN or Infinity, which JSON does not have")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BodyError("the body contains a number that is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyError("the body repeats a key within one object")
    return found
