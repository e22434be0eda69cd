"""Which arguments are known when a DAG is parsed, and which only when its task runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

#: A text may well end in ".md" or ".html", so only these endings name a file with a template.
TEMPLATE_EXT = (".j2", ".jinja")


def is_literal(value: Any) -> bool:
    """Tell whether *value* is known now: holds no Jinja, names no template file, and comes from no other task."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and not value.endswith(TEMPLATE_EXT)
    if isinstance(value, Mapping):
        return all(is_literal(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_literal(item) for item in value)
    if isinstance(value, os.PathLike):
        return True
    # XComArg and its kin resolve when the task runs; a callable is called then
    return not hasattr(value, "resolve") and not callable(value)
