"""How a command shows what it did: a table for people, ``--json`` for programs; errors are one sentence."""

from __future__ import annotations

import errno
import functools
import getpass
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_kaizala.server.admin.session import Admin, AdminError, administration
from airflow_provider_kaizala.server.config import DEFAULT_DATABASE
from airflow_provider_kaizala.server.domain import audit
from airflow_provider_kaizala.server.domain.persons import PHONE
from airflow_provider_kaizala.server.streams import discard, note, stdout_was_closed

#: options that never reach the audit log
SECRETS = ("pin_hash",)

DATABASE_VARIABLE = "KAIZALA_SERVER_DATABASE"


@dataclass(frozen=True)
class Listing:
    """Rows of a table; what there is none of is said by *nothing*."""

    rows: Sequence[Mapping[str, object]]
    nothing: str


@dataclass(frozen=True)
class Record:
    """One thing, field by field, and a sentence about it.

    :param is_about_nobody: whether the audit log is not told whom it was about, as they are to be forgotten
    :param if_unwritten: what to do if this, which is shown only once, cannot be written
    :param as_json: whether it is JSON even for people, as what is nested has no other form
    """

    values: Mapping[str, object]
    note: str = ""
    if_unwritten: str = ""
    as_json: bool = False
    is_about_nobody: bool = False


class Failed(click.ClickException):
    """A sentence, and exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Write the sentence."""
        note(f"kaizala-server: {self.message}")


class Unwritten(Failed):
    """The command was carried out, but what it has to show cannot be written; exit status 1."""

    exit_code = 1

    def __init__(self, record: Record, error: OSError) -> None:
        advice = record.if_unwritten or "check what it did before you run it again"
        super().__init__(
            f"the command was carried out, but its output cannot be written: {error.strerror or error}; {advice}"
        )

    def show(self, file: Any = None) -> None:
        """Write the sentence."""
        discard(sys.stdout)
        super().show(file)


database_option = click.option(
    "--database",
    envvar=DATABASE_VARIABLE,
    default=DEFAULT_DATABASE,
    show_default=True,
    help=f"The server's database; also from {DATABASE_VARIABLE}.",
)


def shown(carry_out: Callable[..., Listing | Record]) -> Callable[..., None]:
    """Show what a command returns, as JSON if asked for; an :class:`AdminError` is one sentence."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(carry_out)
    def run(as_json: bool, **options: object) -> None:
        try:
            result = carry_out(**options)
        except AdminError as error:
            raise Failed(str(error)) from None
        try:
            if isinstance(result, Record) and result.if_unwritten and stdout_was_closed():
                raise OSError(errno.EBADF, "standard output is closed")
            _show(result, as_json)
        except OSError as error:
            if isinstance(result, Listing):
                raise
            raise Unwritten(result, error) from None

    return run


def administers(carry_out: Callable[..., Listing | Record]) -> Callable[..., None]:
    """Give a command the options of all, a transaction as its first argument, and show what it returns once it is committed.

    A command that returns a record changes or tells something, which the audit log is told of.
    """

    @database_option
    @shown
    @functools.wraps(carry_out)
    def run(database: str, **options: object) -> Listing | Record:
        with administration(database) as admin:
            result = carry_out(admin, **options)
            if isinstance(result, Record):
                write_audit(admin, {} if result.is_about_nobody else options)
            return result

    return run


def write_audit(admin: Admin, options: Mapping[str, object]) -> None:
    """Write what a command did into the audit log, with who ran it on which machine."""
    given = {
        name: value
        for name, value in options.items()
        if name not in SECRETS and value not in (None, (), False)
    }
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        who = str(os.getuid())
    mobile = options.get("mobile")
    audit.record(
        admin.conn,
        admin.now_ms,
        audit.ADMIN_ACT,
        mobile=mobile if isinstance(mobile, str) else None,
        client=socket.gethostname()[:64],
        by=who,
        command=click.get_current_context().command_path.partition(" ")[2],
        given=given,
    )


def _show(result: Listing | Record, as_json: bool) -> None:
    if as_json or (isinstance(result, Record) and result.as_json):
        found = list(result.rows) if isinstance(result, Listing) else dict(result.values)
        click.echo(json.dumps(found, ensure_ascii=False, indent=2, default=str))
    elif isinstance(result, Record):
        width = max(len(_title(name)) for name in result.values)
        for name, value in result.values.items():
            click.echo(f"{_title(name):<{width}}  {_plain(value)}")
        if result.note:
            note(result.note)
    elif not result.rows:
        note(result.nothing)
    else:
        table = Table(box=None, pad_edge=False)
        for name in result.rows[0]:
            table.add_column(_title(name), overflow="fold")
        for row in result.rows:
            table.add_row(*(Text(_plain(value)) for value in row.values()))
        # Into a pipe or a file a row is one line, however long.
        Console(width=None if sys.stdout.isatty() else 10_000).print(table)


def _title(name: str) -> str:
    return re.sub(r"([a-z])([A-Z])", lambda found: f"{found[1]} {found[2].lower()}", name).replace(
        " url", " URL"
    )


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    # Names are people's: what could steer a terminal is not printed.
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))


def a_phone(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Check a phone number, or several; for an option's or argument's ``callback``."""
    if isinstance(value, tuple):
        return tuple(a_phone(ctx, param, one) for one in value)
    if value is not None and not PHONE.match(value):
        raise click.BadParameter(f"{value[:40]!r} is not a phone number with + and country code")
    return value


def _not_blank(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("must not be blank")
    return value


def named(*names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an option whose text is not blank."""
    return click.option(*names, callback=_not_blank, **settings)
