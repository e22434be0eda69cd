"""Airflow and a Kaizala server as on several machines: two processes of each kind that can be two, one PostgreSQL, one Redis, nginx."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from demo.stack import Stack, free_port, wait_for
from tests.on_postgres import create_database
from tests.own_redis import redis_command, redis_url

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags_examples" / "store_opening.py", Path(__file__).parent / "dags" / "decides.py"
BIN = Path(sys.executable).parent
#: what a real deployment leaves at minutes or hours, so that a component that was killed is missed soon
SOON = {
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
}
#: how many tasks run at once, on all workers together
TASKS_AT_ONCE = 6
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream kaizala {{ {servers} keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_buffering off;
        location / {{
            proxy_pass http://kaizala;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


class Distributed(Stack):
    """Components that share nothing but their databases, Redis and the folder of DAGs.

    :param postgres: an administrator's URL of a PostgreSQL
    :param executor: ``CeleryExecutor`` with two workers and two schedulers, or ``LocalExecutor`` with one of each, to compare
    :param limit: calls a minute of the connector
    """

    def __init__(self, folder: Path, postgres: str, *, executor: str = "CeleryExecutor", limit: int = 100) -> None:  # fmt: skip
        self.limit = limit
        self.is_celery = executor == "CeleryExecutor"
        self._redis, self._kaizala_ports = free_port(), (free_port(), free_port())
        self._kaizala_database = create_database(postgres)
        database = create_database(postgres)
        celery = {
            "AIRFLOW__CELERY__BROKER_URL": redis_url(self._redis),
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(TASKS_AT_ONCE // 2),
        }
        environment = {
            **SOON,
            "AIRFLOW__CORE__EXECUTOR": executor,
            "AIRFLOW__CORE__PARALLELISM": "32" if self.is_celery else str(TASKS_AT_ONCE),
            "AIRFLOW__API__WORKERS": "2",
            "AIRFLOW__KAIZALA__BUDGET_URL": redis_url(self._redis, 1),
            **(celery if self.is_celery else {}),
        }
        dags = folder / "dags"
        dags.mkdir()
        for file in DAGS:
            shutil.copy(file, dags)
        super().__init__(folder, dags, environment, database=database)
        connection = json.loads(self.env["AIRFLOW_CONN_KAIZALA_DEFAULT"])
        connection["extra"]["calls_per_minute"] = limit
        self.env["AIRFLOW_CONN_KAIZALA_DEFAULT"] = json.dumps(connection)
        self._limits = ["--connector-limit", str(limit)]
        #: the components of Airflow that there are two of; its API server is one, with two workers
        self.pairs = ("scheduler", "triggerer") if self.is_celery else ()

    def start_kaizala(self) -> None:
        """Start Redis, two Kaizala servers and nginx in front of them."""
        self.processes.start("redis", redis_command(self._redis), os.environ)
        for at, port in enumerate(self._kaizala_ports, 1):
            name = f"kaizala-server-{at}"
            self.processes.start(
                name,
                [str(BIN / "kaizala-server"), "serve", "--port", str(port), "--seed", "demo", "--public-url", self.kaizala,
                 "--trusted-proxy", "127.0.0.1", "--media-dir", str(self.folder / "media"), *self._limits],
                {**self.env, "KAIZALA_SERVER_DATABASE": self._kaizala_database},
            )  # fmt: skip
            wait_for(
                name, lambda name=name: "ready http" in self.processes.log(name), 60, self.processes.check
            )  # type: ignore[misc]
        servers = " ".join(f"server 127.0.0.1:{port} fail_timeout=2s;" for port in self._kaizala_ports)
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            NGINX.format(folder=self.folder, user=user, servers=servers, port=self._port)
        )
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if nginx is None:
            raise RuntimeError("nginx is not on this machine (Debian: apt-get install nginx-light)")
        self.processes.start("nginx", [nginx, "-p", str(self.folder), "-c", str(configuration)], os.environ)

    def kaizala_ready(self) -> bool:
        """Return whether a server answers through nginx."""
        try:
            return requests.get(f"{self.kaizala}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def start_airflow(self) -> None:
        """Start the components of Airflow, two of each that can be two, and the workers."""
        for kind, arguments in self.components.items():
            for name in [f"{kind}-1", f"{kind}-2"] if kind in self.pairs else [kind]:
                self.start_component(kind, *arguments, as_name=name)
        if self.is_celery:
            for name in ("worker-1", "worker-2"):
                self.start_component("celery", "worker", "--skip-serve-logs", "--celery-hostname", f"{name}@%h",
                                     "--pid", str(self.folder / f"{name}.pid"), as_name=name)  # fmt: skip
            wait_for("workers", self._workers_ready, 120, self.processes.check)

    def _workers_ready(self) -> bool:
        return all(" ready." in self.processes.log(f"worker-{at}") for at in (1, 2))

    # --- what is found afterwards ------------------------------------------------------------------------------------------

    def kaizala_log(self) -> Iterator[str]:
        """Yield the lines that the Kaizala servers have logged."""
        for at in (1, 2):
            yield from self.processes.log(f"kaizala-server-{at}").splitlines()

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time that each component of Airflow has used, with the processes that it started (Linux)."""
        tick = os.sysconf("SC_CLK_TCK")
        sessions = {process.pid: name for name, process in self.processes.running.items()}
        used = dict.fromkeys(sessions.values(), 0.0)
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            except OSError:  # it has just ended
                continue
            if name := sessions.get(int(fields[3])):  # user, system, and those of children that have ended
                used[name] += sum(map(int, fields[11:15])) / tick
        return used
