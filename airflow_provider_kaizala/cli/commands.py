# PYTHON_ARGCOMPLETE_OK
"""``airflow-kaizala``, and the same commands for ``airflow kaizala``.

Airflow imports this module whenever ``airflow`` is called, so it imports little, and what a command needs is imported when it runs.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_kaizala.cli.exit_codes import INTERRUPTED, MEANINGS, TERMINATED, WRONG
from airflow_provider_kaizala.cli.tree import TREE, Command, Group

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

NAME = "airflow-kaizala"


def run(command: Command, args: argparse.Namespace) -> int:
    """Run a command; return the exit code. An error is printed in one line."""
    from airflow_provider_kaizala.cli import running

    return running.run(command.function, args)


def run_for_airflow(command: Command, args: argparse.Namespace) -> None:
    """Run a command, and end the process if it failed: Airflow ignores what a command returns."""
    if code := run(command, args):
        _leave(code)
        sys.exit(code)


def get_cli_commands() -> list[Any]:
    """Return the commands, as Airflow 3.2 and newer takes them from a provider."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    def converted(node: Command | Group) -> Any:
        if isinstance(node, Group):
            return GroupCommand(node.name, node.help, [converted(each) for each in node.commands])
        args = [Arg(each.flags, **each.settings) for each in node.arguments]
        return ActionCommand(node.name, node.help, partial(run_for_airflow, node), args, _described(node))

    return [converted(TREE)]


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``airflow-kaizala``."""
    import argparse

    class Parser(argparse.ArgumentParser):
        """Reports an error in one line."""

        def error(self, message: str) -> NoReturn:
            self.exit(WRONG, f"error: {message}; see {self.prog} --help\n")

    def add(node: Command | Group, parent: Any) -> None:
        if isinstance(node, Command):
            own = parent.add_parser(node.name, help=node.help, description=_described(node))
            for each in node.arguments:
                own.add_argument(*each.flags, **each.settings)
            own.set_defaults(run=partial(run, node))
        else:
            fill(parent.add_parser(node.name, help=node.help, description=node.help), node)

    def fill(own: Any, group: Group) -> None:
        below = own.add_subparsers(metavar="COMMAND", required=True)
        for each in group.commands:
            add(each, below)

    codes = "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())
    whole = Parser(
        NAME,
        description=TREE.help,
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fill(whole, TREE)
    return whole


def _described(command: Command) -> str:
    return f"{command.help}. {command.details}" if command.details else command.help


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``airflow-kaizala``; return the exit code."""
    whole = parser()
    if "_ARGCOMPLETE" in os.environ:  # set by the shell that wants to complete a word
        import argcomplete

        argcomplete.autocomplete(whole)
    args = whole.parse_args(argv)
    code: int = args.run(args)
    if argv is None:
        _leave(code)
    return code


def _leave(code: int) -> None:
    """Let a second Ctrl-C not interrupt what Python and Airflow do at the end of the process, which would print tracebacks."""
    if code in (INTERRUPTED, TERMINATED):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
