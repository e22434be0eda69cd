"""The tree of commands: the same in ``airflow-kaizala`` and ``airflow kaizala``, complete, and cheap to import."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib import import_module

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS

from airflow_provider_kaizala.cli import commands
from airflow_provider_kaizala.cli.commands import main
from airflow_provider_kaizala.cli.tree import TREE, Command


def leaves(group, *path):
    """All commands, each with the words that call it."""
    for each in group.commands:
        if isinstance(each, Command):
            yield (*path, each.name), each
        else:
            yield from leaves(each, *path, each.name)


LEAVES = dict(leaves(TREE))
ids = [" ".join(path) for path in LEAVES]


def options(parser):
    return {
        action.dest: (
            action.option_strings,
            action.required,
            action.nargs,
            action.default,
            tuple(action.choices or ()),
        )
        for action in parser._actions
        if action.dest != "help"
    }


def of(parser, *names):
    """The parser of a command below another one."""
    for name in names:
        (below,) = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        parser = below.choices[name]
    return parser


def test_there_are_all_commands():
    assert ids == [
        "login", "check", "groups", "members", "send", "ask", "tail",
        "webhooks ensure", "webhooks list", "webhooks test", "webhooks remove", "tokens status", "tokens rotate", "server",
    ]  # fmt: skip


@pytest.mark.parametrize(("path", "command"), LEAVES.items(), ids=ids)
def test_every_command_has_a_function_and_a_help(path, command, capsys):
    module, _, name = command.function.partition(":")
    assert callable(getattr(import_module(f"airflow_provider_kaizala.cli.{module}"), name))
    with pytest.raises(SystemExit) as exits:
        main([*path, "--help"])
    assert exits.value.code == 0
    shown = capsys.readouterr().out
    assert command.help in " ".join(shown.split())
    assert all(
        each.flags[-1] in shown or each.settings.get("metavar", "") in shown for each in command.arguments
    )


def test_no_command_takes_a_secret_as_an_argument():
    flags = {flag for command in LEAVES.values() for argument in command.arguments for flag in argument.flags}
    assert "--connector-id" in flags
    assert not flags & {"--pin", "--secret", "--password", "--token", "--refresh-token", "--connector-secret"}


@pytest.mark.skipif(not AIRFLOW_V_3_2_PLUS, reason="Airflow has commands of providers since 3.2")
@pytest.mark.parametrize("path", LEAVES, ids=ids)
def test_airflow_gets_the_same_options(path):
    from airflow.cli.cli_parser import _add_command

    (group,) = commands.get_cli_commands()
    parser = argparse.ArgumentParser()
    _add_command(parser.add_subparsers(), group)
    assert options(of(parser, "kaizala", *path)) == options(of(commands.parser(), *path))


def test_the_tree_loads_neither_airflow_nor_the_commands():
    code = (
        "import sys; before = set(sys.modules); import airflow_provider_kaizala.cli.commands; "
        "print(sorted(name for name in set(sys.modules) - before if name.partition('.')[0] in ('airflow', 'argparse', 'argcomplete', "
        "'requests', 'httpx', 'rich', 'airflow_provider_kaizala')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    package = "airflow_provider_kaizala"
    assert done.stdout.strip() == str(
        [package, *(f"{package}.cli{each}" for each in ("", ".commands", ".exit_codes", ".tree"))]
    )


def test_a_wrong_command_line_is_one_line(capsys):
    for words, says in [
        (["groups", "--output", "xml"], "invalid choice: 'xml'"),
        (["ask", "Tea?"], "the following arguments are required: OPTION"),
        (["nothing"], "invalid choice: 'nothing'"),
        ([], "the following arguments are required: COMMAND"),
    ]:
        with pytest.raises(SystemExit) as exits:
            main(words)
        assert exits.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert says in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("airflow-kaizala to", {"tokens"}),
        ("airflow-kaizala webhooks ", {"ensure", "list", "test", "remove", "-h", "--help"}),
        ("airflow-kaizala groups --output ", {"table", "json", "yaml", "plain"}),
    ],
)
def test_a_shell_completes_words(line, offered, tmp_path):
    """As bash does with ``register-python-argcomplete airflow-kaizala``."""
    found = tmp_path / "words"
    env = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(found),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    done = subprocess.run(
        [sys.executable, "-c", "from airflow_provider_kaizala.cli.commands import main; main()"],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {each.strip() for each in found.read_text().split("\n")} == offered
