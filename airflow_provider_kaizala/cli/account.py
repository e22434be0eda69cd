"""The connection and the groups that commands work with."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import AirflowException
from airflow.secrets.environment_variables import EnvironmentVariablesBackend

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.cli.connections import DATABASE, connection_home, need_database
from airflow_provider_kaizala.cli.output import note
from airflow_provider_kaizala.client.calls.groups import get_group, list_groups
from airflow_provider_kaizala.client.errors import (
    KaizalaError,
    KaizalaForbiddenError,
    KaizalaInputError,
    KaizalaNotFoundError,
    did_you_mean,
)
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from airflow_provider_kaizala.client.models import Group
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection

#: how often a call is repeated: a person or a script does not wait as long as a task
RETRIES = 1
#: seconds to connect
CONNECT = 10.0
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(@\w+)?", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class CommandHook(KaizalaHook):
    """A hook outside of any task."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """Return an Airflow connection.

        :raises KaizalaInputError: if there is none, or its environment variable cannot be read
        """
        if _is_unreadable(conn_id) and connection_home(conn_id) in (None, DATABASE):
            # Airflow skips the variable, and would use a connection of this id in its database instead
            raise KaizalaInputError(
                f"--conn-id: the environment variable {_variable(conn_id)} is set, but Airflow cannot read it; it must be a URI, or "
                "a JSON object with the fields of a connection: correct it or unset it"
            )
        try:
            return compat.stored_connection(conn_id)
        except AirflowException:
            advice = f"create it with `airflow-kaizala login --conn-id {conn_id}`, or see `airflow connections list`"
            try:
                need_database()
            except AirflowException as error:  # so it may be there
                advice = str(error)
            raise KaizalaInputError(
                f"--conn-id: there is no connection {conn_id!r} that this command can read; {advice}"
            ) from None

    def _read(self, conn: Any, extra: Any) -> KaizalaConnection:
        if conn.conn_type != self.conn_type:
            raise KaizalaInputError(
                f"--conn-id: connection {conn.conn_id!r} has the type {conn.conn_type!r}; give one of the type {self.conn_type!r}"
            )
        found = super()._read(conn, extra)
        settings = found.settings
        times = replace(settings.timeouts, connect=min(CONNECT, settings.timeouts.connect))
        return replace(found, settings=replace(settings, retries=RETRIES, timeouts=times))


def is_in_environment(conn_id: str) -> bool:
    """Tell whether the environment variable of a connection is set, even if Airflow cannot read it."""
    return bool(os.environ.get(_variable(conn_id)))


def _is_unreadable(conn_id: str) -> bool:
    """Tell whether the environment variable of a connection is set, but Airflow cannot read it."""
    try:
        return is_in_environment(conn_id) and not EnvironmentVariablesBackend().get_connection(
            conn_id=conn_id
        )
    except Exception:  # noqa: BLE001 - of many kinds, for what is neither a URI nor a connection in JSON
        return True


def _variable(conn_id: str) -> str:
    return f"AIRFLOW_CONN_{conn_id.upper()}"


class Account:
    """A connection, and the groups that it reaches."""

    def __init__(self, conn_id: str) -> None:
        self.conn_id = conn_id
        self.hook = CommandHook(conn_id)

    @classmethod
    def of(cls, args: argparse.Namespace) -> Self:
        """Return the account that a command was given.

        :raises KaizalaInputError: if there is no such connection, or it is invalid, or has no refresh token
        """
        account = cls(args.conn_id)
        settings = account.connection.settings
        if not settings.refresh_token and not settings.group_refresh_tokens:
            raise KaizalaInputError(
                f"connection {args.conn_id!r} has no refresh token; run `airflow-kaizala login --conn-id {args.conn_id}`"
            )
        return account

    @property
    def connection(self) -> KaizalaConnection:
        """The connection, read and checked."""
        return self.hook.connection

    # --- groups ----------------------------------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> list[tuple[Group, str]]:
        """The groups that the connection reaches, each with whose refresh token reaches it: ``user`` or ``group``."""
        return self.list_groups()

    def list_groups(self, *, all_groups: bool = False) -> list[tuple[Group, str]]:
        """Read :attr:`groups`. A refresh token that cannot read them is a warning, as long as another one can.

        :param all_groups: include groups that the user reaches only through another group
        :raises KaizalaError: if none can be read
        """
        settings = self.connection.settings
        found: dict[str, tuple[Group, str]] = {}
        errors: dict[str, KaizalaError] = {}
        for group_id in settings.group_refresh_tokens:
            try:
                found[group_id.lower()] = (self.hook.run(get_group(group_id)), "group")
            except KaizalaError as error:
                errors[f"group {group_id}"] = error
        if settings.refresh_token:
            try:
                for group in self.hook.run(list_groups(all_groups=all_groups)):
                    found.setdefault(group.group_id.lower(), (group, "user"))
            except KaizalaError as error:
                errors["the groups of the user"] = error
        for what, failure in errors.items():
            if not found:
                raise failure
            note(f"warning: {what} cannot be read: {failure}")
        return sorted(found.values(), key=lambda each: (each[0].name.casefold(), each[0].group_id))

    def group_id(self, given: str | None) -> str:
        """Return the id of the group that a command was given by name or id, else the default group.

        :raises KaizalaInputError: if there is no such group, or more than one of that name
        """
        connection = self.connection
        if given is None:
            if connection.default_group:
                return connection.default_group
            raise KaizalaInputError(
                f"--group: give the name or the id of a group, or set the extra default_group of connection {self.conn_id!r}"
            )
        name = given.strip()
        configured = (*connection.settings.group_refresh_tokens, *filter(None, [connection.default_group]))
        if is_group_id(name) or name.lower() in map(str.lower, configured):
            return name
        return self._named(name)

    def group_ids(self, given: Sequence[str]) -> list[str]:
        """Return the ids of several groups; see :meth:`group_id`."""
        return list(dict.fromkeys(map(self.group_id, given)))

    def _named(self, name: str) -> str:
        try:
            groups = [group for group, _ in self.groups]
        except (KaizalaForbiddenError, KaizalaNotFoundError) as error:
            raise KaizalaInputError(
                f"--group: {name!r} cannot be looked up ({error}); give the id of the group"
            ) from None
        return find_group("--group", name, groups)


def is_group_id(text: str) -> bool:
    """Tell whether a text has the form of a group's id."""
    return _GUID.fullmatch(text) is not None


def find_group(flag: str, name: str, groups: Iterable[Group]) -> str:
    """Return the id of the group that has a name, or an id.

    :raises KaizalaInputError: if there is none, or more than one
    """
    known = list(groups)
    wanted = name.strip().casefold()
    fits = [each for each in known if wanted in (each.name.strip().casefold(), each.group_id.casefold())]
    if len(fits) == 1:
        return fits[0].group_id
    if fits:
        ids = ", ".join(each.group_id for each in fits)
        raise KaizalaInputError(
            f"{flag}: {name!r} is the name of {len(fits)} groups; give the id of one: {ids}"
        )
    hint = did_you_mean(name, [each.name for each in known]) or "; see `airflow-kaizala groups`"
    raise KaizalaInputError(f"{flag}: the connection reaches no group that is called {name!r}{hint}")


def read_duration(flag: str, text: str, least: float = 1.0) -> timedelta:
    """Read a duration such as ``90s``, ``15m``, ``2h`` or ``1d``; without a unit it is in seconds.

    :param least: the shortest allowed, in seconds
    :raises KaizalaInputError: if it is not one
    """
    found = re.fullmatch(r"\s*([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([smhd]?)\s*", text, re.IGNORECASE)
    seconds = float(found[1]) * _UNITS[found[2].lower() or "s"] if found else 0.0
    if not least <= seconds <= 366 * _UNITS["d"]:
        raise KaizalaInputError(
            f"{flag}: {text!r} is not a time of at least {least:g} s; give a number with s, m, h or d, such as 90s or 2h"
        )
    return timedelta(seconds=seconds)
