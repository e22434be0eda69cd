"""The hook: an Airflow connection becomes a Kaizala client."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from airflow_provider_kaizala import client, hooks
from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaForbiddenError, KaizalaInputError
from airflow_provider_kaizala.hooks.fields import FIELDS, HIDDEN_FIELDS, PLACEHOLDERS, RELABELING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.client import AsyncKaizalaClient, Budget, KaizalaClient, Policy
    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.paging import Paged
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection

T = TypeVar("T")

_budgets: dict[tuple[str, str], Budget] = {}
_budgets_lock = threading.Lock()


def shared_budget(settings: Settings) -> Budget:
    """Return the budget of calls that all clients of one connector share in this process."""
    with _budgets_lock:
        budget = _budgets.setdefault(
            (settings.api_root, settings.connector_id), client.Budget(settings.calls_per_minute)
        )
        budget.limit = settings.calls_per_minute
        return budget


class KaizalaHook(BaseHook):
    """Talks to Kaizala as one connector.

    :param kaizala_conn_id: the :ref:`Kaizala connection <howto/connection:kaizala>`: host = API root, login = connector id,
        password = connector secret; extras: see :mod:`airflow_provider_kaizala.hooks.fields`
    :param total_timeout: seconds that a whole call may last with its repeats, instead of ten times the connection's ``timeout``
    """

    conn_name_attr = "kaizala_conn_id"
    default_conn_name = "kaizala_default"
    conn_type = "kaizala"
    hook_name = "Kaizala"

    def __init__(
        self, kaizala_conn_id: str = default_conn_name, *, total_timeout: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.kaizala_conn_id = kaizala_conn_id
        self.total_timeout = total_timeout
        self._client: KaizalaClient | None = None
        self._ends = math.inf

    # --- the connection ------------------------------------------------------------------------------------------------

    @cached_property
    def connection(self) -> KaizalaConnection:
        """What the Airflow connection says.

        :raises KaizalaInputError: names the field that is wrong
        """
        conn = self.get_connection(self.kaizala_conn_id)
        return self._read(conn, conn.extra_dejson)

    def _read(self, conn: Any, extra: Any) -> KaizalaConnection:
        for name in ("refresh_token", "callback_token"):
            if isinstance(extra, dict) and isinstance(extra.get(name), str):
                mask_secret(extra[name])
        found = hooks.read_connection(conn, extra)
        for secret in found.secrets():
            mask_secret(secret)
        if self.total_timeout is not None:
            short = replace(found.settings.timeouts, total=self.total_timeout)
            found = replace(found, settings=replace(found.settings, timeouts=short))
        return found

    def group(self, group_id: str | None) -> str:
        """Return *group_id*, or the connection's default group if that is None or empty, as a DAG's param may be.

        :raises KaizalaInputError: if there is neither
        """
        chosen = group_id or self.connection.default_group
        if not chosen:
            raise KaizalaInputError(
                f"group_id is missing: give one, or set the extra default_group of connection {self.kaizala_conn_id!r}"
            )
        return chosen

    # --- clients -------------------------------------------------------------------------------------------------------

    def get_conn(self) -> KaizalaClient:
        """Return the client, one for the life of the hook."""
        if self._client is None:
            settings = self.connection.settings
            self._client = client.KaizalaClient(
                settings, hooks.store_for(self.kaizala_conn_id), policy=self._policy(settings)
            )
        return self._client

    async def async_connection(self) -> KaizalaConnection:
        """Return what the Airflow connection says, read without blocking the event loop.

        :raises KaizalaInputError: names the field that is wrong
        """
        if "connection" not in self.__dict__:
            conn = await get_async_connection(self.kaizala_conn_id, hook=self)
            self.connection = self._read(conn, await get_async_extra_dejson(conn))
        return self.connection

    async def get_async_conn(self) -> AsyncKaizalaClient:
        """Return a new async client, for triggers; the caller closes it."""
        return self.async_client((await self.async_connection()).settings)

    def async_client(self, settings: Settings) -> AsyncKaizalaClient:
        """Return a new async client for settings of this connection; the caller closes it."""
        return client.AsyncKaizalaClient(
            settings, hooks.store_for(self.kaizala_conn_id), policy=self._policy(settings)
        )

    @staticmethod
    def _policy(settings: Settings) -> Policy:
        return client.Policy(settings, budget=shared_budget(settings))

    def run(self, call: Call[T]) -> T:
        """Make one call; see :mod:`airflow_provider_kaizala.client.calls`.

        :raises airflow_provider_kaizala.client.errors.KaizalaError: see there for the kinds
        """
        return self.get_conn().run(call, within=self._ends - time.monotonic())

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Bound all calls made meanwhile together, None for no bound: a throttle that lasts longer is not waited out."""
        before = self._ends
        self._ends = min(before, time.monotonic() + (math.inf if seconds is None else seconds))
        try:
            yield
        finally:
            self._ends = before

    def iterate(self, paged: Paged[T]) -> Iterator[T]:
        """Yield the items of a read that comes in pages, as far as they are wanted."""
        return self.get_conn().iterate(paged)

    def read(self, reading: Reading[T]) -> T:
        """Make the calls of a reading, see :mod:`airflow_provider_kaizala.client.readings`."""
        from airflow_provider_kaizala.client.readings import follow

        return follow(reading, self.run)

    def close(self) -> None:
        """Close the client's connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    # --- the Airflow UI ------------------------------------------------------------------------------------------------

    def test_connection(self) -> tuple[bool, str]:
        """Try every refresh token of the connection, and say which one failed and why."""
        try:
            found = self.connection
        except Exception as error:  # noqa: BLE001
            return False, str(error)
        settings = replace(found.settings, timeouts=client.Timeouts(5, 10, 20), retries=1)
        tried: list[str] = []
        checks: list[tuple[str, Call[Any]]] = []
        if settings.refresh_token:
            checks.append(("the user's refresh token", calls.list_groups()))
        checks += [
            (f"the refresh token of group {group}", calls.get_group(group))
            for group in settings.group_refresh_tokens
        ]
        if not checks:
            return (
                False,
                "the connection holds no refresh token: set the extra refresh_token or group_refresh_tokens",
            )
        with client.KaizalaClient(settings) as tester:
            for what, call in checks:
                try:
                    tester.run(call)
                except KaizalaForbiddenError as error:
                    if call.group_id is not None and "permission" not in str(error.message).lower():
                        return False, f"{what}: {error}"
                    tried.append(f"{what} works, but the connector may not read groups")
                except KaizalaError as error:
                    return False, f"{what}: {error}"
                else:
                    tried.append(f"{what} works")
        return (
            True,
            f"Connected to {settings.api_root} as connector {settings.connector_id}: {'; '.join(tried)}",
        )

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's fields for Airflow below 3.2; newer ones read them from the provider's metadata."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, PasswordField, StringField

        widgets: dict[str, Any] = {}
        for field in FIELDS:
            about = {"label": field.label, "description": field.description}
            if field.schema.get("format") == "password":
                widgets[field.name] = PasswordField(**about, widget=BS3PasswordFieldWidget())
            elif "boolean" in field.schema["type"]:
                widgets[field.name] = BooleanField(**about, default=field.schema.get("default"))
            else:
                default = field.schema.get("default")
                widgets[field.name] = StringField(
                    **about, widget=BS3TextFieldWidget(), default=None if default is None else str(default)
                )
        return widgets

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels for Airflow below 3.2."""
        return {
            "hidden_fields": [*HIDDEN_FIELDS, "extra"],
            "relabeling": dict(RELABELING),
            "placeholders": dict(PLACEHOLDERS),
        }
