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
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.load import LoadFailed
from benchmarks.processes import cpu_seconds, run_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from demo.processes import Processes

CAPACITY = 5000
#: one log file per waiting task, and what else a triggerer opens
FILES = CAPACITY + 1000
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


def _environment(home: Path, connections: Mapping[str, str]) -> dict[str, str]:
    return peers.environment(home, connections) | {"AIRFLOW__TRIGGERER__CAPACITY": str(CAPACITY)}


def make_database(folder: Path) -> Path:
    """Make Airflow's database, once, to be copied."""
    folder.mkdir()
    run_to_end("airflow db migrate", [str(_AIRFLOW), "db", "migrate"], _environment(folder, {}))
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
        run_to_end("inserting tasks", [sys.executable, "-m", "benchmarks.waits_rows"], env, plan)
        began = time.monotonic()
        self._process = processes.start("triggerer", [str(_AIRFLOW), "triggerer", "--skip-serve-logs"], env)
        #: how many triggers had begun when all had, or when it was not waited for longer
        self.begun = self._wait_until_all_run()
        #: how long that took
        self.start_seconds = time.monotonic() - began

    def _wait_until_all_run(self) -> int:
        until = time.monotonic() + START_SECONDS
        while (begun := self._begun()) < self.count and time.monotonic() < until:
            self._processes.check()
            time.sleep(0.5)
        return begun

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

    def ended(self) -> int:
        """Return how many tasks wait no more, whether they go on or have failed."""
        query = "SELECT count(*) FROM task_instance WHERE map_index >= 0 AND state IS NOT 'deferred'"
        with closing(sqlite3.connect(self._database, timeout=30)) as base:
            count: int = base.execute(query).fetchone()[0]
        return count
