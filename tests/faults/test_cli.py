"""The commands with every mistake, and in terminals of 40 and 80 columns: one clear line, and the right exit code."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from demo.people import MEERA, RAVI, Person
from tests.faults.shell import GROUP, OTHER, TWIN, Shell, ask, is_clean, no_leftovers, server, shell

if TYPE_CHECKING:
    import subprocess

    from airflow_provider_kaizala.testing.server import KaizalaServer

__all__ = ["no_leftovers", "server", "shell"]
pytestmark = pytest.mark.timeout(900)


# --- each command with each mistake --------------------------------------------------------------------------------------

URL = "http://127.0.0.1:9"
EACH = [
    ("check",),
    ("groups",),
    ("members",),
    ("send", "Hello"),
    ("ask", "Tea?", "Yes", "No"),
    ("tail", "--no-follow"),
    ("tokens", "status"),
    ("tokens", "rotate"),
    ("webhooks", "ensure", "--public-url", URL),
    ("webhooks", "list"),
    ("webhooks", "test"),
    ("webhooks", "remove", "--yes"),
]
OF_A_GROUP = [words for words in EACH if words[0] in ("members", "send", "ask", "tail", "webhooks")]
MISTAKES: dict[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]] = {
    **{("missing connection", words): ("nowhere", words) for words in EACH},
    **{("wrong secret", words): ("wrong", words) for words in EACH},
    **{("no network", words): ("away", words) for words in EACH},
    **{("two groups", words): ("good", (*words, "--group", "The Other Store")) for words in OF_A_GROUP},
}
#: exit codes, as far as they are not the same for all commands
CODES = {
    "missing connection": dict.fromkeys(EACH, 2),
    "wrong secret": {**dict.fromkeys(EACH, 1), ("tokens", "status"): 0},
    # before it changes webhooks, ensure asks Airflow's own receiver, which is away too
    "no network": {**dict.fromkeys(EACH, 3), ("tokens", "status"): 0, EACH[8]: 1},
    "two groups": dict.fromkeys(EACH, 2),
}
SAYS = {
    "missing connection": "there is no connection 'nowhere' that this command can read",
    "wrong secret": "401, Unauthenticated",
    "no network": "refused",
    "two groups": f"'The Other Store' is the name of 2 groups; give the id of one: {TWIN}, {OTHER}",
}


@pytest.fixture(scope="module")
def mistakes(shell: Shell) -> dict[Any, subprocess.CompletedProcess[str]]:
    """What came of all of them, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda each: shell.run(*each[1], conn=each[0]), MISTAKES.values())
        return dict(zip(MISTAKES, done, strict=True))


@pytest.mark.parametrize(
    ("mistake", "words"), MISTAKES, ids=lambda value: value if isinstance(value, str) else " ".join(value[:2])
)
def test_a_mistake_is_one_line_and_an_exit_code(mistakes: Any, mistake: str, words: tuple[str, ...]) -> None:
    done = mistakes[mistake, words]
    assert is_clean(done.stdout + done.stderr)
    assert done.returncode == CODES[mistake][words], done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if words == ("check",):  # its table says what is wrong
        assert "failed" in done.stdout
        assert done.stderr == ""
    elif done.returncode:
        # one for each refresh token that is tried
        assert len(errors) == (
            2 if words == ("tokens", "rotate") and mistake != "missing connection" else 1
        ), done.stderr
        if not (
            mistake != "missing connection"
            and words[:2] == ("webhooks", "ensure")
            and mistake != "two groups"
        ):
            assert SAYS[mistake] in errors[0]
    others = [line for line in done.stderr.splitlines() if line not in errors]
    assert others in ([], ["no access token was renewed"], ["the groups have no webhooks"], [NO_MESSAGES]), (
        done.stderr
    )


NO_MESSAGES = (
    "messages are not shown: Airflow does not receive webhooks of this connection; to receive them, add the connection to "
    "[kaizala] webhook_connections, set its extra webhook_secret, and run `airflow-kaizala webhooks ensure`"
)


def test_nothing_was_posted_by_mistake(mistakes: Any, server: KaizalaServer) -> None:
    for group in (GROUP, TWIN, OTHER):
        assert server.posted(group) == []


# --- each command where all is well ----------------------------------------------------------------------------------------


def test_it_works_without_airflows_database(shell: Shell) -> None:
    done = shell.run("groups", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [(each["group_id"], each["token"]) for each in json.loads(done.stdout)] == [
        (GROUP, "group"), (TWIN, "user"), (OTHER, "user"),
    ]  # fmt: skip


def test_a_stream_that_cannot_show_all_characters(shell: Shell) -> None:
    done = shell.run("members", env={"PYTHONIOENCODING": "ascii", "LANG": "C"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Meera \\u6771\\u4eac \\u202e" in done.stdout


# --- terminals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("words", [("groups",), ("members",), ("check",), ("tokens", "status")], ids=" ".join)
def test_tables_fit_the_terminal(shell: Shell, words: tuple[str, ...], columns: int) -> None:
    terminal = shell.terminal(columns, *words)
    assert terminal.end() == 0, terminal.text
    assert is_clean(terminal.text)
    assert max(len(line.rstrip()) for line in terminal.text.splitlines()) <= columns
    ids = {("groups",): TWIN, ("members",): "+910000000001", ("check",): "clock", ("tokens", "status"): GROUP}
    folded = re.sub(r"\s", "", terminal.text)
    assert ids[words] in folded


def answer(server: KaizalaServer, question: str, **votes: str) -> None:
    """Vote, as soon as the question is there."""
    [item] = server.assert_posted(question, kind="poll")
    for number, choice in zip((RAVI, MEERA), votes.values(), strict=False):
        Person(server.url, number).vote(item["actionId"], choice)


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_the_votes_and_then_the_result(
    shell: Shell, server: KaizalaServer, columns: int
) -> None:
    question = f"Is it {columns}?"
    terminal = shell.terminal(columns, *ask(question))
    terminal.read_until("0 of 2 answered")
    answer(server, question, ravi="Yes")
    terminal.read_until(r"Yes +\S+ +1\n")
    answer(server, question, ravi="Yes", meera="Yes")
    assert terminal.end() == 0, terminal.text
    assert is_clean(terminal.text)
    shown = [line.rstrip() for line in terminal.text.splitlines() if not line.startswith("decided: ")]
    assert max(map(len, shown)) <= columns
    assert re.search(r"OPTION +VOTES +PEOPLE|OPTION +Yes", terminal.text)
