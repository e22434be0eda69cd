"""Text that can be stored anywhere: JSON may hold halves of surrogate pairs, which have no UTF-8, and NUL, which PostgreSQL refuses.

JavaScript and .NET cut an emoji like this. An XCom or a trigger's event with such a text fails its task, or ends the triggerer.
"""

from __future__ import annotations

import re
from typing import Any

_ODD = re.compile("[\ud800-\udfff\0]")
_WRITTEN = re.compile(rb"\\u(?:d[89a-f]|0000)|\xed[\xa0-\xbf]|\0", re.IGNORECASE)
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(value: Any, source: bytes) -> Any:
    """Return what was read from JSON with a replacement character for each such character.

    :param source: the JSON; without any such character in it, the value is returned as it is
    """
    return _clean(value) if _WRITTEN.search(source) else value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _ODD.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value
