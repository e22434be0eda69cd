"""What commands print: to a terminal, to a program, and to a terminal of 40 columns."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import time

import pytest
import yaml

from airflow_provider_kaizala.cli import output
from airflow_provider_kaizala.cli.output import counted, printable, show, show_item, show_one

ROWS = [
    {"name": "Store 12", "id": "11111111-1111-4111-8111-111111111111@1", "role": "Admin", "hidden": True},
    {"name": "Späti 東京", "id": "22222222-2222-4222-8222-222222222222@1", "role": None, "hidden": False},
]
COLUMNS = {"name": "NAME", "id": "ID", "role": "ROLE"}


class Terminal(io.StringIO):
    def isatty(self):
        return True

    @property
    def text(self):
        """What is to be read, without its styles."""
        return re.sub("\x1b\\[[0-9;]*m", "", self.getvalue())


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of so many columns behind stdout."""

    def open_(columns):
        screen = Terminal()
        monkeypatch.setattr("sys.stdout", screen)
        monkeypatch.setenv("COLUMNS", str(columns))
        return screen

    return open_


def test_json_and_yaml_hold_all_that_there_is(capsys):
    show(ROWS, "json", COLUMNS, "nothing")
    assert json.loads(capsys.readouterr().out) == ROWS
    show(ROWS, "yaml", COLUMNS, "nothing")
    assert yaml.safe_load(capsys.readouterr().out) == ROWS
    show_one(ROWS[0], "json", COLUMNS)
    assert json.loads(capsys.readouterr().out) == ROWS[0]
    show_one(ROWS[0], "yaml", COLUMNS)
    assert yaml.safe_load(capsys.readouterr().out) == ROWS[0]


def test_items_are_lines_of_json_and_documents_of_yaml(capsys):
    for form in ("json", "yaml", "table", "plain"):
        for row in ROWS:
            show_item(row, form, f"line of {row['name']}")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines[:2]] == ROWS
    assert list(yaml.safe_load_all("\n".join(lines[2:-4]))) == ROWS
    assert lines[-2:] == ["line of Store 12", "line of Späti 東京"]


@pytest.mark.parametrize("form", ["table", "plain"])
def test_a_program_gets_columns_that_are_aligned_and_never_cut(form, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    show(ROWS, form, COLUMNS, "nothing")
    assert capsys.readouterr().out.splitlines() == [
        "NAME        ID                                      ROLE",
        "Store 12    11111111-1111-4111-8111-111111111111@1  Admin",
        "Späti 東京  22222222-2222-4222-8222-222222222222@1",
    ]


def test_a_terminal_of_80_columns_gets_a_table(terminal):
    screen = terminal(80)
    long = {"name": "a name of many words " * 6, "id": ROWS[0]["id"], "role": "Member"}
    show([*ROWS, long], "table", COLUMNS, "nothing")
    lines = [line.rstrip() for line in screen.text.splitlines()]
    assert lines[0].split() == ["NAME", "ID", "ROLE"]
    assert lines[1].split(maxsplit=2)[:2] == ["Store", "12"]
    assert max(map(len, lines)) <= 80
    assert sum(ROWS[0]["id"] in line for line in lines) == 2


def test_a_terminal_that_is_too_narrow_for_a_table_gets_a_block_for_each_row(terminal):
    screen = terminal(40)
    show(ROWS, "table", COLUMNS, "nothing")
    lines = [line.rstrip() for line in screen.text.splitlines()]
    assert max(map(len, lines)) <= 40
    assert lines[0].split() == ["NAME", "Store", "12"]
    assert "".join(line[6:] for line in lines[1:3]) == ROWS[0]["id"]
    assert lines.count("") == 1


def test_plain_is_plain_on_a_terminal_too(terminal):
    screen = terminal(40)
    show(ROWS, "plain", COLUMNS, "nothing")
    assert ROWS[0]["id"] in screen.text


@pytest.mark.parametrize(("form", "out"), [("table", ""), ("plain", ""), ("json", "[]\n"), ("yaml", "[]\n")])
def test_no_rows(form, out, capsys):
    show([], form, COLUMNS, "there is none")
    shown = capsys.readouterr()
    assert shown.out == out
    assert shown.err == ("" if out else "there is none\n")


@pytest.mark.parametrize("form", ["table", "plain", "yaml"])
@pytest.mark.parametrize("columns", [40, 80])
def test_what_people_typed_cannot_steer_the_terminal(terminal, form, columns):
    screen = terminal(columns)
    evil = "\x1b]0;owned\x07\x1b[2J\r\x9b1m\u202egnp.exe [red]x[/red] :smile:"
    show([{"name": evil, "id": "i", "role": "r"}], form, COLUMNS, "nothing")
    output.say(evil)
    text = screen.text
    assert not set(text) & set("\x1b\x07\r\x9b\u202e")
    assert "[red]x[/red]" in text.replace("\n", "").replace("  ", "") or columns == 40
    assert "smile" in text.replace("\n", "").replace(" ", "")


def test_words_for_values():
    assert [printable(each) for each in (None, True, False, 3, ["a", 1], "a\x00b")] == [
        "",
        "yes",
        "no",
        "3",
        "a, 1",
        "a\\u0000b",
    ]
    assert [counted(number, "group") for number in (0, 1, 2)] == ["0 groups", "1 group", "2 groups"]


def test_an_error_is_one_line(capsys):
    output.complain("went\n wrong \r\n here")
    assert capsys.readouterr().err == "error: went wrong here\n"


def test_nothing_is_printed_where_stdout_is_closed(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    output.say("text")
    output.flush()
    assert not output.is_terminal(None)


def test_a_pause_ends_when_the_reader_ends(monkeypatch):
    read, write = os.pipe()
    with os.fdopen(write, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        output.pause(0.01)
        threading.Timer(0.05, os.close, [read]).start()
        began = time.monotonic()
        with pytest.raises(BrokenPipeError):
            output.pause(60)
        assert time.monotonic() - began < 30


def test_a_pause_works_without_a_file_behind_stdout(monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    for stdout in (io.StringIO(), None):
        monkeypatch.setattr("sys.stdout", stdout)
        output.pause(2)
    assert slept == [2, 2]
