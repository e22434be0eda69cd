"""Regular expressions that are found in linear time.

Anybody in a group may write the texts that a wait looks at, and Python's own matcher needs exponential time for some pairs of
pattern and text, during which a triggerer would do nothing else. So patterns are those of RE2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks


def is_found(pattern: str, text: str) -> bool:
    """Return whether a pattern is found anywhere in a text.

    :raises KaizalaInputError: if the pattern is invalid, or needs lookaround or back references
    """
    return _compiled(pattern).search(text.encode(errors="replace")) is not None


def check_pattern(name: str, value: Any) -> str:
    """Check a pattern.

    :raises KaizalaInputError: names the argument
    """
    text = checks.title(name, value)
    try:
        _compiled(text)
    except KaizalaInputError as error:
        raise KaizalaInputError(f"{name}: {error}") from None
    return text


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2  # only waits for messages need it, and DAG parsing would pay for it

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise KaizalaInputError(
            f"{pattern[:200]!r} is not a regular expression of RE2: {_reason(error)}"
        ) from None


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else b""
    return (said.decode(errors="replace") if isinstance(said, bytes) else str(error))[:200]
