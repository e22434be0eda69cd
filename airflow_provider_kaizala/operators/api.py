"""Any operation of Kaizala's API, by its operationId."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.models.webhooks import url_secrets
from airflow_provider_kaizala.client.operations import check_body, check_parameters, find_operation
from airflow_provider_kaizala.operators.base import CreateArguments, KaizalaCreateOperator
from airflow_provider_kaizala.operators.media import check_files, open_files
from airflow_provider_kaizala.tasks.arguments import is_literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_kaizala.client.models.checks import Check
    from airflow_provider_kaizala.operators.media import File

_SECRET_WORDS = ("token", "secret", "password")


def _operation(name: str, value: Any) -> str:
    return find_operation(value)[0]


def _parameters(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not hasattr(value, "items"):
        raise KaizalaInputError(f"{name} must be a dict of names and values, not {checks.shown(value)}")
    return {key: item.strip() if isinstance(item, str) else item for key, item in value.items()}


def _body(name: str, value: Any) -> dict[str, Any] | None:
    """Return a body, from a dict or from JSON text as a template file holds it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise KaizalaInputError(f"{name} is not valid JSON: {error}") from None
    if value is not None and not hasattr(value, "items"):
        raise KaizalaInputError(f"{name} must be a dict, or JSON text of one, not {checks.shown(value)}")
    named = sorted(key for key in map(str, value or ()) if any(word in key.lower() for word in _SECRET_WORDS))
    if named:
        raise KaizalaInputError(
            f"{name}: {', '.join(named)} would be visible in the rendered template; KaizalaCreateWebhookOperator takes the callback "
            "token from the connection"
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


class KaizalaApiOperator(KaizalaCreateOperator):
    """Make one call of any operation, for operations that have no operator of their own::

        KaizalaApiOperator(
            task_id="promote",
            operation="updateMember",
            parameters={"groupId": "…", "memberId": "{{ ti.xcom_pull('find') }}"},
            body={"role": "Admin"},
        )

    Operations that exchange secrets are refused: the hook obtains tokens. An operation that is not safe to repeat is called
    once, however often the task is tried: on Airflow 3.3 and newer a retry returns the reply that an earlier try has received. If
    it is unknown whether the call was carried out, ``on_unknown_outcome`` decides.

    :param operation: its operationId, such as ``updateMember``; all 48 are in
        :data:`airflow_provider_kaizala.client.operations.OPERATIONS`
    :param parameters: those of path and query, by their documented names (templated)
    :param body: the JSON body, as a dict or as text, so that it may come from a ``.j2`` file (templated)
    :param files: paths or ``ObjectStoragePath`` URLs, for ``uploadMedia`` (templated)
    :param group_id: the group whose grant is used; by default the parameter ``groupId``, else the user's token (templated)
    :param on_unknown_outcome: what to do if it is unknown whether the call was carried out: ``"fail"`` without a retry, or
        ``"resend"`` once more in the same try
    :param kaizala_conn_id: the Airflow connection to Kaizala (templated)
    :return: the JSON of the reply, with the values of tokens and secrets masked
    """

    arguments: ClassVar[Mapping[str, Check]] = {"operation": _operation, "body": _body}
    required_if_given: ClassVar[Sequence[str]] = ("parameters", "body")
    template_fields: Sequence[str] = ("parameters", "body", "files")
    template_fields_renderers: ClassVar = {"parameters": "json", "body": "json"}

    def __init__(
        self,
        *,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | str | None = None,
        files: File | Sequence[File] = (),
        **kwargs: Unpack[CreateArguments],
    ) -> None:
        kwargs.setdefault("multiple_outputs", False)
        super().__init__(**kwargs)
        self.operation = operation
        self.parameters = parameters
        self.body = body
        self.files = files

    def check_arguments(self) -> None:
        """Check the arguments that are known when the DAG is parsed; of parameters the names, also where values are templates."""
        super().check_arguments()
        if is_literal(self.files):
            check_files(self.files)
        name, row = find_operation(self.operation)
        if is_literal(self.parameters) or hasattr(self.parameters, "items"):
            check_parameters(name, row, _parameters("parameters", self.parameters))
        if is_literal(self.body) and is_literal(self.files):
            check_body(name, row, _body("body", self.body), [self.files] if self.files else [])

    def run_task(self, context: Context) -> Any:
        """Make the call."""
        call = calls.any_operation(
            self.operation,
            _parameters("parameters", self.resolved("parameters")),
            self.checked("body"),
            files=open_files(self.files),
            group_id=self.checked("group_id"),
        )
        return self.create(
            context,
            f"{call.operation} ({call.method} {call.path})",
            call,
            lambda reply: {"reply": without_secrets(reply)},
        ).outcome["reply"]
