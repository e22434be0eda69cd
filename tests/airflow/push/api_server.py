"""Airflow's real API server, with two workers and a database of its own, and nothing else of Airflow."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import requests
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from airflow_provider_kaizala.push.subscriptions import Subscription
from demo.processes import Processes, Running
from demo.stack import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET = "the secret of the connection"
GROUP = "11111111-1111-4111-8111-111111111111@1"
SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)
_AIRFLOW = Path(sys.executable).parent / "airflow"


class ApiServer(Running):
    """Starts the API server, and looks into its database.

    :param database: SQLAlchemy's URL of an empty database
    """

    def __init__(self, folder: Path, database: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.engine = create_engine(database, poolclass=NullPool)
        connection = {
            "conn_type": "kaizala",
            "login": "c",
            "password": "s",
            "extra": {"webhook_secret": SECRET},
        }
        (folder / "dags").mkdir()
        asynchronous = database if "+psycopg:" in database else "sqlite+aiosqlite://"
        self.env = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            "NO_PROXY": "localhost,127.0.0.1",
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            # by default asyncpg's, which is not installed; psycopg does both, and with psycopg2 nothing here uses the other
            **({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": asynchronous} if "psycopg" in database else {}),
            "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": "kaizala_default, missing",
            "AIRFLOW_CONN_KAIZALA_DEFAULT": json.dumps(connection),
            "PYTHONUNBUFFERED": "1",
        }
        if tuple(map(int, airflow.__version__.split(".")[:2])) < (3, 2):
            self.env["AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS"] = (
                "airflow_provider_kaizala.push.db.KaizalaDBManager"
            )
        self.processes = Processes(folder)

    def migrate(self) -> None:
        done = subprocess.run(
            [_AIRFLOW, "db", "migrate"], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def start(self) -> None:
        self.migrate()
        command = [str(_AIRFLOW), "api-server", "--port", str(self.port), "--workers", "2"]
        self.processes.start("api-server", command, self.env)
        wait_for("api-server", self._is_ready, 120, self.processes.check)

    def kill(self) -> None:
        """Kill it and its workers, as in a crash."""
        self.processes.kill("api-server")

    @property
    def log(self) -> str:
        return self.processes.log("api-server")

    def _is_ready(self) -> bool:
        try:
            return self.validate("12345").text == "12345"
        except requests.RequestException:
            return False

    # --- what Kaizala does -----------------------------------------------------------------------------------------------------

    def validate(self, token: str) -> requests.Response:
        return requests.get(
            SUBSCRIPTION.callback_url(self.url), params={"validationToken": token}, timeout=30
        )

    def post(self, event_id: str, **given: Any) -> requests.Response:
        """Post an event; *given* replaces parts of the request."""
        subscription: Subscription = given.get("subscription", SUBSCRIPTION)
        body = {
            "objectId": subscription.object_id,
            "objectType": subscription.object_type,
            "eventType": "TextMessageCreated",
            "eventId": event_id,
            "data": {"text": f"Message {event_id}"},
            "fromUser": "+910000000001",
        }
        headers = {
            "Content-Type": "application/json",
            "kz-callback-token": given.get("token", subscription.token(SECRET)),
        }
        return requests.post(
            given.get("url", subscription.callback_url(self.url)),
            given.get("data", json.dumps(body)),
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=60,
        )

    def post_all(self, event_ids: Iterable[str], at_once: int = 8) -> list[int]:
        """Post events, several at once; return the statuses."""
        with ThreadPoolExecutor(at_once) as pool:
            return [response.status_code for response in pool.map(self.post, event_ids)]

    # --- the database ----------------------------------------------------------------------------------------------------------

    def sql(self, statement: str, **given: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), given)
            return list(result) if result.returns_rows else []

    def events(self, prefix: str = "") -> list[str]:
        """The ids of stored events, in order."""
        rows = self.sql(
            "SELECT event_id FROM kaizala_event WHERE event_id LIKE :like ORDER BY id", like=f"{prefix}%"
        )
        return [row[0] for row in rows]

    def declare(self, uri: str) -> None:
        """Declare an asset, as a parsed DAG does."""
        self.sql(
            'INSERT INTO asset (name, uri, "group", extra, created_at, updated_at) '
            "VALUES (:uri, :uri, 'asset', '{}', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
            uri=uri,
        )
        self.sql("INSERT INTO asset_active (name, uri) VALUES (:uri, :uri)", uri=uri)

    def asset_events(self, uri: str) -> int:
        """How often an asset has rung."""
        count = "SELECT count(*) FROM asset_event JOIN asset ON asset.id = asset_event.asset_id WHERE asset.uri = :uri"
        return int(self.sql(count, uri=uri)[0][0])
