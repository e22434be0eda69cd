"""``airflow-kaizala login``: phone number and PIN become a refresh token in an Airflow connection."""

from __future__ import annotations

import getpass
import sys
from contextlib import closing, nullcontext, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_kaizala.cli.account import CommandHook, find_group, is_group_id, is_in_environment
from airflow_provider_kaizala.cli.connections import (
    DATABASE,
    ConnectionFile,
    connection_home,
    need_database,
    require_storable_id,
    write_connection,
)
from airflow_provider_kaizala.cli.exit_codes import DONE
from airflow_provider_kaizala.cli.output import counted, is_terminal, note, say, working
from airflow_provider_kaizala.client.calls.auth import generate_pin, login_with_pin
from airflow_provider_kaizala.client.calls.groups import list_groups
from airflow_provider_kaizala.client.client import KaizalaClient
from airflow_provider_kaizala.client.errors import (
    KaizalaAuthError,
    KaizalaError,
    KaizalaInputError,
    KaizalaUnknownOutcomeError,
)
from airflow_provider_kaizala.client.models import checks
from airflow_provider_kaizala.client.settings import DEFAULT_API_ROOT
from airflow_provider_kaizala.hooks.connection import api_root, read_connection

if TYPE_CHECKING:
    import argparse

    from airflow_provider_kaizala.client.models import RefreshToken
    from airflow_provider_kaizala.client.settings import Settings


#: extras that are of use only with the host and the connector that they were stored for
_OF_A_CONNECTOR = ("refresh_token", "group_refresh_tokens", "default_group", "allowed_hosts")


def login(args: argparse.Namespace) -> int:
    """Sign in, and keep the refresh token.

    A new refresh token ends the one before it, so whatever could keep it from being stored is checked before it is asked for, and it
    is stored before anything else is done with it.
    """
    require_storable_id(args.conn_id)
    existing = _existing(args.conn_id)
    file = ConnectionFile(args.file) if args.file else None
    with closing(file) if file else nullcontext():
        if file is None:
            _require_database(args.conn_id)
        fields = _fields(args, existing)
        settings = _settings(args.conn_id, fields)
        phone = checks.phone("--phone", args.phone or _ask("--phone", "Phone number, such as +910000000001"))
        granted = _sign_in(settings, phone, have_pin=args.have_pin)
        fields["extra"]["refresh_token"] = granted.refresh_token
        where = _save(args, file, fields)
        until = f" until {granted.expires_at:%Y-%m-%d}" if granted.expires_at else ""
        say(
            f"{where}: connector {settings.connector_id} at {settings.api_root}, refresh token of {phone}{until}"
        )
        _show_groups(args, file, fields)
    note(f"next: airflow-kaizala check --conn-id {args.conn_id}")
    return DONE


def _existing(conn_id: str) -> Any:
    try:
        conn = CommandHook.get_connection(conn_id)
    except KaizalaInputError:
        if is_in_environment(conn_id):  # a connection in the database would come second to the broken one
            raise
        return None
    if conn.conn_type != CommandHook.conn_type:
        raise KaizalaInputError(
            f"--conn-id: connection {conn_id!r} has the type {conn.conn_type!r}; give another id, or change its type first"
        )
    return conn


def _require_database(conn_id: str) -> None:
    """Refuse a connection that this command cannot store."""
    home = connection_home(conn_id)
    if home not in (None, DATABASE):
        raise KaizalaInputError(
            f"--conn-id: connection {conn_id!r} comes from {home}, which this command does not change; with --file FILE it writes the "
            "connection to a file, to be put there"
        )
    need_database()


def _fields(args: argparse.Namespace, existing: Any) -> dict[str, Any]:
    """Return the fields of the connection, as far as they are known before the sign-in."""
    port = schema = None
    if args.host:
        host = args.host
    elif existing is not None:
        host, port, schema = existing.host, existing.port, existing.schema
    else:
        host = _ask("--host", "Address of the API", DEFAULT_API_ROOT)
    api_root(host, port, schema)  # an invalid one is refused before anything else is asked
    connector_id = (
        args.connector_id or (existing and existing.login) or _ask("--connector-id", "Connector id")
    )
    secret = existing and not args.ask_secret and existing.password
    extra = dict(existing.extra_dejson) if existing else {}
    is_other = existing is not None and (_address(host, port, schema), connector_id.strip()) != (
        _address(existing.host, existing.port, existing.schema),
        (existing.login or "").strip(),
    )
    if is_other:
        secret = None
        removed = [name for name in _OF_A_CONNECTOR if extra.pop(name, None)]
        note(
            f"connection {args.conn_id!r} has another host or connector id, so its secret is not used"
            + (f", and these extras will be removed: {', '.join(removed)}" if removed else "")
        )
    return {
        "host": host,
        "port": port,
        "schema": schema,
        "login": connector_id,
        "password": secret or _ask_secret("Connector secret"),
        "extra": extra,
    }


def _address(host: str | None, port: int | None, schema: str | None) -> str | None:
    """Return the API root, None if it is invalid."""
    with suppress(KaizalaInputError):
        return api_root(host, port, schema)
    return None


def _settings(conn_id: str, fields: dict[str, Any]) -> Settings:
    conn = SimpleNamespace(conn_id=conn_id, **fields)
    return read_connection(conn, fields["extra"]).settings


def _sign_in(settings: Settings, phone: str, *, have_pin: bool) -> RefreshToken:
    with KaizalaClient(settings) as client:
        if not have_pin:
            with working("asking for a PIN"):
                try:
                    client.run(generate_pin(phone, settings.connector_id))
                except KaizalaUnknownOutcomeError as error:
                    raise KaizalaError(
                        f"a PIN was asked for, but no readable reply came back ({error.known}); if a PIN arrives, run login again with "
                        "--have-pin, otherwise without"
                    ) from None
            note(
                f"Kaizala sends a PIN to {phone}; kaizala-server sends none: enter the PIN with which the person signs in there"
            )
        pin = _ask_secret("PIN")
        with working("signing in"):
            try:
                granted = client.run(
                    login_with_pin(phone, settings.connector_id, settings.connector_secret, pin)
                )
            except KaizalaAuthError as error:
                raise KaizalaError(
                    f"the sign-in was refused ({error.message or error.status}): check phone number, PIN, connector id and secret"
                ) from None
            except KaizalaUnknownOutcomeError as error:
                raise KaizalaError(
                    f"the sign-in was sent, but no readable reply came back ({error.known}), so no refresh token was stored; run login "
                    "again: the refresh token that the connection had before may no longer be valid"
                ) from None
    mask_secret(granted.refresh_token)
    return granted


def _save(args: argparse.Namespace, file: ConnectionFile | None, fields: dict[str, Any]) -> str:
    """Store the connection; return a sentence about it."""
    if file is not None:
        file.write(args.conn_id, fields)
        return f"connection {args.conn_id!r} is in {args.file}"
    is_new = write_connection(args.conn_id, fields)
    return f"connection {args.conn_id!r} was {'created' if is_new else 'updated'}"


def _show_groups(args: argparse.Namespace, file: ConnectionFile | None, fields: dict[str, Any]) -> None:
    """Show which groups the token reaches, and store the default group: the one that was given, or the only one there is.

    :raises KaizalaError: if there is no group of the name given, or the groups cannot be read
    """
    given = (args.default_group or "").strip()
    try:
        with KaizalaClient(_settings(args.conn_id, fields)) as client, working("reading the groups"):
            groups = client.run(list_groups())
    except KaizalaError as error:
        note(f"warning: the groups cannot be read: {error}")
        groups = ()
        if given and not is_group_id(given):
            raise KaizalaError(
                f"--default-group: {given!r} cannot be looked up; the refresh token is stored: set the extra default_group of the "
                "connection to the id of the group"
            ) from None
    else:
        names = ", ".join(sorted(group.name for group in groups))
        say(f"it reaches {counted(len(groups), 'group')}{names and f': {names}'}")
    extra = fields["extra"]
    if is_group_id(given):
        extra["default_group"] = given
    elif given:
        try:
            extra["default_group"] = find_group("--default-group", given, groups)
        except KaizalaInputError as error:
            raise KaizalaError(str(error)) from None  # its exit code would say that nothing was changed
    elif len(groups) == 1 and not extra.get("default_group"):
        extra["default_group"] = groups[0].group_id
        say(f"default_group was set to {groups[0].name}")
    else:
        return
    _save(args, file, fields)


# --- asking --------------------------------------------------------------------------------------------------------------


def _ask(flag: str, label: str, default: str = "") -> str:
    """Ask for something that is no secret."""
    if not is_terminal(sys.stdin):
        if default:
            return default
        raise KaizalaInputError(f"{flag} is missing, and there is no terminal to ask for it")
    print(f"{label}{default and f' [{default}]'}: ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    answer = line.strip() or default
    if not answer:
        raise KaizalaInputError(f"{flag} is missing")
    return answer


def _ask_secret(label: str) -> str:
    """Ask for a secret, without an echo; where there is no terminal, read it from stdin."""
    if is_terminal(sys.stdin):
        secret = getpass.getpass(f"{label}: ", stream=sys.stderr).strip()
    else:
        secret = (sys.stdin.readline() if sys.stdin is not None else "").strip()
    if not secret:
        raise KaizalaInputError(
            f"{label}: it is empty; type it, or where there is no terminal, pass secret and PIN on stdin, one a line"
        )
    mask_secret(secret)
    return secret
