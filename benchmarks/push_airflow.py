"""A real Kaizala server that delivers to a real Airflow, and what is found in Airflow's database afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests  # noqa: TID253
from sqlalchemy import create_engine, text  # noqa: TID253
from sqlalchemy.pool import NullPool  # noqa: TID253

from airflow_provider_kaizala.push.subscriptions import Subscription
from benchmarks import load, peers
from benchmarks.load import LoadFailed
from benchmarks.push_load import EVENT_ID, Plan
from benchmarks.push_notes import PLACE, read_notes
from demo.people import RAVI, Person
from demo.stack import GROUP, WEBHOOK_SECRET, Stack, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DAGS = Path(__file__).resolve().parent / "push_dags"
PEER = peers.ROOT / ".build" / "push-peer"
PEER_SECRET = "the secret of the peer"  # noqa: S105
SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)
#: API server processes
WORKERS = 2
EVENT = {
    "subscriptionId": "wh1",
    "objectId": GROUP,
    "objectType": "Group",
    "eventType": "TextMessageCreated",
    "eventId": EVENT_ID,
    "data": {"text": "Store 12 is open"},
    "context": "",
    "fromUser": RAVI,
    "fromUserId": "9d3f6d4e-5a3c-4b57-9a0e-3f3f5b0e6b1c@1",
    "fromUserName": "Ravi",
    "fromUserProfilePic": "",
}


class PushStack(Stack):
    """Airflow with our receiver and the peer's in one API server, and a Kaizala server.

    :param database: URL of an empty PostgreSQL database; SQLite without it
    :param dag_ids: the DAGs that are turned on
    """

    def __init__(self, folder: Path, dag_ids: Sequence[str], database: str | None = None) -> None:
        self.notes = folder / "notes"
        peer = {
            "conn_type": "inbound_webhook",
            "password": PEER_SECRET,
            "extra": {
                "source_type": "token_header",
                "token_header": "kz-callback-token",
                "event_field": "eventType",
                "path_field": "objectId",
                "delivery_id_field": "eventId",
            },
        }
        environment = {
            "PYTHONPATH": os.pathsep.join([str(peers.ROOT), str(PEER)]),
            "AIRFLOW__API__WORKERS": str(WORKERS),
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",  # which starts runs for assets too
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": SUBSCRIPTION.conn_id,
            "AIRFLOW__INBOUND_WEBHOOKS__WEBHOOK_NAMES": "kaizala",
            "AIRFLOW_CONN_WEBHOOK_KAIZALA": json.dumps(peer),
            "KAIZALA_BENCH_GROUP": GROUP,
            PLACE: str(self.notes),
        }
        super().__init__(folder, DAGS, environment, database=database)
        self._dag_ids = dag_ids
        self.engine = create_engine(self.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], poolclass=NullPool)

    def start(self) -> None:
        """Start all components, and turn the DAGs on."""
        super().start()
        for dag_id in self._dag_ids:
            self.wait_for(f"DAG {dag_id}", lambda dag_id=dag_id: self._has(dag_id), 120)  # type: ignore[misc]
            self.api("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def _has(self, dag_id: str) -> bool:
        return self.api("GET", f"/dags/{dag_id}") is not None

    def subscribe(self) -> None:
        """Create the webhook of the group, as users do."""
        command = [str(Path(sys.executable).parent / "airflow-kaizala"), "webhooks", "ensure"]
        command += ["--public-url", self.airflow, "--group", GROUP]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise LoadFailed(f"webhooks ensure: {done.stdout[-500:]} {done.stderr[-500:]}")

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until *ready* returns True.

        :raises LoadFailed: if that takes longer than *seconds*
        """
        try:
            wait_for(what, ready, seconds, self.processes.check)
        except RuntimeError as error:
            raise LoadFailed(str(error)) from None

    @property
    def ravi(self) -> Person:
        """A person of the group, signed in."""
        return Person(self.kaizala, RAVI)

    @property
    def port(self) -> int:
        """The API server's."""
        return int(self.airflow.rpartition(":")[2])

    # --- events of a sender ------------------------------------------------------------------------------------------------

    def plan(self, prefix: str, count: int, rate: float = 0.0, connections: int = 8) -> Plan:
        """Return how events are sent to our receiver."""
        path = SUBSCRIPTION.callback_url("")
        return _plan(
            self.port, path, SUBSCRIPTION.token(WEBHOOK_SECRET), 200, prefix, count, rate, connections
        )

    def peer_plan(self, prefix: str, count: int, rate: float = 0.0, connections: int = 8) -> Plan:
        """Return how the same events are sent to the peer's."""
        return _plan(self.port, "/webhooks/kaizala", PEER_SECRET, 202, prefix, count, rate, connections)

    def flood(self, connections: int, seconds: float) -> load.Plan:
        """Return how events with a wrong token are sent to our receiver."""
        plan = self.plan("flood", 1)
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in {**plan.headers, "kz-callback-token": "wrong"}.items()
        )
        return load.Plan(
            port=self.port,
            head=f"POST {plan.path} HTTP/1.1\r\n{lines}",
            body=plan.body,
            expect="Not Found",
            status=404,
            connections=connections,
            seconds=seconds,
        )

    # --- what is found -----------------------------------------------------------------------------------------------------

    def sql(self, statement: str, **given: Any) -> list[Any]:
        """Read from Airflow's database."""
        with self.engine.begin() as connection:
            return list(connection.execute(text(statement), given))

    def stored(self, prefix: str) -> list[str]:
        """Return the ids of stored events that begin so."""
        query = "SELECT event_id FROM kaizala_event WHERE event_id LIKE :like ORDER BY id"
        return [row[0] for row in self.sql(query, like=f"{prefix}-%")]

    def processed(self, prefix: str) -> list[str]:
        """Return the ids of events that tasks have processed."""
        return [
            event_id
            for each in read_notes(self.notes, "processed")
            for event_id in each["events"]
            if event_id.startswith(f"{prefix}-")
        ]

    def processed_at(self, prefix: str) -> float:
        """Return when the last task was given events that begin so."""
        return max(
            float(each["at"])
            for each in read_notes(self.notes, "processed")
            if any(event_id.startswith(f"{prefix}-") for event_id in each["events"])
        )

    def runs(self, dag_id: str, after: float = 0.0) -> list[dict[str, Any]]:
        """Return the runs of a DAG that were queued after a moment, the first one first."""
        path = f"/dags/{dag_id}/dagRuns?order_by=run_after&limit=100&run_after_gte={_iso(after)}"
        with suppress(requests.RequestException):
            found: list[dict[str, Any]] = self.api("GET", path.replace("+", "%2B"))["dag_runs"]
            return found
        return []

    def is_quiet(self, dag_id: str) -> bool:
        """Return whether no run of a DAG goes on, or is about to begin."""
        states = {row[0] for row in self.sql("SELECT state FROM dag_run WHERE dag_id = :dag", dag=dag_id)}
        queued = self.sql("SELECT 1 FROM asset_dag_run_queue WHERE target_dag_id = :dag", dag=dag_id)
        return not queued and states <= {"success", "failed"}


def seconds_of(moment: str) -> float:
    """Return a time of Airflow's API in seconds since the epoch."""
    return datetime.fromisoformat(moment).timestamp()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _plan(
    port: int, path: str, token: str, success: int, prefix: str, count: int, rate: float, connections: int
) -> Plan:
    return Plan(
        port=port,
        path=path,
        headers={"Content-Type": "application/json; charset=utf-8", "kz-callback-token": token},
        body=json.dumps(EVENT),
        prefix=f"{prefix}{time.time_ns() // 1_000_000}",
        count=count,
        rate=rate,
        connections=connections,
        success=success,
    )
