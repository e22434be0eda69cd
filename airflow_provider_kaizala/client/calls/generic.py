"""Calls any operation by its operationId, with parameters and body as Kaizala documents them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_kaizala.client.calls.call import Call, make
from airflow_provider_kaizala.client.operations import check_body, check_parameters, find_operation

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
