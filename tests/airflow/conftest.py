"""A real Kaizala server in a process of its own, and a way to run a DAG inside the real Airflow of this environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from demo.people import ASHA, MEERA, RAVI, Person
from demo.stack import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTION = {
    "conn_type": "kaizala",
    "login": "demo-connector",
    "password": "demo-secret",
    "extra": {
        "refresh_token": "demo-refresh-token",
        "group_refresh_tokens": {GROUP: "demo-group-token"},
        "default_group": GROUP,
        "calls_per_minute": 0,
    },
}


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run ``kaizala-server``; with another interpreter where this environment cannot (KAIZALA_SERVER_PYTHON)."""
    folder = tmp_path_factory.mktemp("kaizala-server")
    python = os.environ.get("KAIZALA_SERVER_PYTHON", sys.executable)
    command = [
        python,
        "-m",
        "airflow_provider_kaizala.server",
        "serve",
        "--port",
        "0",
        "--seed",
        "demo",
        "--test-mode",
    ]
    limits = ["--connector-limit", "0", "--tenant-limit", "0"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *limits, "--database", f"sqlite:///{folder / 'kaizala.db'}"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=Path(__file__).parents[2],
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        )
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready http://"), (folder / "server.log").read_text()
        yield line.split()[1]
        process.terminate()


@pytest.fixture
def kaizala(server_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server as the demo seed leaves it, and the connection ``kaizala_default`` to it."""
    requests.post(f"{server_url}/_test/reset", timeout=30).raise_for_status()
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps({**CONNECTION, "host": server_url}))
    return server_url


class Crew:
    """The people of the group, and what they have read."""

    def __init__(self, server: str) -> None:
        self.people = {number: Person(server, number) for number in (ASHA, RAVI, MEERA)}
        self._threads: list[threading.Thread] = []
        self.failed: list[BaseException] = []

    def feed(self) -> list[dict[str, Any]]:
        """Return everything that was posted to the group."""
        items: list[dict[str, Any]] = self.people[ASHA].feed(GROUP)["items"]
        return items

    def when(self, kind: str, act: Callable[[dict[str, Any]], None]) -> None:
        """Do *act* as soon as something of this kind is posted."""

        def watch() -> None:
            try:
                until = time.monotonic() + 60
                while time.monotonic() < until:
                    found = [item for item in self.feed() if item["kind"] == kind]
                    if found:
                        act(found[0])
                        return
                    time.sleep(0.2)
                raise AssertionError(f"no {kind} was posted within 60 s")
            except BaseException as error:  # noqa: BLE001 - told by join()
                self.failed.append(error)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Wait until everybody has done what they were to do."""
        for thread in self._threads:
            thread.join(60)
        assert not self.failed, self.failed


@pytest.fixture
def crew(kaizala: str) -> Iterator[Crew]:
    """The people of the group."""
    crew = Crew(kaizala)
    yield crew
    crew.join()


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """A migrated metadata database."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def run_dag(airflow_db: None) -> Callable[[Any], Any]:
    """Run a DAG as ``dag.test()`` does; returns the run."""

    def run(dag: Any) -> Any:
        from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

        if AIRFLOW_V_3_0_PLUS:  # a DAG in memory must be registered before it may run
            from airflow.dag_processing.bundles.manager import DagBundlesManager
            from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

            folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
            DagBundlesManager().sync_bundles_to_db()
            bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
            bag.bag_dag(dag)
            sync_bag_to_db(bag, "dags-folder", None)
        return dag.test()

    return run


@pytest.fixture
def outcome(run_dag: Callable[[Any], Any]) -> Callable[[Any], tuple[dict[str, str], dict[str, Any]]]:
    """Run a DAG; returns the state of each task, and what each handed on."""

    def run(dag: Any) -> tuple[dict[str, str], dict[str, Any]]:
        dag_run = run_dag(dag)
        instances = dag_run.get_task_instances()
        states = {each.task_id: str(getattr(each.state, "value", each.state)) for each in instances}
        values = {
            each.task_id: each.xcom_pull(task_ids=each.task_id, map_indexes=each.map_index)
            for each in instances
        }
        return states, values

    return run
