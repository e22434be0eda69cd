"""Which arguments are known when a DAG is parsed, and which only when its task runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_kaizala.client.models.checks import Check

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


class ChecksArguments(LiteralsStay):
    """Mixin of tasks whose arguments are checked as early as they are known.

    A subclass names in ``arguments`` what checks each of its arguments: literal ones are checked when the DAG is parsed, all of
    them when the task runs. In ``decisive`` it names those without which it would do something else: given, they must not be
    None when the task runs, as what a template or another task was to bring may be.
    """

    arguments: ClassVar[Mapping[str, Check]] = {}
    decisive: ClassVar[Sequence[str]] = ()
    _awaited: Sequence[str] = ()

    def check_literals(self) -> None:
        """Check the arguments that are known now. Each subclass calls it at the end of ``__init__``.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        for name, check in self.arguments.items():
            value = getattr(self, name)
            if is_literal(value):
                check(name, value)
        self._awaited = [name for name in self.decisive if getattr(self, name) is not None]

    def checked(self, name: str) -> Any:
        """Return an argument, checked, in the form it is sent in."""
        return self.arguments[name](name, self.there(name))

    def there(self, name: str) -> Any:
        """Return an argument as it is when the task runs.

        :raises KaizalaInputError: if it was given and has come to None
        """
        value = getattr(self, name)
        if value is None and name in self._awaited:
            raise KaizalaInputError(
                f"{name} is None: what was to bring it, a template or another task, has found nothing. It is not taken for left "
                "out, since something else would be done then"
            )
        return value
