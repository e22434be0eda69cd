"""The hook: makes calls with the settings of an Airflow connection."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import BaseHook, mask_secret

from airflow_provider_kaizala import client, hooks
from airflow_provider_kaizala.client import calls, models
from airflow_provider_kaizala.client.errors import KaizalaInputError
from airflow_provider_kaizala.client.multipart import Part
from airflow_provider_kaizala.client.readings import follow
from airflow_provider_kaizala.hooks.budget import shared_budget
from airflow_provider_kaizala.hooks.fields import FIELDS, HIDDEN_FIELDS, PLACEHOLDERS, RELABELING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from airflow_provider_kaizala.client import AsyncKaizalaClient, KaizalaClient, Policy
    from airflow_provider_kaizala.client.calls import Call
    from airflow_provider_kaizala.client.models import (
        Action,
        ActionDetails,
        Group,
        ListedAction,
        Member,
        Posted,
    )
    from airflow_provider_kaizala.client.paging import Paged
    from airflow_provider_kaizala.client.readings import Reading
    from airflow_provider_kaizala.client.settings import Settings
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection

T = TypeVar("T")


class KaizalaHook(BaseHook):
    """Calls Kaizala's API as the connector of an Airflow connection.

    ::

        hook = KaizalaHook("kaizala_default")
        posted = hook.post_action(Poll("Lunch?", ["Yes", "No"]), group_id)
        for response in hook.get_action(posted.action_id, group_id).responses:
            print(response.responder.name, response.answers)

    The methods below make the most frequent calls; :meth:`run` and :meth:`iterate` make any other of
    :mod:`airflow_provider_kaizala.client.calls`. Where ``group_id`` is None, the connection's ``default_group`` is used.
    All raise :class:`~airflow_provider_kaizala.client.errors.KaizalaInputError` for arguments that Kaizala would not accept,
    before anything is sent, and other kinds of :class:`~airflow_provider_kaizala.client.errors.KaizalaError` if a call fails.

    :param kaizala_conn_id: Airflow connection id. Host = API root, login = connector id, password = connector secret; for the
        extras see :mod:`airflow_provider_kaizala.hooks.fields`
    :param total_timeout: seconds a whole call may take with its retries, instead of ten times the connection's ``timeout``
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
        """The Airflow connection, read and checked.

        :raises KaizalaInputError: if a field is invalid; the message names it
        """
        conn = self.get_connection(self.kaizala_conn_id)
        return self._read(conn, conn.extra_dejson)

    def _read(self, conn: Any, extra: Any) -> KaizalaConnection:
        for name in ("refresh_token", "callback_token", "webhook_secret"):
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
        """Return *group_id*, or the connection's default group if that is None or empty.

        :raises KaizalaInputError: if there is no default group either
        """
        chosen = (group_id or self.connection.default_group or "").strip()
        if not chosen:
            raise KaizalaInputError(
                f"group_id is missing: give one, or set the extra default_group of connection {self.kaizala_conn_id!r}"
            )
        return chosen

    # --- clients -------------------------------------------------------------------------------------------------------

    def get_conn(self) -> KaizalaClient:
        """Return the client; a hook has one until it is closed."""
        if self._client is None:
            settings = self.connection.settings
            self._client = client.KaizalaClient(
                settings, hooks.VariableTokenStore(), policy=self._policy(settings)
            )
        return self._client

    async def async_connection(self) -> KaizalaConnection:
        """Return :attr:`connection`, read without blocking the event loop."""
        if "connection" not in self.__dict__:
            from airflow.providers.common.compat.connection import (  # only the triggerer needs it
                get_async_connection,
                get_async_extra_dejson,
            )

            conn = await get_async_connection(self.kaizala_conn_id, hook=self)
            extra = await get_async_extra_dejson(conn)
            # masking a secret waits for the supervisor; on Airflow 3.0 it cannot do so on the event loop
            self.connection = await _in_thread(self._read, conn, extra)
        return self.connection

    async def get_async_conn(self) -> AsyncKaizalaClient:
        """Return a new async client, for triggers; the caller closes it."""
        return self.async_client((await self.async_connection()).settings)

    def async_client(self, settings: Settings) -> AsyncKaizalaClient:
        """Return a new async client for settings of this connection; the caller closes it."""
        return client.AsyncKaizalaClient(
            settings, hooks.VariableTokenStore(), policy=self._policy(settings), in_thread=_in_thread
        )

    @staticmethod
    def _policy(settings: Settings) -> Policy:
        return client.Policy(settings, budget=shared_budget(settings), observer=hooks.AirflowObserver())

    def run(self, call: Call[T]) -> T:
        """Make any call of :mod:`airflow_provider_kaizala.client.calls` and return its result.

        :raises airflow_provider_kaizala.client.errors.KaizalaError: see there for the kinds
        """
        return self.get_conn().run(call, within=self._ends - time.monotonic())

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Bound the total time of all calls made in this context, None for no bound.

        A call that would have to wait longer raises at once.
        """
        before = self._ends
        self._ends = min(before, time.monotonic() + (math.inf if seconds is None else seconds))
        try:
            yield
        finally:
            self._ends = before

    def page(self, group_id: str) -> str | None:
        """Return the root of the page on which people read and answer, as ``kaizala-server`` has one; None for Microsoft's service.

        It is the address that Kaizala named last for calls about the group, which can be another than the connection's host.
        """
        return self.get_conn().policy.page(group_id)

    def iterate(self, paged: Paged[T]) -> Iterator[T]:
        """Yield the items of a read in pages; a page is fetched when its first item is needed."""
        return self.get_conn().iterate(paged)

    def read(self, reading: Reading[T]) -> T:
        """Make the calls of a reading of :mod:`airflow_provider_kaizala.client.readings` and return its result."""
        return follow(reading, self.run)

    def close(self) -> None:
        """Close the client's connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    # --- the most frequent calls ---------------------------------------------------------------------------------------

    def send_message(
        self,
        text: str,
        group_id: str | None = None,
        *,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool = False,
        reply_to_reference_id: str | None = None,
    ) -> Posted:
        """Post a text of up to 4,000 characters.

        :param subscribers: phone numbers of the subscribers of a hub group to send it to
        :param send_to_all_subscribers: send it to all subscribers of a hub group
        :param reply_to_reference_id: reference id of the message that this one answers
        :return: ``reference_id``, and in ``failed`` the subscribers it did not reach
        :raises KaizalaUnknownOutcomeError: if no readable reply came: the message may have been posted
        """
        audience = models.Audience(subscribers, send_to_all_subscribers, reply_to_reference_id)
        return self.run(calls.send_message(self.group(group_id), models.Message(text), audience))

    def post_action(
        self,
        action: Action,
        group_id: str | None = None,
        *,
        subscribers: Sequence[str] | None = None,
        send_to_all_subscribers: bool = False,
        reply_to_reference_id: str | None = None,
    ) -> Posted:
        """Post a poll, a survey, a job, a meeting, an announcement, media or a custom action.

        :param action: one of :mod:`airflow_provider_kaizala.client.models`, such as ``Poll("Lunch?", ["Yes", "No"])``
        :return: ``reference_id``; ``action_id``, None for media; and in ``failed`` the subscribers it did not reach
        :raises KaizalaUnknownOutcomeError: if no readable reply came: the action may have been posted
        """
        audience = models.Audience(subscribers, send_to_all_subscribers, reply_to_reference_id)
        return self.run(calls.post_action(self.group(group_id), action, audience))

    def get_action(self, action_id: str, group_id: str | None = None) -> ActionDetails:
        """Return an action with all its responses."""
        return self.run(calls.get_action(self.group(group_id), action_id))

    def list_actions(
        self, action_type: str, group_id: str | None = None, *, since: datetime | str | None = None
    ) -> Iterator[ListedAction]:
        """Yield the actions of one type, oldest first; pages are fetched as they are needed.

        :param action_type: such as ``"Poll"``, ``"Survey"``, ``"Job"``, ``"LetsMeet"``
        :param since: list only actions posted in this second or later; without a zone it is UTC
        """
        return self.iterate(calls.list_actions(self.group(group_id), action_type, since))

    def list_groups(self, *, all_groups: bool = False) -> tuple[Group, ...]:
        """Return the groups of the user whose refresh token the connection holds.

        :param all_groups: include groups that the user reaches only through another group
        """
        return self.run(calls.list_groups(all_groups=all_groups))

    def get_group(self, group_id: str | None = None) -> Group:
        """Return a group: name, type, the number of its members."""
        return self.run(calls.get_group(self.group(group_id)))

    def list_members(self, group_id: str | None = None) -> tuple[Member, ...]:
        """Return the members of a group."""
        return self.run(calls.list_members(self.group(group_id)))

    def add_members(self, members: Sequence[str], group_id: str | None = None) -> bool:
        """Add members by phone number; returns False if Kaizala reports that it did not."""
        return self.run(calls.add_members(self.group(group_id), members))

    def send_reminder(
        self, action_id: str, group_id: str | None = None, *, subscribers: Sequence[str] | None = None
    ) -> Posted:
        """Remind people of an action.

        :param subscribers: phone numbers of the subscribers of a hub group to remind
        """
        return self.run(calls.send_reminder(self.group(group_id), action_id, models.Audience(subscribers)))

    def upload_media(self, *paths: str | Path, group_id: str | None = None) -> str:
        """Upload a file, or several for an album; returns the media resource, which ``Media`` and ``Announcement`` take.

        :raises KaizalaInputError: if a file does not exist, or is of a type that Kaizala does not accept
        """
        return self.run(calls.upload_media(self.group(group_id), [Part.from_path(path) for path in paths]))

    # --- the Airflow UI ------------------------------------------------------------------------------------------------

    def test_connection(self) -> tuple[bool, str]:
        """Try every refresh token of the connection and its default group; return which one failed and why."""
        try:
            connection = self.connection
        except Exception as error:  # noqa: BLE001 - whatever is wrong, a person reads it in the UI
            return False, str(error)
        return hooks.try_connection(connection)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's fields for Airflow below 3.2; newer ones read them from the provider's metadata."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, PasswordField, StringField

        widgets: dict[str, Any] = {}
        for field in FIELDS:
            about = {"label": field.label, "description": field.description}
            default = field.schema.get("default")
            if field.schema.get("format") == "password":
                widgets[field.name] = PasswordField(**about, widget=BS3PasswordFieldWidget())
            elif "boolean" in field.schema["type"]:
                widgets[field.name] = BooleanField(**about, default=default)
            else:
                text = None if default is None else str(default)
                widgets[field.name] = StringField(**about, widget=BS3TextFieldWidget(), default=text)
        return widgets

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels for Airflow below 3.2."""
        return {
            "hidden_fields": [*HIDDEN_FIELDS, "extra"],
            "relabeling": dict(RELABELING),
            "placeholders": dict(PLACEHOLDERS),
        }


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a thread, which may ask Airflow's supervisor.

    On Airflow 3.0 a thread of another kind would read the supervisor's answers on a loop of its own, which breaks the triggerer.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(function, thread_sensitive=False)(*args)
