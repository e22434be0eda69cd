"""Any operation of Kaizala's API, by its operationId."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.webhooks import url_secrets
from airflow_provider_kaizala.client.operations import find_operation
from airflow_provider_kaizala.operators.base import KaizalaOperator
from airflow_provider_kaizala.operators.media import check_files, open_files
from airflow_provider_kaizala.templating import is_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.operators.media import File

_SECRET_WORDS = ("token", "secret", "password")


def _operation(name: str, value: Any) -> str:
    return find_operation(value)[0]


def _parameters(name: str, value: Any) -> dict[str, Any]:
    if not hasattr(value, "items"):
        raise KaizalaInputError(f"{name}: a dict of names and values is needed, not {checks.shown(value)}")
    return dict(value)


def _body(name: str, value: Any) -> dict[str, Any] | None:
    """Return a body, from a dict or from JSON text as a template file holds it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise KaizalaInputError(f"{name}: the text is no JSON: {error}") from None
    if value is not None and not hasattr(value, "items"):
        raise KaizalaInputError(f"{name}: a dict, or JSON text of one, is needed, not {checks.shown(value)}")
    named = sorted(key for key in map(str, value or ()) if any(word in key.lower() for word in _SECRET_WORDS))
    if named:
        raise KaizalaInputError(
            f"{name}: {', '.join(named)} would stand in the rendered template for all to read; KaizalaCreateWebhookOperator "
            "takes the callback token from the connection"
        )
    return None if value is None else dict(value)


def without_secrets(value: Any) -> Any:
    """Return a reply with the values of all tokens and secrets masked, and what the query of a callback address hides."""
    if isinstance(value, dict):
        return {key: _masked(key.lower(), item) for key, item in value.items()}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def _masked(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return without_secrets(value)
    if any(word in name for word in _SECRET_WORDS):
        return "***"
    if name == "callbackurl":
        for secret in url_secrets(value):
            value = value.replace(secret, "***")
    return value


class KaizalaApiOperator(KaizalaOperator):
    """Make one call of any operation, for what has no operator of its own::

        KaizalaApiOperator(
            task_id="promote",
            operation="updateMember",
            parameters={"groupId": "…", "memberId": "{{ ti.xcom_pull('find') }}"},
            body={"role": "Admin"},
        )

    Operations that trade in tokens are refused: signing in is the hook's work.

    :param operation: its operationId, such as ``updateMember``; all 48 are in
        :data:`airflow_provider_kaizala.client.operations.OPERATIONS`
    :param parameters: those of path and query, by their documented names (templated)
    :param body: the JSON body, as a dict or as text, so that it may come from a ``.j2`` file (templated)
    :param files: paths or ``ObjectStoragePath`` URLs, for ``uploadMedia`` (templated)
    :param group_id: the group whose grant is used; by default the parameter ``groupId``, else the user's token (templated)
    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`
    :return: the JSON of the reply, with the values of tokens and secrets masked
    """

    arguments: ClassVar[Mapping[str, Check]] = {
        "operation": _operation,
        "body": _body,
        "group_id": checks.optional(checks.group_id),
    }
    decisive: ClassVar[Sequence[str]] = ("body", "group_id")
    template_fields: Sequence[str] = (
        "parameters",
        "body",
        "files",
        "group_id",
        *KaizalaOperator.template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json", "body": "json"}

    def __init__(
        self,
        *,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | str | None = None,
        files: File | Sequence[File] = (),
        group_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", False)
        super().__init__(**kwargs)
        self.operation = operation
        self.parameters = parameters
        self.body = body
        self.files = files
        self.group_id = group_id
        self.check_literals()

    def check_literals(self) -> None:
        """Check the arguments that are known now; of parameters the names, also where values are templates.

        :raises KaizalaInputError: names the argument, what was given, what is allowed
        """
        from airflow_provider_kaizala.client.calls.generic import check_body, check_parameters

        super().check_literals()
        if is_literal(self.files):
            check_files(self.files)
        name, row = find_operation(self.operation)
        parameters = self.parameters or {}
        if hasattr(parameters, "items"):
            check_parameters(name, row, parameters)
        elif is_literal(parameters):
            _parameters("parameters", parameters)
        if is_literal(self.body) and is_literal(self.files):
            check_body(name, row, _body("body", self.body), [self.files] if self.files else [])

    def work(self) -> Any:
        """Make the call."""
        from airflow_provider_kaizala.client import calls

        call = calls.any_operation(
            self.operation,
            _parameters("parameters", self.parameters or {}),
            self.checked("body"),
            files=open_files(self.files),
            group_id=self.checked("group_id"),
        )
        reply = self.hook.run(call)
        self.log.info("%s %s: done", call.operation, call.path)
        return without_secrets(reply)
