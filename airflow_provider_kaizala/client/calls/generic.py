"""Calls any operation by its operationId, with parameters and body as Kaizala documents them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.call import Call, make
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.operations import Operation, find_operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.multipart import Part


def any_operation(
    operation: str,
    parameters: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    *,
    files: Sequence[Part] = (),
    group_id: str | None = None,
) -> Call[Any]:
    """Call an operation that requires an access token and does not return one; returns the JSON of the reply.

    :param operation: operationId, in any case
    :param parameters: path and query parameters by their documented names
    :param group_id: the group whose grant the call uses; by default the parameter ``groupId``
    :raises KaizalaInputError: if the operation or a parameter is unknown, a parameter is missing, or a body is not allowed
    """
    name, row = find_operation(operation)
    given = check_parameters(name, row, parameters or {})
    check_body(name, row, body, files)
    at = {key: str(given.pop(key)) for key in row.path_parameters}
    body_of = {} if body is None and row.sends == "json" else body
    grant = group_id or at.get("groupId") or given.get("groupId")
    return make(name, lambda reply: reply, grant, at=at, query=given, body=body_of, parts=tuple(files))


def check_parameters(name: str, row: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against the operation; return them by their documented names."""
    if row.signs_in or row.hands_out:
        raise KaizalaInputError(
            f"operation: {name} exchanges secrets, which must not pass through a task. The hook obtains tokens; to sign in from a "
            "script, use the functions of airflow_provider_kaizala.client.calls"
        )
    known = {each.lower(): each for each in (*row.path_parameters, *row.needed, *row.optional)}
    unknown = sorted(str(key) for key in given if str(key).lower() not in known)
    if unknown:
        takes = ", ".join(known.values()) or "none"
        raise KaizalaInputError(f"parameters: {name} has no {', '.join(unknown)}; it accepts {takes}")
    found = {known[str(key).lower()]: value for key, value in given.items() if value is not None}
    missing = [each for each in (*row.path_parameters, *row.needed) if each not in found]
    if missing:
        raise KaizalaInputError(f"parameters: {name} also needs {', '.join(missing)}")
    for each in row.path_parameters:
        checks.resolved(f"parameters: {each}", found[each])
    return found


def check_body(name: str, row: Operation, body: Mapping[str, Any] | None, files: Sequence[Any]) -> None:
    """Refuse a body or files where the operation has none, and missing files."""
    if body is not None and row.sends != "json":
        raise KaizalaInputError(f"body: {name} has no JSON body")
    checks.json_value("body", body)
    if files and row.sends != "files":
        raise KaizalaInputError(f"files: {name} has no files")
    if row.sends == "files" and not files:
        raise KaizalaInputError(f"files: {name} needs at least one")
