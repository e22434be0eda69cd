"""Checks a mapped task's arguments when the DAG is parsed, by building tasks of those that are known then."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.compat import OperatorPartial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class CheckedPartial(OperatorPartial):
    """What ``partial()`` of our operators returns: ``expand()`` and ``expand_kwargs()`` check what is literal."""

    @classmethod
    def of(cls, unchecked: OperatorPartial) -> CheckedPartial:
        """Return the same with checks."""
        unchecked._expand_called = True  # or Airflow warns that it was never mapped
        return cls(operator_class=unchecked.operator_class, kwargs=unchecked.kwargs, params=unchecked.params)

    def _expand(self, expand_input: Any, *, strict: bool) -> Any:
        mapped = super()._expand(expand_input, strict=strict)
        for known in _known(expand_input.value):
            try_to_build(partial(mapped.unmap, known))
        return mapped


def try_to_build(build: Callable[[], Any]) -> None:
    """Build a task as a worker builds a mapped one, outside of the DAG.

    :raises KaizalaInputError: for a wrong argument; names the task
    """
    try:
        build()
    except AirflowFailException as error:
        if isinstance(error.__cause__, KaizalaInputError):
            raise KaizalaInputError(str(error)) from None
        raise


def _known(mapped: Any) -> Iterator[dict[str, Any]]:
    """Return arguments of which a task can be built for each literal value; outputs of other tasks stay as they are."""
    if isinstance(mapped, Mapping):
        lists = {
            name: [*values.items()] if isinstance(values, Mapping) else values
            for name, values in mapped.items()
            if isinstance(values, (list, tuple, Mapping))
        }
        if not all(lists.values()):  # mapped over nothing, so there is no task
            return
        first = {name: lists[name][0] if name in lists else values for name, values in mapped.items()}
        yield first
        for name, values in lists.items():
            yield from ({**first, name: value} for value in values[1:])
    elif isinstance(mapped, (list, tuple)):
        yield from (dict(each) for each in mapped if isinstance(each, Mapping))
