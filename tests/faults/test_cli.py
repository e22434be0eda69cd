"""The commands as processes, against a real ``kaizala-server`` process: whatever is wrong, there is one clear line and the right exit code.

Airflow's database has no tables here, so each command works without it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import ASHA, MEERA, RAVI, Person
from tests.serving import UNLIMITED, serve_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)

GROUP, TWIN, OTHER = (f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}@1" for digit in "123")
SECRETS = ("the-secret-of-the-connector", "token-of-the-user", "token-of-the-group", "webhook-secret")
COMMAND = [sys.executable, "-m", "airflow_provider_kaizala.cli"]
#: what ends the lines of a terminal, and its styles
ESCAPES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
CTRL_C = b"\x03"

SEED = {
    "people": [
        {"mobileNumber": number, "name": name, "pin": "1234"}
        for number, name in ((ASHA, "Asha"), (RAVI, "Ravi"), (MEERA, "Meera 東京 \u202e"))
    ],
    "connectors": [{"id": "connector", "secret": SECRETS[0]}],
    "groups": [
        {"id": GROUP, "name": "Store 12", "admins": [ASHA], "members": [RAVI, MEERA]},
        {"id": TWIN, "name": "The other store", "admins": [ASHA], "members": [RAVI]},
        {"id": OTHER, "name": "the other Store", "admins": [ASHA], "members": [RAVI]},
    ],
    "grants": [
        {"connector": "connector", "kind": "user", "person": ASHA, "refreshToken": SECRETS[1]},
        {
            "connector": "connector",
            "kind": "group",
            "person": ASHA,
            "group": GROUP,
            "refreshToken": SECRETS[2],
        },
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KaizalaServer]:
    """A ``kaizala-server`` process."""
    folder = tmp_path_factory.mktemp("server")
    seed = folder / "seed.json"
    seed.write_text(json.dumps(SEED))
    options = (
        "--seed",
        str(seed),
        "--test-mode",
        "--database",
        f"sqlite:///{folder / 'k.db'}",
        "--log-level",
        "error",
    )
    process = subprocess.Popen(serve_command(*UNLIMITED, *options), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready "), line
    yield KaizalaServer(line.split()[1])
    process.terminate()
    process.communicate(timeout=30)


class Shell:
    """Runs commands as a shell does."""

    def __init__(self, server: KaizalaServer, home: Path) -> None:
        extra = {
            "refresh_token": SECRETS[1],
            "group_refresh_tokens": {GROUP: SECRETS[2]},
            "default_group": GROUP,
            "webhook_secret": SECRETS[3],
            "calls_per_minute": 0,
        }
        good = {
            "conn_type": "kaizala",
            "host": server.url,
            "login": "connector",
            "password": SECRETS[0],
            "extra": extra,
        }
        connections = {
            "good": good,
            "wrong": {**good, "password": "wrong"},
            "away": {**good, "host": "http://127.0.0.1:9"},
        }
        self.env = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TERM": "xterm",
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
        }

    def run(self, *words: str, conn: str = "good", **given: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        env = self.env | options.pop("env", {})
        return subprocess.run(
            [*COMMAND, *with_conn(words, conn)], env=env, text=True, timeout=120, check=False, **options
        )

    def start(self, *words: str, **given: Any) -> subprocess.Popen[str]:
        """Start a command."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        return subprocess.Popen([*COMMAND, *with_conn(words, "good")], env=self.env, text=True, **options)

    def terminal(self, columns: int, *words: str) -> Terminal:
        """Start a command in a terminal."""
        return Terminal(columns, [*COMMAND, *with_conn(words, "good")], self.env)


def with_conn(words: tuple[str, ...], conn: str) -> list[str]:
    at = 2 if words[0] in ("tokens", "webhooks") else 1
    return [*words] if words[0] == "server" else [*words[:at], "--conn-id", conn, *words[at:]]


class Terminal:
    """A terminal with a command in it."""

    def __init__(self, columns: int, command: list[str], env: dict[str, str]) -> None:
        self.text = ""
        self._pid, self._fd = pty.fork()
        if not self._pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(command[0], command, env)
        self._until = time.monotonic() + 120

    def read_until(self, pattern: str) -> None:
        """Read until something is shown."""
        while not re.search(pattern, self.text):
            assert self._read(), f"{pattern!r} was not shown: {self.text}"

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        while self._read():
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bool:
        assert time.monotonic() < self._until, f"it does not end: {self.text}"
        if select.select([self._fd], [], [], 1)[0]:
            with contextlib.suppress(OSError):  # what Linux has for the end of a terminal
                new = os.read(self._fd, 65_536).decode(errors="replace")
                self.text += ESCAPES.sub("", new).replace("\r", "\n")
                return bool(new)
            return False
        return True


@pytest.fixture(scope="module")
def shell(server: KaizalaServer, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(server, tmp_path_factory.mktemp("airflow"))


def is_clean(text: str) -> bool:
    return "Traceback" not in text and not [secret for secret in SECRETS if secret in text]


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


NO_MESSAGES = "messages are not shown: Airflow does not receive webhooks of this connection, see docs/push.md"


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


def ask(text: str) -> tuple[str, ...]:
    return ("ask", text, "Yes", "No", "--interval", "1s", "--timeout", "5m")


def answer(server: KaizalaServer, question: str, **votes: str) -> None:
    """Vote, as soon as the question is there."""
    [item] = server.assert_posted(question, kind="poll")
    for number, choice in zip((RAVI, MEERA), votes.values(), strict=False):
        Person(server.url, number).vote(item["actionId"], choice)


def was_told(server: KaizalaServer, question: str) -> bool:
    """Tell whether the group has read, in reply to a question, that nobody waits any longer."""
    [item] = server.assert_posted(question, kind="poll")
    texts = [
        each["text"] for each in server.posted() if each.get("replyToReferenceId") == item["referenceId"]
    ]
    return texts == ["This was stopped. Answers no longer count."]


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
    assert ended(process) == "the group was told that nobody waits any longer\n"
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
