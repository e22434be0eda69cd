"""Run the server's tests on PostgreSQL: ``python -m tests.on_postgres [pytest arguments]``.

Starts a PostgreSQL of its own in a temporary folder, and ends it. Needs the programs ``initdb`` and ``postgres``, on the path or
where Debian has them; as root, which PostgreSQL refuses to run as, the account ``postgres`` that its package makes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from demo.stack import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
_PATH = os.pathsep.join([os.environ.get("PATH", ""), *PLACES])
SECONDS = 30
#: the server's tests; those of webhooks run Airflow, and have a PostgreSQL of their own
SERVERS = [
    "tests/unit/server",
    "tests/faults",
    "--ignore-glob=tests/faults/test_push*",
    "--ignore-glob=tests/faults/test_cli*",
]


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        sys.exit(f"{name} is not on this machine; install PostgreSQL (Debian: apt-get install postgresql)")
    return found


def is_installed() -> bool:
    """Tell whether this machine has PostgreSQL."""
    return shutil.which("initdb", path=_PATH) is not None


class Postgres:
    """A PostgreSQL in a folder of its own.

    :param fsync: whether what is committed outlives a power failure, as in real use
    """

    def __init__(self, folder: str, *, fsync: bool = False) -> None:
        self._folder = folder
        self._owner: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )
        if self._owner:
            shutil.chown(folder, "postgres")
        self._port = free_port()
        driver = (
            "psycopg" if sqlalchemy.__version__ >= "2" else "psycopg2"
        )  # 1.4, of Airflow 2 and 3.0, knows no newer
        self.url = f"postgresql+{driver}://postgres@127.0.0.1:{self._port}/postgres"
        subprocess.run(
            [program("initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **self._owner,
        )  # fmt: skip
        self._settings = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "max_connections": 200,
            "unix_socket_directories": folder,
            "fsync": "on" if fsync else "off",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        log = Path(self._folder, "log")
        with log.open("ab") as written:
            self._server = subprocess.Popen(
                [program("postgres"), "-D", f"{self._folder}/data", *options],
                stderr=written,
                cwd=self._folder,
                start_new_session=True,
                **self._owner,
            )
        ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        until = time.monotonic() + SECONDS
        while subprocess.run(ready, check=False).returncode:
            if self._server.poll() is not None or time.monotonic() > until:
                sys.exit(f"PostgreSQL does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it, as in a crash."""
        for pid in _tree(self._server.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.wait()

    def stop(self) -> None:
        """Stop it, whoever is still connected."""
        # SIGINT: a smart shutdown (SIGTERM) would wait for them.
        self._server.send_signal(signal.SIGINT)
        self._server.wait(SECONDS)


def _tree(pid: int) -> list[int]:
    """Return a process and those it started (Linux). PostgreSQL gives each a process group of its own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


@contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[str]:
    """Start a PostgreSQL in a temporary folder, and end it; its URL is an administrator's. See :class:`Postgres`."""
    with tempfile.TemporaryDirectory(prefix="kaizala-postgres-", ignore_cleanup_errors=True) as folder:
        postgres = Postgres(folder, fsync=fsync)
        postgres.start()
        try:
            yield postgres.url
        finally:
            postgres.stop()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL: that of the environment, or one of its own."""
    if url := os.environ.get("KAIZALA_TEST_POSTGRES"):
        yield url
        return
    if not is_installed():
        pytest.skip("PostgreSQL is not on this machine (Debian: apt-get install postgresql)")
    with running_postgres() as url:
        yield url


def run_sql(url: str, statement: str) -> None:
    """Run a statement outside of a transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def create_database(server: str, template: str | None = None) -> str:
    """Create a database on a PostgreSQL and return its URL."""
    name = f"kaizala_{uuid.uuid4().hex}"
    copied = f" TEMPLATE {make_url(template).database}" if template else ""
    run_sql(server, f"CREATE DATABASE {name}{copied}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def main() -> int:
    """Start PostgreSQL, run pytest, stop PostgreSQL."""
    command = [sys.executable, "-m", "pytest", "-q", *(sys.argv[1:] or SERVERS)]
    with running_postgres() as url:
        return subprocess.run(
            command, env={**os.environ, "KAIZALA_TEST_POSTGRES": url}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
