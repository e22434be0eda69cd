"""Runs commands as processes, also in a terminal, against a real ``kaizala-server`` process.

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
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import ASHA, MEERA, RAVI
from tests.serving import UNLIMITED, serve_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        self._started: list[subprocess.Popen[str] | Terminal] = []
        self.env = {
            # readline, which pytest imports, sets the size of the terminal for the processes that it starts
            **{
                name: value
                for name, value in os.environ.items()
                if "AIRFLOW" not in name and name not in ("COLUMNS", "LINES")
            },
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
            [*COMMAND, *with_conn(words, conn)], env=env, text=True, timeout=240, check=False, **options
        )

    def start(self, *words: str, **given: Any) -> subprocess.Popen[str]:
        """Start a command."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        command = [*COMMAND, *with_conn(words, "good")]
        process = subprocess.Popen(command, env=self.env, text=True, **options)
        self._started.append(process)
        return process

    def terminal(self, columns: int, *words: str) -> Terminal:
        """Start a command in a terminal."""
        terminal = Terminal(columns, [*COMMAND, *with_conn(words, "good")], self.env)
        self._started.append(terminal)
        return terminal

    def kill_leftovers(self) -> None:
        """Kill what a test that has failed left running."""
        for each in self._started:
            if each.poll() is None:
                each.kill()
                each.wait()
        self._started.clear()


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
        self._until = time.monotonic() + 240
        self._code: int | None = None

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
        return self.wait()

    def wait(self) -> int:
        """Return the exit code of a command that ends without being read."""
        os.close(self._fd)
        self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def poll(self) -> int | None:
        """Return the exit code, None before the end."""
        return self._code

    def kill(self) -> None:
        """Kill the command."""
        os.kill(self._pid, signal.SIGKILL)

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


@pytest.fixture(autouse=True)
def no_leftovers(shell: Shell) -> Iterator[None]:
    """Kill what a test that has failed left running."""
    yield
    shell.kill_leftovers()


def is_clean(text: str) -> bool:
    return "Traceback" not in text and not [secret for secret in SECRETS if secret in text]


def ask(text: str) -> tuple[str, ...]:
    return ("ask", text, "Yes", "No", "--interval", "1s", "--timeout", "5m")
