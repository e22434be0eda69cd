"""Ports, commands, waiting for a server to answer, and the time it computes."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load import LoadFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from demo.processes import Processes

_ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(port: int, path: str, processes: Processes, seconds: float = 60) -> None:
    """Return when a server answers at all."""
    until = time.monotonic() + seconds
    while True:
        processes.check()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        finally:
            connection.close()


def run_to_end(what: str, command: Sequence[str], env: Mapping[str, str], given: str = "") -> str:
    """Run a command in the project's folder, and return what it printed.

    :param given: its standard input
    :raises LoadFailed: if it fails; says why in its own words
    """
    done = subprocess.run(  # noqa: S603
        command, env=dict(env), cwd=_ROOT, input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LoadFailed(f"{what}: {done.stderr.strip()[-1500:]}")
    return done.stdout


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used, in user and in system mode (Linux)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
