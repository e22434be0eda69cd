"""Processes that end when this one does, even if it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

# Runs as a separate process and reads session ids until the pipe closes, which happens however this process ends. Then it kills
# what is left of those sessions: components, and the workers they forked.
_GUARDIAN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
sessions = {int(line) for line in sys.stdin}
for attempt in range(50):
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) in sessions:
                left.append(int(pid))
        except OSError:
            pass
    if not left:
        break
    for pid in left:
        try:
            os.kill(pid, signal.SIGTERM if attempt < 20 else signal.SIGKILL)
        except OSError:
            pass
    time.sleep(0.25)
"""


class Running(ABC):
    """What runs in processes of its own for the length of a ``with`` block; none is left if one cannot start."""

    processes: Processes

    @abstractmethod
    def start(self) -> None:
        """Start all processes, and wait until they are ready."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.processes.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.processes.stop()


class Processes:
    """Starts processes, each with its own log, and stops all of them and their children at the end of the ``with`` block."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._guardian = subprocess.Popen(
            [sys.executable, "-c", _GUARDIAN], stdin=subprocess.PIPE, start_new_session=True
        )

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a component in its own session; its output goes to ``<name>.log``."""
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert self._guardian.stdin is not None
        self._guardian.stdin.write(f"{process.pid}\n".encode())
        self._guardian.stdin.flush()
        self.running[name] = process
        return process

    def log(self, name: str) -> str:
        """Return the output of a component."""
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def check(self) -> None:
        """Check that all components are running.

        :raises RuntimeError: if one has ended
        """
        for name, process in self.running.items():
            if process.poll() is not None:
                tail = "\n".join(self.log(name).splitlines()[-15:])
                raise RuntimeError(f"{name} exited with {process.returncode}; the end of its log:\n{tail}")

    def kill(self, name: str) -> None:
        """Kill a component and its children, as in a crash."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Terminate everything, and kill what has not ended after 5 s."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 5
        for process in self.running.values():
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()
        if self._guardian.stdin is not None and not self._guardian.stdin.closed:
            self._guardian.stdin.close()
        self._guardian.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
