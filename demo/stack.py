"""A Kaizala server and all components of Airflow, on free ports, with their data in one folder."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import requests

from demo.processes import Processes, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GROUP = "11111111-1111-4111-8111-111111111111@1"
WEBHOOK_SECRET = "demo-webhook-secret"
_BIN = Path(sys.executable).parent


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ready: Callable[[], bool], seconds: float, check: Callable[[], None]) -> None:
    """Wait until *ready* returns True.

    :raises RuntimeError: if that takes longer than *seconds*
    """
    until = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > until:
            raise RuntimeError(f"{what}: not ready within {seconds:.0f} s")
        time.sleep(0.3)


def _metadata(database: str | None, home: Path) -> dict[str, str]:
    """Return the environment that says where Airflow has its database."""
    name = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    if database is None:
        return {name: f"sqlite:///{home / 'airflow.db'}?timeout=20"}
    return {name: database, f"{name}_ASYNC": database}


class Stack(Running):
    """A Kaizala server with the demo seed, and Airflow's api-server, scheduler, dag-processor and triggerer.

    :param folder: for databases and logs
    :param dags: the DAGs folder
    :param environment: further environment variables for Airflow
    :param limited: whether the server limits calls as Kaizala did, and the connection respects that
    :param database: URL of an empty PostgreSQL database for Airflow (``postgresql+psycopg://``); SQLite without it
    """

    #: each component of Airflow, with the arguments of its command
    components: ClassVar[Mapping[str, Sequence[str]]] = {
        "api-server": (),
        "scheduler": ("--skip-serve-logs",),
        "dag-processor": (),
        "triggerer": ("--skip-serve-logs",),
    }
    #: where Airflow's REST API is, where in it the health, and of what
    api_root = "/api/v2"
    health_path = "/monitor/health"
    monitored: ClassVar[Sequence[str]] = ("metadatabase", "scheduler", "dag_processor", "triggerer")

    def __init__(
        self,
        folder: Path,
        dags: Path,
        environment: Mapping[str, str] | None = None,
        *,
        limited: bool = True,
        database: str | None = None,
    ) -> None:
        self.folder, self.dags = folder, dags
        self._limits = [] if limited else ["--connector-limit", "0", "--tenant-limit", "0"]
        self.home = folder / "airflow"
        self.logs = folder / "logs"
        for each in (self.home, self.logs):
            each.mkdir(parents=True, exist_ok=True)
        self.processes = Processes(self.logs)
        self._port, airflow_port = free_port(), free_port()
        self.kaizala = f"http://127.0.0.1:{self._port}"
        self.airflow = f"http://localhost:{airflow_port}"
        connection = {
            "conn_type": "kaizala",
            "host": self.kaizala,
            "login": "demo-connector",
            "password": "demo-secret",
            "extra": {
                "refresh_token": "demo-refresh-token",
                "group_refresh_tokens": {GROUP: "demo-group-token"},
                "default_group": GROUP,
                "webhook_secret": WEBHOOK_SECRET,
                **({} if limited else {"calls_per_minute": 0}),
            },
        }
        self.env = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            "PATH": f"{_BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "NO_PROXY": "localhost,127.0.0.1",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow}/execution/",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__PORT": str(airflow_port),
            "AIRFLOW__API__BASE_URL": self.airflow,
            "AIRFLOW__API__ENABLE_XCOM_DESERIALIZE_SUPPORT": "True",  # Airflow 3.0 refuses it otherwise
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",  # only runs that are triggered
            **_metadata(database, self.home),
            "AIRFLOW_CONN_KAIZALA_DEFAULT": json.dumps(connection),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }

    # --- starting and stopping -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all components, and wait until they are ready."""
        self.start_kaizala()
        migrated = subprocess.run(
            [str(_BIN / "airflow"), "db", "migrate"],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if migrated.returncode:
            raise RuntimeError(f"airflow db migrate failed:\n{migrated.stderr[-2000:]}")
        self.start_airflow()
        wait_for("kaizala-server", self.kaizala_ready, 30, self.processes.check)
        wait_for("Airflow", self._airflow_ready, 240, self.processes.check)

    def start_kaizala(self) -> None:
        """Start the Kaizala server."""
        # Airflow 2 and 3.0 need an SQLAlchemy that is too old for the server
        python = os.environ.get("KAIZALA_SERVER_PYTHON", sys.executable)
        self.processes.start(
            "kaizala-server",
            [python, "-m", "airflow_provider_kaizala.server", "serve", "--port", str(self._port), "--seed", "demo",
             "--database", f"sqlite:///{self.folder / 'kaizala.db'}", "--test-mode", *self._limits],
            self.env,
        )  # fmt: skip

    def start_airflow(self) -> None:
        """Start the components of Airflow."""
        for name, arguments in self.components.items():
            self.start_component(name, *arguments)

    def start_component(self, name: str, *more: str, as_name: str | None = None) -> None:
        """Start one component of Airflow; a second one of the same kind needs another name."""
        self.processes.start(as_name or name, [str(_BIN / "airflow"), name, *more], self.env)

    def kaizala_ready(self) -> bool:
        """Return whether the Kaizala server answers."""
        return f"ready {self.kaizala}" in self.processes.log("kaizala-server")

    def _airflow_ready(self) -> bool:
        try:
            health = requests.get(f"{self.airflow}{self.api_root}{self.health_path}", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        return all(health.get(part, {}).get("status") == "healthy" for part in self.monitored)

    # --- Airflow's REST API ------------------------------------------------------------------------------------------------

    @cached_property
    def _authorization(self) -> dict[str, str]:
        """A token; all are admins, but Airflow 3.1 wants one nevertheless."""
        reply = requests.get(f"{self.airflow}/auth/token", timeout=60)
        reply.raise_for_status()
        return {"Authorization": f"Bearer {reply.json()['access_token']}"}

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call Airflow's REST API; return the JSON of the reply, or None for 404."""
        url = f"{self.airflow}{self.api_root}{path}"
        headers = {"Accept": "application/json", **self._authorization}
        reply = requests.request(method, url, json=body, headers=headers, timeout=60)
        if reply.status_code == 404:
            return None
        reply.raise_for_status()
        return reply.json()

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Trigger a DAG as soon as it is parsed; return the run id."""
        wait_for(dag_id, lambda: self.api("GET", f"/dags/{dag_id}") is not None, 60, self.processes.check)
        self.api("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run; ``"none"`` for a task that has no state yet."""
        return {task_id: state for (task_id, _), state in self.mapped_states(dag_id, run_id).items()}

    def mapped_states(self, dag_id: str, run_id: str) -> dict[tuple[str, int], str]:
        """Return the state of each task instance, by task id and map index; ``"none"`` for one that has no state yet."""
        tasks = self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {(each["task_id"], each["map_index"]): each["state"] or "none" for each in tasks}

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return an XCom of a task, or None."""
        path = (
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
            f"?deserialize=true&map_index={map_index}"
        )
        entry = self.api("GET", path)
        return entry["value"] if entry else None

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return a task's log as text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        return json.dumps(self.api("GET", path))
