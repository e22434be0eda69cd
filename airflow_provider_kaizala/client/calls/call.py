"""A call: an operation with everything that is needed to make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models.checks import identifier, sendable
from airflow_provider_kaizala.client.models.wire import Wire
from airflow_provider_kaizala.client.operations import OPERATIONS
from airflow_provider_kaizala.client.value import Value

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_kaizala.client.multipart import Part

T = TypeVar("T")
Body = Mapping[str, Any]


class Call(Value, Generic[T]):
    """A call that a client can make.

    :param operation: operationId
    :param path: below ``/v1``; below the root of the OAuth host if ``oauth``
    :param parse: reads the JSON of a 2xx reply
    :param repeatable: whether sending it twice has the same effect as sending it once
    :param group_id: the group whose grant the call uses; None selects the user's token
    :param prefers_user: use the user's token if there is one, since the call involves other groups too
    :param body: returns the JSON body when the call is sent, since due times are relative to that moment
    :param form: fields of a form, instead of a JSON body
    :param secrets: values in the request that must never be shown
    """

    operation: str
    method: str
    path: str
    parse: Callable[[Any], T]
    repeatable: bool
    group_id: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[datetime], Body] | None = None
    parts: tuple[Part, ...] = ()
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    needs_token: bool = True
    prefers_user: bool = False
    oauth: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


def make(
    operation: str,
    parse: Callable[[Any], T],
    group_id: str | None = None,
    *,
    at: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    body: Body | Callable[[datetime], Body] | None = None,
    repeatable: bool | None = None,
    **more: Any,
) -> Call[T]:
    """Return a call of *operation*, with method and path from the table of operations.

    :param at: ids for the path; ``groupId`` is *group_id*, unless given here
    :param query: query parameters; those that are None are left out
    :param repeatable: overrides the table where it depends on the arguments
    """
    row = OPERATIONS[operation]
    ids = {"groupId": group_id, **(at or {})}
    path = row.path
    for name in row.path_parameters:
        path = path.replace(f"{{{name}}}", _segment(name, ids[name]))
    fixed = body
    return Call(
        operation,
        row.method,
        path,
        parse,
        row.repeatable if repeatable is None else repeatable,
        group_id,
        query={name: _word(name, value) for name, value in (query or {}).items() if value is not None},
        body=body if body is None or callable(body) else lambda now: fixed,  # type: ignore[arg-type,return-value]
        needs_token=not row.signs_in,
        oauth=row.oauth,
        **more,
    )


def _segment(name: str, value: Any) -> str:
    """Return an id as a path segment. Dots alone are refused: they would address another path."""
    given = identifier(name, value)
    if not given.strip("."):
        raise KaizalaInputError(f"{name}: {value!r} is not a valid id; give the id as Kaizala issued it")
    return quote(given, safe="@")


def _word(name: str, value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else sendable(name, str(value))


def sent(body: Any) -> bool:
    """Read a reply that says nothing more than its status."""
    return True


def listed(name: str, read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """Return a reader of a reply whose list *name* is required."""
    return lambda body: Wire(body).items(name, read, required=True)


def text(name: str) -> Callable[[Any], str]:
    """Return a reader of a reply whose text *name* is required."""
    return lambda body: Wire(body).need(name)


def done(body: Any) -> bool:
    """Read a reply that contains at most ``result``, true or ``"true"``; returns False if that is false."""
    return Wire(body or {}).flag("result") is not False
