"""The command ``kaizala-server``. What a subcommand needs is loaded when it runs, so that ``--help`` is quick."""

from __future__ import annotations

import difflib
import ipaddress
import json
import math
import re
import signal
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from airflow_provider_kaizala.server.config import PREFIX, ServerConfig
from airflow_provider_kaizala.server.streams import discard, note, open_closed_streams

_COMMANDS = "airflow_provider_kaizala.server.admin.commands"
#: name: where it is, and the help that the list of commands shows
LAZY = {
    "audit": (
        f"{_COMMANDS}.audit",
        "The audit log: sign-ins, wrong PINs, grants, and what administrators did.",
    ),
    "backup": (
        f"{_COMMANDS}.data",
        "Write the database and the uploads to FILE (.tar.gz), while the server runs.",
    ),
    "connector": (f"{_COMMANDS}.connector", "Connectors: what programs call the API as."),
    "grant": (f"{_COMMANDS}.grant", "Grants: which groups and people a connector may act for."),
    "group": (f"{_COMMANDS}.group", "Groups, and who is in them."),
    "person": (f"{_COMMANDS}.person", "People: who sign in with phone number and PIN, and answer."),
    "token": (
        f"{_COMMANDS}.grant",
        "Refresh tokens of people: user tokens, and tenant-level ones of tenant admins.",
    ),
    "webhook": (f"{_COMMANDS}.webhook", "Webhooks, and what was delivered to them."),
    "purge": (
        f"{_COMMANDS}.data",
        "Delete for good what is older than an age: posts, answers, reactions, files.",
    ),
    "restore": (f"{_COMMANDS}.data", "Read a backup into a new database, of either kind."),
}


class _Commands(click.Group):
    """A group whose commands are loaded when they are called."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command; output that cannot be written is one line on standard error, and exit status 1."""
        open_closed_streams()
        try:
            return super().main(*args, **options)
        except OSError as error:
            discard(sys.stdout)
            what = error.filename or "the output cannot be written"
            note(f"kaizala-server: {what}: {error.strerror or error}")
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LAZY:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(LAZY[cmd_name][0]), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        helps = {name: text for name, (_, text) in LAZY.items()}
        helps |= {name: command.get_short_help_str(200) for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(helps.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A Kaizala-compatible server."""


# --- settings: a flag, a variable of the environment, or a key of the file --------------------------------------------------------


_ORIGIN = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?")


def _is_origin(text: str) -> bool:
    """Tell whether a text is a scheme and a host, with or without a port, and nothing else."""
    try:
        return bool(_ORIGIN.fullmatch(text)) and urlsplit(text).port != 0
    except ValueError:
        return False


def _without_password(url: str) -> str:
    return re.sub(r"(?s)^(\w+://)?.*@", r"\1***@", url)


def _check_base(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Check the server's public address."""
    if value is not None and not _is_origin(value.lower().removesuffix("/")):
        raise click.BadParameter(
            f"{_without_password(value)!r} is not usable. Give scheme and host, such as https://kaizala.example; a user or password is "
            "not supported, nor is a path, since the server's pages and API are at the root of their host"
        )
    return value


def _check_host(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Check the address to listen on; an empty one would be every address of the machine."""
    try:
        usable = bool(re.fullmatch(r"[\w.:%-]+", value)) and bool(value.encode("idna"))
    except UnicodeError:
        usable = False
    if not usable:
        raise click.BadParameter(
            f"{value!r} is not an address or a host name, such as 127.0.0.1 or localhost; 0.0.0.0 is all addresses"
        )
    return value


def _check_networks(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Check addresses and networks."""
    for one in value:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            raise click.BadParameter(
                f"{one!r} is not an address or a network, such as 10.0.0.5 or 10.0.0.0/8"
            ) from None
    return value


def _check_origins(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Check the origins of browser clients."""
    if value == ("none",):
        return ()
    for origin in value:
        if origin != "*" and not _is_origin(origin):
            raise click.BadParameter(
                f"{_without_password(origin)!r} is not an origin; give scheme and host only, such as https://app.example, or * or none"
            )
    return value


def _check_number(_ctx: click.Context, _param: click.Parameter, value: float) -> float:
    """Refuse NaN, which is in no range and yet passes."""
    if math.isnan(value):
        raise click.BadParameter("must be a number of seconds")
    return value


def _option(setting: Field[Any]) -> click.Option:
    """Return the flag of a setting, which its variable sets too."""
    about = setting.metadata
    flag = about.get("flag") or "--" + setting.name.replace("_", "-")
    given: dict[str, Any] = {
        "default": setting.default,
        "help": about["help"],
        "envvar": PREFIX + setting.name.upper(),
    }
    match setting.default:
        case bool():
            return click.Option(
                [f"{flag}/--no-{flag[2:]}" if setting.default else flag], is_flag=True, **given
            )
        case int():
            given |= {"type": click.IntRange(about["least"], about.get("most")), "show_default": True}
        case tuple():
            given |= {"multiple": True}
        case float():
            given |= {
                "type": click.FloatRange(about["least"], about["most"]),
                "show_default": True,
                "callback": _check_number,
            }
        case str():
            given |= {"show_default": True}
            if "choices" in about:
                given |= {"type": click.Choice(about["choices"])}
    if about.get("host"):
        given |= {"callback": _check_host}
    if about.get("networks"):
        given |= {"callback": _check_networks}
    if about.get("origins"):
        given |= {"callback": _check_origins}
    if about.get("base_url"):
        given |= {"callback": _check_base}
    return click.Option([flag, setting.name], **given)


def _check_type(path: str, setting: Field[Any], value: object) -> None:
    """Refuse a value of a type that the setting does not have; click would convert it, or fail."""
    match setting.default:
        case bool():
            is_right, allowed = isinstance(value, bool), "true or false"
        case int():
            is_right, allowed = type(value) is int, "a whole number"
        case float():
            is_right, allowed = type(value) in (int, float), "a number"
        case tuple():
            is_right = isinstance(value, list) and all(isinstance(one, str) for one in value)
            allowed = "a list of texts"
        case _:
            is_right, allowed = isinstance(value, str), "a text"
    if not is_right:
        shown = "" if setting.metadata.get("secret") else f", not {json.dumps(value, default=str):.60}"
        raise click.BadParameter(f"{path}: {setting.name} must be {allowed}{shown}")


def _read_file(ctx: click.Context, _param: click.Parameter, path: str | None) -> str | None:
    """Take the defaults of the other settings from a file."""
    if path is None:
        return None
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} cannot be read: {error}") from None
    known = {setting.name: setting for setting in SETTINGS}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise click.BadParameter(
                f"{path} has the unknown setting {name!r}{f'; did you mean {near[0]!r}?' if near else ''}"
            )
        _check_type(path, known[name], value)
    ctx.default_map = {**(ctx.default_map or {}), **given}
    return path


SETTINGS = [setting for setting in fields(ServerConfig) if "help" in setting.metadata]
_FILE = click.Option(
    ["--config"],
    is_eager=True,
    expose_value=False,
    callback=_read_file,
    envvar=PREFIX + "CONFIG",
    metavar="FILE",
    help="TOML file of these settings, named as here with _ in place of -. Flags and variables come before it.",
)


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    command.__click_params__ = [*map(_option, reversed(SETTINGS)), _FILE]  # type: ignore[attr-defined]
    return command


def _announce(url: str) -> None:
    """Print that the server answers; it serves all the same if that cannot be written."""
    try:
        click.echo(f"ready {url}")
    except OSError as error:
        discard(sys.stdout)
        with suppress(OSError):  # the log goes there too, and may be written later
            reason = error.strerror or error
            click.echo(f"kaizala-server: serving {url}; the output cannot be written: {reason}", err=True)


@cli.command("serve")
@_with_settings
def serve_command(**settings: Any) -> None:
    """Serve the Kaizala API; prints one line `ready URL` when it answers.

    Each setting is a flag, a variable such as KAIZALA_SERVER_PORT, or a key of a file.
    """
    from airflow_provider_kaizala.server.logs import set_up_logging
    from airflow_provider_kaizala.server.run import serve
    from airflow_provider_kaizala.server.startup import StartError

    config = ServerConfig(**settings)
    set_up_logging(config)
    # Uvicorn raises the signal again after its shutdown; to be stopped is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        serve(config, _announce)
    except StartError as error:
        note(f"kaizala-server: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(0)
