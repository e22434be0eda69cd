"""The table of commands, for ``airflow kaizala`` and ``airflow-kaizala`` alike.

Airflow imports this module whenever ``airflow`` is called, so the commands themselves are imported when one of them runs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

#: exit codes: something is not as it should be or could not be done; the command or the connection is wrong
FAILED, WRONG = 1, 2


class Option(NamedTuple):
    """An option of a command.

    :param settings: as ``argparse`` takes them
    """

    flag: str
    settings: dict[str, Any]


class Command(NamedTuple):
    """A command, which the function ``<name>_webhooks`` of :mod:`airflow_provider_kaizala.cli.webhooks` carries out."""

    name: str
    help: str
    options: tuple[Option, ...]

    def run(self, args: argparse.Namespace) -> int:
        """Run the command; return the exit code. An error is printed in one line."""
        from airflow_provider_kaizala.cli import webhooks
        from airflow_provider_kaizala.client.errors import KaizalaError, KaizalaInputError

        try:
            code: int = getattr(webhooks, f"{self.name}_webhooks")(args)
        except KaizalaError as error:
            print(f"error: {error}", file=sys.stderr)
            return WRONG if isinstance(error, KaizalaInputError) else FAILED
        return code

    def exit(self, args: argparse.Namespace) -> None:
        """Run the command, and end the process if it failed: Airflow ignores what a command returns."""
        if code := self.run(args):
            sys.exit(code)


def _option(flag: str, help: str, **settings: Any) -> Option:
    return Option(flag, {"help": help, **settings})


_CONN_ID = _option("--conn-id", "the connection", default="kaizala_default")
_GROUP = _option(
    "--group",
    "ids of the groups; by default those that the connection names in group_refresh_tokens and default_group",
    nargs="+",
    action="extend",
    metavar="ID",
)
_PUBLIC_URL = "the address of Airflow's API server as Kaizala reaches it, such as https://airflow.example.com"

WEBHOOKS = (
    Command(
        "ensure",
        "make sure that each group has one working webhook that calls this Airflow",
        (
            _CONN_ID,
            _GROUP,
            _option("--event", "event types; by default all", nargs="+", action="extend", metavar="TYPE"),
            _option("--public-url", _PUBLIC_URL, required=True, metavar="URL"),
            _option("--dry-run", "only print what would be done", action="store_true"),
            _option(
                "--remove-unneeded",
                "remove this Airflow's webhooks from all other groups, and events that are not given",
                action="store_true",
            ),
        ),
    ),
    Command(
        "list",
        "list the webhooks of groups",
        (
            _CONN_ID,
            _GROUP,
            _option("--output", "table or json", choices=("table", "json"), default="table"),
        ),
    ),
    Command(
        "test",
        "ask the receiver for an echo, and check the state of its webhooks",
        (
            _CONN_ID,
            _GROUP,
            _option(
                "--public-url",
                f"{_PUBLIC_URL}; by default where the webhooks call",
                metavar="URL",
            ),
        ),
    ),
    Command(
        "remove",
        "remove this Airflow's webhooks from groups, or those with the ids given",
        (
            _CONN_ID,
            _GROUP,
            _option(
                "--id", "ids of webhooks, also of others than this Airflow's", nargs="+", action="extend"
            ),
            _option("--yes", "do not ask for confirmation", action="store_true"),
        ),
    ),
)
ABOUT = "Kaizala: webhooks"
ABOUT_WEBHOOKS = "the webhooks with which Kaizala calls this Airflow"


def get_cli_commands() -> list[Any]:
    """Return the commands, as Airflow 3.2 and newer takes them from a provider."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    webhooks = [
        ActionCommand(
            each.name, each.help, each.exit, [Arg((one.flag,), **one.settings) for one in each.options]
        )
        for each in WEBHOOKS
    ]
    return [GroupCommand("kaizala", ABOUT, [GroupCommand("webhooks", ABOUT_WEBHOOKS, webhooks)])]


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``airflow-kaizala``."""
    import argparse

    whole = argparse.ArgumentParser("airflow-kaizala", description=ABOUT)
    nouns = whole.add_subparsers(metavar="GROUP", required=True)
    webhooks = nouns.add_parser("webhooks", help=ABOUT_WEBHOOKS, description=ABOUT_WEBHOOKS)
    verbs = webhooks.add_subparsers(metavar="COMMAND", required=True)
    for each in WEBHOOKS:
        verb = verbs.add_parser(each.name, help=each.help, description=each.help)
        for one in each.options:
            verb.add_argument(one.flag, **one.settings)
        verb.set_defaults(run=each.run)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``airflow-kaizala``; return the exit code."""
    args = parser().parse_args(argv)
    code: int = args.run(args)
    return code
