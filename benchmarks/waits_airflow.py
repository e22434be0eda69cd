"""A real triggerer with deferred tasks, and what it costs.

There is no scheduler and no worker: the triggerer takes the triggers of deferred tasks out of the database, runs them, and writes
the tasks back as SCHEDULED when an event comes. The database is SQLite.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.load import LoadFailed
from benchmarks.processes import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from demo.processes import Processes

CAPACITY = 5000
#: one log file per waiting task, and what else a triggerer opens
FILES = CAPACITY + 1000
ROOT = Path(__file__).resolve().parent.parent
#: Airflow's HTTP provider, beside Airflow's own packages
HTTP_PROVIDER = ROOT / ".build" / "http"
_HTTP_REQUIREMENTS = ROOT / "benchmarks" / "waits-requirements.txt"
_AIRFLOW = Path(sys.executable).parent / "airflow"
START_SECONDS = 180.0


def allow_many_files() -> None:
    """Raise the limit of open files for what we start.

    :raises LoadFailed: if the machine does not let us
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < FILES:
        if hard != unlimited and hard < FILES:
            raise LoadFailed(f"the triggerer needs {FILES} open files; ulimit -Hn is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))


def install_http_provider() -> None:
    """Install what is held against us, once."""
    stamp = HTTP_PROVIDER / ".installed"
    if stamp.exists() and stamp.read_text() == _HTTP_REQUIREMENTS.read_text():
        return
    shutil.rmtree(HTTP_PROVIDER, ignore_errors=True)
    _run(
        "pip install",
        [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "--target",
         str(HTTP_PROVIDER), "-r", str(_HTTP_REQUIREMENTS)],
        dict(os.environ),
    )  # fmt: skip
    stamp.write_text(_HTTP_REQUIREMENTS.read_text())


def _run(what: str, command: Sequence[str], env: Mapping[str, str], given: str = "") -> None:
    done = subprocess.run(  # noqa: S603
        command, env=dict(env), cwd=ROOT, input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LoadFailed(f"{what}: {done.stderr.strip()[-1500:]}")


def _environment(home: Path, connections: Mapping[str, str]) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HTTP_PROVIDER)]),
        "NO_PROXY": "localhost,127.0.0.1",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__TRIGGERER__CAPACITY": str(CAPACITY),
        **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
    }


def make_database(folder: Path) -> Path:
    """Make Airflow's database, once, to be copied."""
    folder.mkdir()
    _run("airflow db migrate", [str(_AIRFLOW), "db", "migrate"], _environment(folder, {}))
    return folder / "airflow.db"


@dataclass(frozen=True)
class Use:
    """What the processes of a triggerer have used up to a moment.

    :param cpu: seconds
    :param machine_cpu: seconds of all that the machine computed, ours included
    :param megabytes: now; pages that several of them share are counted once
    """

    at: float
    cpu: float
    machine_cpu: float
    megabytes: float


def _tree(pid: int) -> list[int]:
    """Return a process and those it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _machine_cpu_seconds() -> float:
    user, nice, system, _idle, _iowait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.partition("\nPss:")[2].split()[0]) * 1024 / 1e6


class Triggerer:
    """A triggerer that runs the triggers of so many deferred tasks."""

    def __init__(
        self,
        processes: Processes,
        home: Path,
        database: Path,
        triggers: tuple[str, list[dict[str, Any]]],
        connections: Mapping[str, str],
    ) -> None:
        self._processes = processes
        self._home = home
        self._database = home / "airflow.db"
        classpath, arguments = triggers
        self.count = len(arguments)
        home.mkdir()
        shutil.copy(database, self._database)
        env = _environment(home, connections)
        plan = json.dumps({"classpath": classpath, "arguments": arguments})
        _run("inserting tasks", [sys.executable, "-m", "benchmarks.waits_rows"], env, plan)
        began = time.monotonic()
        self._process = processes.start("triggerer", [str(_AIRFLOW), "triggerer", "--skip-serve-logs"], env)
        self._wait_until_all_run()
        #: how long it took until each trigger had begun
        self.start_seconds = time.monotonic() - began

    def _wait_until_all_run(self) -> None:
        until = time.monotonic() + START_SECONDS
        while self._begun() < self.count:
            self._processes.check()
            if time.monotonic() > until:
                raise LoadFailed(
                    f"{self._begun()} of {self.count} triggers had begun after {START_SECONDS:.0f} s"
                )
            time.sleep(0.5)

    def _begun(self) -> int:
        # each trigger says in its task's log that it begins
        return sum(1 for _ in self._home.glob("logs/*/*/*/*/*.trigger.*.log"))

    def use(self) -> Use:
        """Return what supervisor and runner have used."""
        self._processes.check()
        tree = _tree(self._process.pid)
        return Use(
            time.monotonic(), sum(map(cpu_seconds, tree)), _machine_cpu_seconds(), sum(map(_megabytes, tree))
        )

    def resumed(self) -> dict[int, datetime]:
        """Return when tasks were written back, by their number.

        :raises LoadFailed: if one has failed
        """
        query = (
            "SELECT map_index, state, scheduled_dttm, next_kwargs FROM task_instance"
            " WHERE map_index >= 0 AND state IS NOT 'deferred'"
        )
        found = {}
        with closing(sqlite3.connect(self._database, timeout=30)) as base:
            for number, state, moment, event in base.execute(query):
                if state != "scheduled" or "error" in str(event):
                    raise LoadFailed(f"task {number} is {state}: {str(event)[:500]}")
                found[number] = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        return found
