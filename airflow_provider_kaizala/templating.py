"""Which arguments are known when a DAG is parsed, and which only when its task runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_kaizala.client.errors import KaizalaInputError

#: A text may well end in ".md" or ".html", so only these endings name a file with a template.
TEMPLATE_EXT = (".j2", ".jinja")


def is_literal(value: Any) -> bool:
    """Tell whether *value* is known now: holds no Jinja, names no template file, and comes from no other task."""
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#")) and not value.endswith(TEMPLATE_EXT)
    if isinstance(value, Mapping):
        return all(is_literal(item) for pair in value.items() for item in pair)
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_literal(item) for item in value)
    if isinstance(value, os.PathLike):
        return True
    # XComArg and its kin resolve when the task runs; a callable is called then
    return not hasattr(value, "resolve") and not callable(value)


def still_there(name: str, value: Any, given: Collection[str]) -> Any:
    """Return an argument as it is when the task runs.

    :param given: names of those that were given when the DAG was parsed, and without which something else would be done
    :raises KaizalaInputError: if one of these has come to None
    """
    if value is None and name in given:
        raise KaizalaInputError(
            f"{name} is None: what was to bring it, a template or another task, has found nothing. It is not taken for left out, "
            "since something else would be done then"
        )
    return value


class LiteralsStay:
    """Mixin that keeps text without a template as it is.

    In a DAG with ``render_template_as_native_obj=True`` Jinja makes numbers of all texts that look like one, be they templates
    or not: of ``"+910000000001"``, or of the choice ``"1.50"``.
    """

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render *content*, unless there is nothing in it to render."""
        if isinstance(content, str) and is_literal(content):
            return content
        return super().render_template(content, *args, **kwargs)  # type: ignore[misc]
