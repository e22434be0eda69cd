"""docs/cli.md names all that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_kaizala.cli.exit_codes import MEANINGS
from airflow_provider_kaizala.cli.tree import TREE
from tests.unit.cli.test_commands import LEAVES

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "cli.md").read_text()
#: commands that have a page of their own
ELSEWHERE = {"webhooks": "webhooks.md"}


@pytest.mark.parametrize(("path", "command"), LEAVES.items(), ids=map(" ".join, LEAVES))
def test_each_command_and_each_of_its_options_is_on_the_page(path, command):
    assert f"`{path[0]}" in PAGE
    page = (DOCS / ELSEWHERE[path[0]]).read_text() if path[0] in ELSEWHERE else PAGE
    assert path[-1] in page
    known = page + PAGE[: PAGE.index("## Exit codes")]
    flags = [each.flags[-1] for each in command.arguments if each.flags[0].startswith("-")]
    assert [flag for flag in flags if not re.search(rf"{flag}\b", known)] == []


def test_each_group_of_commands_is_on_the_page():
    assert [each.name for each in TREE.commands if f"`{each.name}" not in PAGE] == []


def test_the_exit_codes_are_those_of_the_page():
    table = PAGE[PAGE.index("## Exit codes") : PAGE.index("A script can")]
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE))
    assert {int(code): text.replace("`", "") for code, text in rows.items()} == MEANINGS
