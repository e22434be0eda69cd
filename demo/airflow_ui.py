"""Airflow's API server alone, whose database holds what running DAGs would leave there, for tests and pictures of the page *Kaizala*."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from sqlalchemy import JSON, MetaData, create_engine, select
from sqlalchemy.pool import NullPool

from airflow_provider_kaizala.client.models.webhooks import EVENT_TYPES
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.subscriptions import Subscription
from airflow_provider_kaizala.waiting.rules import read_rule
from airflow_provider_kaizala.waiting.subjects import Responses
from airflow_provider_kaizala.waiting.wait import Wait
from demo.people import MEERA, RAVI
from demo.processes import Processes, Running
from demo.stack import GROUP, free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import BrowserContext
    from sqlalchemy import Engine

    from demo.store import Store

CONN_ID = "kaizala_default"
WEBHOOK_SECRET = "demo-webhook-secret"
#: names and roles of the people who can sign in
USERS = {"olga": "admin", "victor": "viewer"}
_REPOSITORY = Path(__file__).resolve().parent.parent
_AIRFLOW = Path(sys.executable).parent / "airflow"
#: the table with the arguments of tasks, in Airflow 3.4
RENDERED_SINCE_3_4 = "rtif_v2"
_TRIGGER = "airflow_provider_kaizala.triggers.wait.KaizalaWaitTrigger"


class Rows:
    """Writes into a database of Airflow what DAGs would leave there. Knows only its columns, so needs no Airflow."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        found = MetaData()
        found.reflect(engine)
        self._tables = found.tables

    def add(self, table: str, **values: Any) -> Any:
        """Add a row; return its primary key if that is one column. Columns that this Airflow does not have are left out."""
        found = self._tables[table]
        with self.engine.begin() as connection:
            known = {name: value for name, value in values.items() if name in found.c}
            result = connection.execute(found.insert().values(**known))
            return result.inserted_primary_key[0] if result.inserted_primary_key else None

    def _has(self, table: str, **values: Any) -> bool:
        found = self._tables[table]
        where = [found.c[name] == value for name, value in values.items()]
        with self.engine.begin() as connection:
            return connection.execute(select(found).where(*where)).first() is not None

    def run(self, dag_id: str, run_id: str = "manual__2026-01-01") -> int:
        """Add a running DAG run, and its DAG."""
        if not self._has("dag_bundle", name="dags-folder"):
            self.add("dag_bundle", name="dags-folder", active=True)
        if not self._has("dag", dag_id=dag_id):
            self.add(
                "dag", dag_id=dag_id, is_paused=False, is_stale=False, bundle_name="dags-folder", timetable_type="",
                partition_mapper_info={}, max_active_tasks=16, max_consecutive_failed_dag_runs=0,
                has_task_concurrency_limits=False,
            )  # fmt: skip
        now = datetime.now(tz=UTC)
        return int(
            self.add(
                "dag_run", dag_id=dag_id, run_id=run_id, run_type="manual", run_after=now, state="running", start_date=now
            )
        )  # fmt: skip

    def wait(
        self,
        dag_id: str,
        task_id: str,
        wire: Mapping[str, Any],
        *,
        run_id: str = "manual__2026-01-01",
        map_index: int = -1,
        state: str = "deferred",
        arguments: Mapping[str, Any] | None = None,
        since: timedelta = timedelta(minutes=5),
        conn_id: str = CONN_ID,
    ) -> None:
        """Add a task that waits: deferred, or in a worker with what Airflow 3.3 keeps of it.

        :param wire: the wait as a plain dict
        :param arguments: the task's templated arguments
        """
        runs = self._tables["dag_run"]
        query = select(runs.c.id).where(runs.c.dag_id == dag_id, runs.c.run_id == run_id)
        with self.engine.begin() as connection:
            number = connection.scalar(query)
        if number is None:
            number = self.run(dag_id, run_id)
        now, given_id = datetime.now(tz=UTC), uuid.uuid4()
        ti_id = given_id.hex if self.engine.dialect.name == "sqlite" else given_id
        trigger = None
        if state == "deferred":
            given = {"wait": dict(wire), "kaizala_conn_id": conn_id, "wake_at": None, "carry": {}}
            trigger = self.add("trigger", classpath=_TRIGGER, kwargs=json.dumps(given), created_date=now)
        # since Airflow 3.4 its name is region_index
        key = {
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": task_id,
            "map_index": map_index,
            "region_index": map_index,
        }
        self.add(
            "task_instance", id=ti_id, state=state, start_date=now - since, try_number=1, max_tries=0,
            pool="default_pool", pool_slots=1, trigger_id=trigger, **key,
        )  # fmt: skip
        rendered = {"kaizala_conn_id": conn_id, **(arguments or {})}
        table = next(
            each for each in (RENDERED_SINCE_3_4, "rendered_task_instance_fields") if each in self._tables
        )
        is_json = isinstance(self._tables[table].c.rendered_fields.type, JSON)
        self.add(
            table, id=uuid.uuid4().hex, task_instance_id=ti_id,
            rendered_fields=rendered if is_json else json.dumps(rendered), **key,
        )  # fmt: skip
        if state != "deferred":
            kept = json.dumps({"life": "0", "value": dict(wire)})
            self.add(
                "task_state_store", dag_run_id=number, key="kaizala_wait", value=kept, updated_at=now, **key
            )

    def event(self, event_type: str, ago: timedelta, who: str | None = "Asha", group_id: str = GROUP) -> None:
        """Add a received event."""
        event_id = uuid.uuid4().hex
        body = {
            "eventId": event_id,
            "eventType": event_type,
            "objectType": "Group",
            "objectId": group_id,
            "data": {},
            **({"fromUserName": who} if who else {}),
        }
        self.add(
            "kaizala_event", conn_id=CONN_ID, object_type="Group", object_id=group_id, group_id=group_id,
            event_id=event_id, event_type=event_type, received_at=datetime.now(tz=UTC) - ago, body=json.dumps(body),
        )  # fmt: skip

    def ring(self, event_type: str, ago: timedelta, run: int | None = None) -> None:
        """Add an asset event of a group's asset, and the run that it has started."""
        uri, now = asset_uri(CONN_ID, GROUP, event_type), datetime.now(tz=UTC)
        assets = self._tables["asset"]
        with self.engine.begin() as connection:
            asset = connection.scalar(select(assets.c.id).where(assets.c.uri == uri))
        if asset is None:
            asset = self.add(
                "asset", name=uri, uri=uri, group="asset", extra={}, created_at=now, updated_at=now
            )
        rung = self.add("asset_event", asset_id=asset, extra={}, timestamp=now - ago)
        if run is not None:
            self.add("dagrun_asset_event", dag_run_id=run, event_id=rung)


class AirflowUi(Running):
    """Airflow's API server, with users who sign in.

    :param folder: for its database and log
    :param kaizala: address of a Kaizala server with the demo seed
    :param path: below which it is served
    :param environment: further environment variables
    """

    def __init__(
        self, folder: Path, kaizala: str, path: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}{path}"
        database = f"sqlite:///{folder / 'airflow.db'}?timeout=20"
        self.engine = create_engine(database, poolclass=NullPool)
        connection = {
            "conn_type": "kaizala",
            "host": kaizala,
            "login": "demo-connector",
            "password": "demo-secret",
            "extra": {
                "refresh_token": "demo-refresh-token",
                "group_refresh_tokens": {GROUP: "demo-group-token"},
                "default_group": GROUP,
                "webhook_secret": WEBHOOK_SECRET,
                "calls_per_minute": 0,
            },
        }
        (folder / "dags").mkdir(parents=True)
        passwords = folder / "passwords.json"
        passwords.write_text(json.dumps({name: name for name in USERS}))
        self.env = {
            **{name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
            "PYTHONPATH": os.pathsep.join(filter(None, [str(_REPOSITORY), os.environ.get("PYTHONPATH", "")])),
            "NO_PROXY": "localhost,127.0.0.1",
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(map(":".join, USERS.items())),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": CONN_ID,
            f"AIRFLOW_CONN_{CONN_ID.upper()}": json.dumps(connection),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self.processes = Processes(folder)

    def start(self) -> None:
        """Make the database, and start the API server."""
        migrated = subprocess.run(
            [_AIRFLOW, "db", "migrate"], env=self.env, capture_output=True, text=True, check=False
        )
        if migrated.returncode:
            raise RuntimeError(f"airflow db migrate failed:\n{migrated.stderr[-2000:]}")
        self.processes.start("api-server", [str(_AIRFLOW), "api-server", "--port", str(self.port)], self.env)
        wait_for("api-server", self._is_ready, 120, self.processes.check)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/api/v2/version", timeout=5).ok
        except requests.RequestException:
            return False

    @property
    def log(self) -> str:
        """The API server's output."""
        return self.processes.log("api-server")

    @property
    def subscription(self) -> Subscription:
        """What the demo group's webhook watches."""
        return Subscription(CONN_ID, "Group", GROUP)

    def token(self, user: str) -> str:
        """Sign in; return Airflow's token."""
        given = {"username": user, "password": user}
        reply = requests.post(f"{self.url}/auth/token", json=given, timeout=30)
        reply.raise_for_status()
        return str(reply.json()["access_token"])

    def sign_in(self, context: BrowserContext, user: str) -> None:
        """Sign a user in, as Airflow's login does."""
        context.add_cookies(
            [{"name": "_token", "value": self.token(user), "url": self.url, "httpOnly": True}]
        )


def fill_airflow(ui: AirflowUi, store: Store) -> None:
    """Leave what a morning of three DAGs would: open waits, a webhook, and events."""
    subscribe(ui, store)
    rows = Rows(ui.engine)
    poll = store.poll()
    store.as_person(RAVI, f"/actions/{poll['actionId']}/votes", choice="Saturday")
    store.as_person(MEERA, f"/actions/{poll['actionId']}/votes", choice="Friday")
    question = {"question": "Which day for the stock count?"}
    rows.wait("stock_count", "ask_for_a_day", wire(poll, 3), arguments=question, since=timedelta(minutes=50))
    job = store.job()
    store.as_person(RAVI, f"/actions/{job['actionId']}/completion", isCompleted=True)
    rows.wait("shop_day", "unlock", wire(job, "all"), state="running", since=timedelta(minutes=12))
    survey = store.survey()
    rows.wait("shop_day", "is_ready", wire(survey, "all"), since=timedelta(minutes=4))
    approval = store.poll("Pay invoice 7 to Lakshmi Traders?", "Approve", "Reject")
    store.as_person(RAVI, f"/actions/{approval['actionId']}/votes", choice="Approve")
    rule = {"kind": "quorum", "option": "Approve", "count": 2, "people": [RAVI, MEERA]}
    rows.wait("payments", "approve", wire(approval, rule), map_index=2, since=timedelta(minutes=2))

    run = rows.run("thank_for_photos", "asset_triggered__2026-01-01")
    for minute in reversed(range(60)):
        for kind, every, who in (
            ("TextMessageCreated", 2, "Ravi"),
            ("SurveyResponse", 7, "Meera"),
            ("AttachmentCreated", 11, "Ravi"),
            ("PollResponse", 5, "Asha"),
        ):
            for part in range((minute * 7 // every) % 4 if minute % every == 0 else 0):
                rows.event(kind, timedelta(minutes=minute, seconds=33 - 11 * part), who)
                if kind == "AttachmentCreated" and not part:
                    rows.ring(kind, timedelta(minutes=minute), run)
                elif kind == "PollResponse" and not part:
                    rows.ring(kind, timedelta(minutes=minute))


def subscribe(ui: AirflowUi, store: Store) -> None:
    """Create the webhook of the demo group."""
    watched = ui.subscription
    store.send(
        "POST",
        "/webhook",
        json={
            "objectId": GROUP,
            "objectType": "Group",
            "eventTypes": list(EVENT_TYPES),
            "callBackUrl": watched.callback_url(ui.url),
            "callBackToken": watched.token(WEBHOOK_SECRET),
        },
    )


def wire(posted: Mapping[str, str], until: Any, lasts: timedelta = timedelta(hours=2)) -> dict[str, Any]:
    """Return a wait for the responses to what was posted."""
    deadline = datetime.now(tz=UTC) + lasts
    return Wait(Responses(GROUP, posted["actionId"]), read_rule(until), deadline, 60.0).to_wire()
