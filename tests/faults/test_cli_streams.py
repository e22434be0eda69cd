"""Commands that are interrupted, whose output nobody reads, and that have no terminal: one clear line, and the right exit code."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from demo.people import RAVI
from tests.faults.shell import CTRL_C, SECRETS, Shell, ask, is_clean, no_leftovers, server, shell

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from airflow_provider_kaizala.testing.server import KaizalaServer

__all__ = ["no_leftovers", "server", "shell"]
pytestmark = pytest.mark.timeout(900)


def was_told(server: KaizalaServer, question: str) -> bool:
    """Tell whether the group has read, in reply to a question, that nobody waits any longer."""
    [item] = server.assert_posted(question, kind="poll")
    texts = [
        each["text"] for each in server.posted() if each.get("replyToReferenceId") == item["referenceId"]
    ]
    return texts == ["This was stopped. Answers no longer count."]


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------------


def test_ctrl_c_in_the_middle_of_ask(shell: Shell, server: KaizalaServer) -> None:
    terminal = shell.terminal(80, *ask("Interrupted?"))
    terminal.read_until("0 of 2 answered")
    terminal.type(CTRL_C)
    assert terminal.end() == 130, terminal.text
    assert is_clean(terminal.text)
    assert terminal.text.rstrip().splitlines()[-1] == "error: interrupted"
    assert was_told(server, "Interrupted?")


@pytest.mark.parametrize(
    ("stop", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_in_the_middle_of_ask(
    shell: Shell, server: KaizalaServer, stop: signal.Signals, code: int, word: str
) -> None:
    question = f"Until {stop.name}?"
    process = shell.start(*ask(question), "-o", "json")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("0 of 2 answered; missing: Ravi, Meera")
    process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err == f"the group was told that nobody waits any longer\nerror: {word}\n"
    assert was_told(server, question)


def test_a_terminal_that_is_closed_in_the_middle_of_ask(shell: Shell, server: KaizalaServer) -> None:
    terminal = shell.terminal(80, *ask("Hung up?"))
    terminal.read_until("0 of 2 answered")
    assert terminal.wait() > 0
    assert was_told(server, "Hung up?")


def test_ctrl_c_in_the_middle_of_tail(shell: Shell, server: KaizalaServer) -> None:
    terminal = shell.terminal(80, "tail", "--interval", "1s", "--type", "Poll", "--since", "1d")
    terminal.read_until("")
    shell.run("ask", "Followed?", "Yes", "No", "--timeout", "1s", "--no-tell-group")
    terminal.read_until(r"Asha  Poll  Followed\? \[Yes, No\]")
    terminal.type(CTRL_C)
    assert terminal.end() == 130, terminal.text
    assert is_clean(terminal.text)
    assert terminal.text.rstrip().splitlines()[-1].endswith("error: interrupted")


# --- pipes -----------------------------------------------------------------------------------------------------------------


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for the end; return what it wrote to stderr."""
    assert process.stderr is not None
    err = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
    return err


@pytest.mark.parametrize(
    "words", [("groups",), ("check", "-o", "yaml"), ("members", "-o", "json")], ids=" ".join
)
def test_a_pipe_that_is_closed_before_anything_is_written(shell: Shell, words: tuple[str, ...]) -> None:
    process = shell.start(*words)
    assert process.stdout is not None
    process.stdout.close()
    assert (ended(process), process.returncode) == ("", 141)


def test_a_pipe_that_closes_in_the_middle_of_ask(shell: Shell, server: KaizalaServer) -> None:
    process = shell.start(*ask("Piped?"), "-o", "json")
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.readline()
    process.stdout.close()
    [item] = server.assert_posted("Piped?", kind="poll")
    assert ended(process).splitlines() == [
        f"the poll was sent: reference id {item['referenceId']}",
        "the group was told that nobody waits any longer",
    ]
    assert process.returncode == 141
    assert was_told(server, "Piped?")


def test_a_pipe_that_closes_in_the_middle_of_tail(shell: Shell) -> None:
    """It ends at once, not when there is something to write."""
    shell.run("ask", "For tail?", "Yes", "No", "--timeout", "1s", "--no-tell-group")
    process = shell.start("tail", "--since", "1d", "--interval", "1d", "--type", "Poll", "-o", "json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["kind"] == "Poll"
    process.stdout.close()
    assert (ended(process), process.returncode) == ("", 141)


def test_stderr_that_is_closed(shell: Shell) -> None:
    read, write = os.pipe()
    os.close(read)
    done = shell.run("members", "--group", "nobody", stderr=write)
    os.close(write)
    assert (done.returncode, done.stdout) == (141, "")


def test_a_message_whose_result_is_written_to_a_full_disk(shell: Shell, server: KaizalaServer) -> None:
    with open("/dev/full", "w") as full:
        done = shell.run("send", "To a full disk", stdout=full)
    [item] = server.assert_posted("To a full disk", kind="text")
    assert done.returncode == 5
    assert done.stderr.startswith(
        f"error: the message was sent (reference id {item['referenceId']}), but the output cannot be written: No space left on device;"
    )
    assert done.stderr.count("\n") == 1


def test_a_full_disk(shell: Shell) -> None:
    with open("/dev/full", "w") as full:
        done = shell.run("groups", stdout=full)
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


def test_stdout_that_was_never_open(shell: Shell) -> None:
    done = shell.run("groups", stdout=None, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (0, "")


# --- no terminal -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("login",),
            "connection 'good' comes from EnvironmentVariablesBackend, which this command does not change",
        ),
        (("login", "--file", "new.json"), "--phone is missing, and there is no terminal to ask for it"),
        (("login", "--file", "new.json", "--phone", RAVI), "PIN: it is empty"),
        (("send",), "text is empty"),
        (("webhooks", "remove"), None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_without_a_terminal_nobody_is_asked(
    shell: Shell, tmp_path: Path, words: tuple[str, ...], says: str | None
) -> None:
    done = shell.run(*words, start_new_session=True, cwd=tmp_path)
    assert is_clean(done.stderr)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if says is None:
        assert (done.returncode, errors) == (0, [])
    else:
        assert done.returncode == 2
        assert len(errors) == 1
        assert says in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_login_without_a_terminal(shell: Shell, tmp_path: Path) -> None:
    """Secrets come from stdin, and are shown nowhere."""
    words = ("login", "--ask-secret", "--phone", RAVI, "--file", "new.json", "--default-group", "Store 12")
    done = shell.run(*words, stdin=None, input=f"{SECRETS[0]}\n1234\n", cwd=tmp_path, start_new_session=True)
    assert done.returncode == 0, done.stderr
    assert is_clean(done.stdout + done.stderr)
    (new,) = json.loads((tmp_path / "new.json").read_text()).values()
    assert new["password"] == SECRETS[0]
    token = new["extra"]["refresh_token"]
    assert len(token) > 20
    assert token not in done.stdout + done.stderr
    found = shell.run("groups", "-o", "json", conn="new", env={"AIRFLOW_CONN_NEW": json.dumps(new)})
    assert {each["name"] for each in json.loads(found.stdout)} >= {"Store 12", "The other store"}


def test_login_on_a_terminal_does_not_show_secrets(shell: Shell, tmp_path: Path) -> None:
    terminal = shell.terminal(80, "login", "--ask-secret", "--file", str(tmp_path / "new.json"))
    for shown, typed in (("Connector secret: ", SECRETS[0]), ("Phone number.*: ", RAVI), ("PIN: ", "1234")):
        terminal.read_until(shown)
        terminal.type(f"{typed}\n".encode())
    assert terminal.end() == 0, terminal.text
    assert is_clean(terminal.text)
    assert "1234" not in terminal.text
    assert "refresh token of +910000000002 until" in terminal.text


def test_ctrl_c_at_a_question_for_a_secret(shell: Shell, tmp_path: Path) -> None:
    terminal = shell.terminal(80, "login", "--ask-secret", "--file", str(tmp_path / "new.json"))
    terminal.read_until("Connector secret: ")
    terminal.type(CTRL_C)
    assert terminal.end() == 130, terminal.text
    assert terminal.text.rstrip().splitlines()[-1].endswith("error: interrupted")
    assert list(tmp_path.iterdir()) == []


# --- the server ------------------------------------------------------------------------------------------------------------


def test_server_is_kaizala_server(shell: Shell, tmp_path: Path) -> None:
    done = shell.run("server", "--", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: kaizala-server")
    process = shell.start(
        "server",
        "serve",
        "--port",
        "0",
        "--database",
        f"sqlite:///{tmp_path / 'k.db'}",
        "--log-level",
        "error",
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready http://")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
