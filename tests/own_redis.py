"""A Redis for tests: one of its own on a free port, with a password, that keeps nothing. Needs the program ``redis-server``."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from demo.stack import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PASSWORD = "pass/word-of-redis"
MISSING = "redis-server is not on this machine (Debian: apt-get install redis-server)"


def redis_url(port: int, database: int = 0) -> str:
    """Return the URL of a Redis that was started with :func:`redis_command`."""
    return f"redis://:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{port}/{database}"


def redis_command(port: int) -> Sequence[str]:
    """Return the command that starts it."""
    found = shutil.which("redis-server")
    if found is None:
        raise RuntimeError(MISSING)
    return [found, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]  # fmt: skip


class OwnRedis:
    """A Redis that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = redis_url(self._port)

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        log = self._folder / "log"
        with log.open("w") as written:
            self._process = subprocess.Popen(redis_command(self._port), cwd=self._folder, stdout=written)
        until = time.monotonic() + 30
        while "Ready to accept connections" not in log.read_text():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"redis-server does not start:\n{log.read_text()}")
            time.sleep(0.02)

    def pause(self) -> None:
        """Stop it without closing its connections, as a machine that hangs."""
        self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def running_redis(folder: Path) -> Iterator[OwnRedis]:
    """Start a Redis in a folder, and end it."""
    redis = OwnRedis(folder)
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis that all tests share."""
    if shutil.which("redis-server") is None:
        pytest.skip(MISSING)
    with running_redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis
