"""All components of Airflow 2: a webserver with another REST API, and a scheduler that parses DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from demo.stack import Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Airflow2Stack(Stack):
    """A Kaizala server with the demo seed, and Airflow 2's webserver, scheduler and triggerer."""

    components: ClassVar[Mapping[str, Sequence[str]]] = {
        "webserver": (),
        "scheduler": ("--skip-serve-logs",),
        "triggerer": ("--skip-serve-logs",),
    }
    api_root = "/api/v1"
    health_path = "/health"
    monitored: ClassVar[Sequence[str]] = ("metadatabase", "scheduler", "triggerer")
    _authorization: ClassVar[dict[str, str]] = {}  # type: ignore[assignment]  # the public is an admin

    def __init__(self, folder: Path, dags: Path, **given: Any) -> None:
        super().__init__(folder, dags, **given)
        self.env |= {
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(urlsplit(self.airflow).port),
            "AIRFLOW__WEBSERVER__WORKERS": "1",
            "AIRFLOW__WEBSERVER__SECRET_KEY": "a secret of the tests",
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "5",
        }
        (self.home / "webserver_config.py").write_text('AUTH_ROLE_PUBLIC = "Admin"\n')

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Trigger a DAG as soon as it is parsed; return the run id."""
        wait_for(dag_id, lambda: self.api("GET", f"/dags/{dag_id}") is not None, 60, self.processes.check)
        self.api("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        return str(self.api("POST", f"/dags/{dag_id}/dagRuns", {"conf": dict(conf or {})})["dag_run_id"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1
    ) -> Any:
        """Return an XCom of a task, or None."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}?stringify=false&map_index={map_index}"
        entry = self.api("GET", path)
        return entry["value"] if entry else None
