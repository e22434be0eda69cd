"""Commands whose standard streams are closed or cannot be written: one line, the right exit status, no traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.serving import serve_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.server.run import RunningServer

COMMAND = [sys.executable, "-m", "airflow_provider_kaizala.server"]
GROUP = "11111111-1111-4111-8111-111111111111@1"
RAVI, NEW = "+910000000002", "+910000000007"
FULL, CLOSED = ">/dev/full", ">&-"
CARRIED_OUT = "the command was carried out, but its output cannot be written: "


@pytest.fixture
def run(server: RunningServer) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as a process, with a redirection that a POSIX shell understands."""

    def redirected(redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {redirection}', "sh", *COMMAND, *words],
            check=False,
            capture_output=True,
            text=True,
            env={"KAIZALA_SERVER_DATABASE": server.config.database},
        )

    return redirected


@pytest.mark.parametrize(
    ("redirection", "words", "code", "said"),
    [
        (FULL, ("person", "list"), 1, "the output cannot be written: No space left on device"),
        (FULL, ("person", "list", "--json"), 1, "the output cannot be written: No space left on device"),
        (FULL, ("--help",), 1, "the output cannot be written: No space left on device"),
        (
            FULL,
            ("person", "create", NEW, "--name", "A", "--no-pin", "--json"),
            1,
            CARRIED_OUT + "No space left on device; check what it did before you run it again",
        ),
        (
            FULL,
            ("connector", "create", "--name", "C", "--id", "c"),
            1,
            CARRIED_OUT
            + "No space left on device; kaizala-server connector rotate-secret c makes a new secret and shows it",
        ),
        (
            FULL,
            ("grant", "create", "demo-connector", GROUP),
            1,
            CARRIED_OUT + "No space left on device; run it again: it issues a new token in place of this one",
        ),
        (
            CLOSED,
            ("connector", "rotate-secret", "demo-connector"),
            1,
            CARRIED_OUT + "standard output is closed; kaizala-server connector rotate-secret demo-connector "
            "makes a new secret and shows it",
        ),
        (
            "<&-",
            ("person", "erase", RAVI),
            2,
            "nobody was erased, since this was not confirmed; answer y, or give --yes",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_output_or_input_that_is_missing_is_one_line(
    run, redirection: str, words: tuple[str, ...], code: int, said: str
) -> None:
    done = run(redirection, *words)
    assert (done.returncode, done.stderr) == (code, f"kaizala-server: {said}\n")


def test_a_closed_stdout_is_taken_for_the_null_device(run, shell) -> None:
    for words in (("connector", "list"), ("person", "create", NEW, "--name", "A", "--no-pin")):
        done = run(CLOSED, *words)
        assert (done.returncode, done.stderr) == (0, "")
    assert NEW in shell.table("person", "list")


def test_a_server_serves_even_if_it_cannot_say_that_it_is_ready(server: RunningServer) -> None:
    command = serve_command("--database", server.config.database, "--log-level", "error")
    with (
        open("/dev/full", "w") as full,
        subprocess.Popen(command, stdout=full, stderr=subprocess.PIPE, text=True) as running,
    ):
        assert running.stderr is not None
        line = running.stderr.readline()
        try:
            found = re.fullmatch(
                r"kaizala-server: serving (http://\S+); the output cannot be written: No space left on device\n",
                line,
            )
            assert found, line + running.stderr.read()
            assert httpx.get(found[1] + "/healthz").status_code == 200
        finally:
            running.terminate()
        assert running.stderr.read() == ""
    assert running.returncode == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("connector", "create", "--name", "C"), 0),
        (("webhook", "list"), 0),
        (("person", "rename", NEW, "--name", "A"), 2),
    ],
    ids=["a note", "an empty list", "a refusal"],
)
def test_a_full_stderr_does_not_change_the_exit_status(run, words: tuple[str, ...], code: int) -> None:
    assert run("2>/dev/full", *words).returncode == code


def test_a_pin_is_missing_if_stdin_is_closed(run, shell) -> None:
    done = run("<&-", "person", "create", NEW, "--name", "A")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "a PIN has" in done.stderr
    assert NEW not in shell.table("person", "list")


def test_a_person_is_erased_once_stdin_confirms_it(shell) -> None:
    assert "nobody was erased" in shell.refused("person", "erase", RAVI, stdin="n\n")
    assert shell.run("person", "erase", RAVI, stdin="y\n").exit_code == 0
    assert RAVI not in shell.table("person", "list")
