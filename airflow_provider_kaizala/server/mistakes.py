"""What pydantic says about a mistake, as a sentence for whoever wrote a seed or a fault."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_UNKNOWN = "extra_forbidden"
_SAID = {
    "missing": "is required",
    "string_type": "must be text; in YAML, put numbers and yes or no in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of names and values",
    "model_type": "must be a mapping of names and values",
    "model_attributes_type": "must be a mapping of names and values",
}


def first_mistake(error: ValidationError) -> ErrorDetails:
    """Return the mistake to tell: a misspelled name before the missing one it was to be. It holds nothing that was given."""
    found = error.errors(include_url=False, include_input=False)
    return next((one for one in found if one["type"] == _UNKNOWN), found[0])


def sentence(mistake: ErrorDetails, known: Collection[str] = ()) -> str:
    """Say what is wrong.

    :param known: the names that may stand where the mistake is
    """
    kind = mistake["type"]
    if kind == _UNKNOWN:
        return unknown_name(str(mistake["loc"][-1]), known)
    if kind == "value_error":
        return mistake["msg"].removeprefix("Value error, ")
    return _SAID.get(kind) or mistake["msg"].replace("Input should", "must", 1).replace(
        "String should", "must", 1
    )


def unknown_name(name: str, known: Collection[str]) -> str:
    """Say that there is no such name, and which there are."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}" if known else ""
    return f"there is no field {name[:80]!r}{hint}"
