"""Airflow's parts are killed while people write and answer: every message is processed once, and every wait ends.

A real Kaizala server delivers to two API server processes; two triggerers and PostgreSQL are beside them. A component that has ended is
started again, as a supervisor does in real use.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

pytest.importorskip("fastapi", reason="Airflow 2 receives no webhooks")
pytest.importorskip("airflow.api_fastapi.app", reason="Airflow 2 receives no webhooks")

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from airflow_provider_kaizala.push.subscriptions import Subscription
from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.people import MEERA, RAVI, Person
from demo.stack import GROUP, WEBHOOK_SECRET, Stack, wait_for
from tests.on_postgres import Postgres, create_database, is_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SUBSCRIPTION = Subscription("kaizala_default", "Group", GROUP)
WAITS, MESSAGES = 10, 20
#: seconds between two messages, and until a component that was killed is started again
PACE, DOWN = 0.2, 2.0
ARGUMENTS = {
    "scheduler": ["--skip-serve-logs"],
    "triggerer": ["--skip-serve-logs"],
    "triggerer-2": ["--skip-serve-logs"],
    "dag-processor": [],
}
DAGS = f"""
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, get_current_context, task

from airflow_provider_kaizala.client import calls
from airflow_provider_kaizala.client.models import Poll
from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
from airflow_provider_kaizala.push import kaizala_events
from airflow_provider_kaizala.sensors import KaizalaResponseSensor

GROUP = "{GROUP}"
TRIES = Path(os.environ["TRIES"])
messages = Asset(f"kaizala://kaizala_default/groups/{{GROUP}}/TextMessageCreated")
often = {{"retries": 5, "retry_delay": timedelta(seconds=1)}}
# it polls too seldom to help
wait = {{"task_id": "wait", "until": "any", "deferrable": True, "poke_interval": 600, "timeout": 1800}}

with DAG("reads", schedule=messages, start_date=datetime(2026, 1, 1), default_args=often):

    @task
    def read():
        found = [event.event_id for event in kaizala_events()]
        # not as an XCom, which a try that Airflow has given up may still write over
        (TRIES / str(get_current_context()["ti"].id)).write_text(json.dumps(found))

    read()

with DAG("waits", schedule=None, start_date=datetime(2026, 1, 1), default_args=often):

    @task
    def ask():
        hook = KaizalaHook()
        polls = [Poll(f"Colour {{at}}?", ("Red", "Green")) for at in range({WAITS})]
        return [str(hook.run(calls.post_action(GROUP, poll)).action_id) for poll in polls]

    KaizalaResponseSensor.partial(**wait).expand(action_id=ask())

with DAG("waits_late", schedule=None, start_date=datetime(2026, 1, 1), default_args=often):
    KaizalaResponseSensor(action_id="{{{{ dag_run.conf['action_id'] }}}}", **wait)
"""


class Scene:
    """What is killed, who writes, and what is found afterwards."""

    def __init__(self, stack: Stack, postgres: Postgres, database: str) -> None:
        self.stack, self.postgres = stack, postgres
        #: a file for each try of ``read``, with the ids of the events that it was given
        self.tries = Path(stack.env["TRIES"])
        self.kaizala = KaizalaServer(stack.kaizala)
        self.ravi, self.meera = (Person(stack.kaizala, number) for number in (RAVI, MEERA))
        self._engine = create_engine(database, poolclass=NullPool)
        self.run = ""
        self.action_ids: list[str] = []
        self.answered: set[int] = set()

    # --- components ----------------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        if name == "postgres":
            self.postgres.start()
        elif name == "api-server":
            self.stack.start_component(name, "--port", self.stack.airflow.rpartition(":")[2])
        else:
            self.stack.start_component(name.removesuffix("-2"), *ARGUMENTS[name], as_name=name)

    def kill(self, name: str) -> None:
        if name == "postgres":
            self.postgres.kill()
        else:
            self.stack.processes.kill(name)

    def revive(self) -> None:
        """Start again what has ended, such as a scheduler that has lost its database."""
        for name, process in [*self.stack.processes.running.items()]:
            if process.poll() is not None:
                self.start(name)

    def until(self, what: str, ready: Callable[[], bool], seconds: float = 150) -> None:
        """Wait until *ready* returns True; what cannot be asked now is not ready."""

        def is_ready() -> bool:
            try:
                return ready()
            except (requests.RequestException, OperationalError):
                return False

        try:
            wait_for(what, is_ready, seconds, self.revive)
        except RuntimeError as error:
            raise AssertionError(f"{error}\n{self.situation()}") from None

    def situation(self) -> str:
        """Return what the database and the logs say, for a test that has failed."""
        waits = (
            "SELECT map_index, ti.state, try_number, max_tries, trigger_id, triggerer_id, next_method, trigger_timeout "
            "FROM task_instance AS ti LEFT JOIN trigger ON trigger_id = trigger.id WHERE dag_id = 'waits' ORDER BY map_index"
        )
        tries = "id, run_id, state, try_number, start_date, end_date FROM task_instance"
        queries = {
            "waits": waits,
            "jobs": "SELECT id, job_type, state, start_date, latest_heartbeat FROM job ORDER BY id",
            "runs": "SELECT run_id, state, start_date, end_date FROM dag_run WHERE dag_id = 'reads' ORDER BY id",
            "tries": f"SELECT {tries} WHERE dag_id = 'reads' ORDER BY run_id",
            "earlier tries": f"SELECT task_instance_{tries}_history WHERE dag_id = 'reads' ORDER BY run_id",
            "readers": "SELECT * FROM kaizala_reader",
            "batches": "SELECT * FROM kaizala_batch ORDER BY upto",
            "bells": "SELECT * FROM kaizala_bell",
            "assets that are to start runs": "SELECT * FROM asset_dag_run_queue",
            "events": "SELECT id, event_type, event_id, received_at FROM kaizala_event ORDER BY id",
        }
        found = [f"answered {self.answered}", f"not processed {set(self.stored()) - set(self.processed())}"]
        for name, query in queries.items():
            found += [f"--- {name}", *map(str, self.sql(query))]
        found += [
            "--- what tries were given",
            *(f"{each.name} {each.read_text()}" for each in self.tries.iterdir()),
        ]
        for name in self.stack.processes.running:
            found += [f"--- {name}", *self.stack.processes.log(name).splitlines()[-60:]]
        return "\n".join(found)

    # --- people --------------------------------------------------------------------------------------------------------------

    def say(self, count: int) -> None:
        for number in range(count):
            self.ravi.say(GROUP, f"Message {number}")
            time.sleep(PACE)

    def answer(self, number: int) -> None:
        self.ravi.vote(self.action_ids[number], ("Red", "Green")[number % 2])
        self.answered.add(number)

    # --- what is found ---------------------------------------------------------------------------------------------------------

    def sql(self, statement: str, **given: Any) -> list[Any]:
        with self._engine.begin() as connection:
            return list(connection.execute(text(statement), given))

    def stored(self, event_type: str = "TextMessageCreated") -> list[str]:
        query = "SELECT event_id FROM kaizala_event WHERE event_type = :type ORDER BY id"
        return [row[0] for row in self.sql(query, type=event_type)]

    def deliveries(self) -> list[dict[str, Any]]:
        """The events that the Kaizala server has posted."""
        return [each for each in self.kaizala.journal() if each["kind"] == "delivery" and "eventId" in each]

    def runs(self) -> list[tuple[str, str]]:
        return [tuple(row) for row in self.sql("SELECT run_id, state FROM dag_run WHERE dag_id = 'reads'")]

    def processed(self) -> list[str]:
        """The ids of events that tries were given which have succeeded."""
        tries = self.sql("SELECT id FROM task_instance WHERE dag_id = 'reads' AND state = 'success'")
        return [each for row in tries for each in json.loads((self.tries / str(row[0])).read_text())]

    def ended(self) -> set[int]:
        query = "SELECT map_index FROM task_instance WHERE dag_id = 'waits' AND task_id = 'wait' AND state = 'success'"
        return {row[0] for row in self.sql(query)}

    def settle(self, count: int) -> None:
        """Wait until so many messages are stored and processed, each once, and all waits have ended that were answered."""
        self.until("storing", lambda: len(self.stored()) >= count)
        self.until("processing", lambda: set(self.processed()) >= set(self.stored()))
        self.until("the end of all runs", lambda: {state for _, state in self.runs()} == {"success"})
        self.until("the end of the waits", lambda: self.ended() >= self.answered)
        stored, processed = self.stored(), self.processed()
        assert len(stored) == len(set(stored)) == count, "nothing lost, nothing twice"
        assert sorted(processed) == sorted(stored), "each processed once"
        assert self.ended() == self.answered, "no wait ended early"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if not is_installed():
        pytest.skip("PostgreSQL is not on this machine (Debian: apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("push")
    (folder / "dags").mkdir()
    (folder / "tries").mkdir()
    (folder / "dags" / "push.py").write_text(DAGS)
    environment = {
        "TRIES": str(folder / "tries"),
        "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": "kaizala_default",
        "AIRFLOW__API__WORKERS": "2",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
        # to notice soon who is dead
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        # 126 s until the last of the retries, which by default come within two days
        "KAIZALA_SERVER_WEBHOOK_FIRST_RETRY_SECONDS": "2",
    }
    # not below pytest's folders, which the account of PostgreSQL may not enter
    place = tempfile.mkdtemp(prefix="kaizala-postgres-")
    postgres = Postgres(place)
    postgres.start()
    try:
        database = create_database(postgres.url)
        with Stack(folder / "stack", folder / "dags", environment, limited=False, database=database) as stack:
            found = Scene(stack, postgres, database)
            found.start("triggerer-2")
            subscribe(stack)
            for dag_id in ("reads", "waits", "waits_late"):
                found.until(dag_id, lambda dag_id=dag_id: stack.api("GET", f"/dags/{dag_id}") is not None)  # type: ignore[misc]
                stack.api("PATCH", f"/dags/{dag_id}", {"is_paused": False})
            found.run = stack.trigger("waits")
            waiting = "SELECT 1 FROM task_instance WHERE dag_id = 'waits' AND state = 'deferred'"
            found.until("all waits", lambda: len(found.sql(waiting)) == WAITS)
            found.action_ids = stack.xcom("waits", found.run, "ask")
            yield found
    finally:
        postgres.stop()
        shutil.rmtree(place, ignore_errors=True)


def subscribe(stack: Stack) -> None:
    arguments = ["webhooks", "ensure", "--public-url", stack.airflow, "--group", GROUP]
    code = f"import sys; from airflow_provider_kaizala.cli.commands import main; sys.exit(main({arguments}))"
    subprocess.run([sys.executable, "-c", code], env=stack.env, check=True)


# --- odd deliveries ----------------------------------------------------------------------------------------------------------


def test_what_is_delivered_again_changes_nothing(scene: Scene) -> None:
    before = len(scene.stored())
    scene.say(5)
    scene.settle(before + 5)
    runs = len(scene.runs())
    deliveries = scene.deliveries()
    for each in deliveries:
        again = {"webhookId": each["webhookId"], "eventId": each["eventId"]}
        requests.post(f"{scene.stack.kaizala}/_test/replay", again, allow_redirects=False, timeout=30)

    scene.until("the deliveries", lambda: len(scene.deliveries()) >= 2 * len(deliveries))
    time.sleep(3)  # a bell would have rung by now
    scene.settle(before + 5)
    assert len(scene.runs()) == runs


def test_events_in_any_order_from_both_sides(scene: Scene) -> None:
    """Two senders, as a server with two processes may be, each with all events, in opposite order."""
    before = len(scene.stored())

    def post(number: int) -> int:
        body = {"objectId": GROUP, "objectType": "Group", "eventType": "TextMessageCreated"}
        return requests.post(
            SUBSCRIPTION.callback_url(scene.stack.airflow),
            json={**body, "eventId": f"order-{number:02d}", "data": {"text": f"{number}"}},
            headers={"kz-callback-token": SUBSCRIPTION.token(WEBHOOK_SECRET)},
            timeout=60,
        ).status_code

    numbers = range(MESSAGES)
    with ThreadPoolExecutor(4) as pool:
        statuses = [
            *pool.map(post, [each for pair in zip(numbers, reversed(numbers), strict=True) for each in pair])
        ]
    assert statuses == [200] * 2 * MESSAGES
    scene.settle(before + MESSAGES)


def test_an_answer_before_the_wait_began_and_one_after_its_end(scene: Scene) -> None:
    before = len(scene.stored("PollResponse"))
    scene.answer(0)
    scene.until("the event", lambda: len(scene.stored("PollResponse")) == before + 1)
    scene.until("the end of the wait", lambda: scene.ended() == {0})
    run = scene.stack.trigger("waits_late", {"action_id": scene.action_ids[0]})
    scene.until("the end", lambda: scene.stack.run_state("waits_late", run) == "success")
    assert scene.stack.xcom("waits_late", run, "wait")["answered_by"] == ["Ravi"]
    scene.meera.vote(scene.action_ids[0], "Green")
    scene.until("the event", lambda: len(scene.stored("PollResponse")) == before + 2)
    time.sleep(2)
    result = scene.stack.xcom("waits", scene.run, "wait", map_index=0)
    assert (result["answered_by"], scene.ended()) == (["Ravi"], {0})


def test_what_comes_while_the_dag_is_paused_is_for_the_next_run(scene: Scene) -> None:
    before, runs = len(scene.stored()), len(scene.runs())
    scene.stack.api("PATCH", "/dags/reads", {"is_paused": True})
    scene.say(5)
    scene.until("storing", lambda: len(scene.stored()) == before + 5)
    time.sleep(4)
    assert len(scene.runs()) == runs
    scene.stack.api("PATCH", "/dags/reads", {"is_paused": False})
    scene.say(1)
    scene.settle(before + 6)


def test_so_far_no_part_has_failed(scene: Scene) -> None:
    for name in ("api-server", "triggerer", "triggerer-2", "scheduler"):
        log = scene.stack.processes.log(name)
        assert "Traceback" not in log, name
        assert WEBHOOK_SECRET not in log, name


# --- crashes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("victim", "waits"),
    [("api-server", (1, 2)), ("triggerer", (3, 4)), ("scheduler", (5, 6)), ("postgres", (7, 8))],
)
def test_a_crash_loses_nothing(scene: Scene, victim: str, waits: tuple[int, int]) -> None:
    before = len(scene.stored())
    speaker = threading.Thread(target=scene.say, args=[MESSAGES])
    speaker.start()
    time.sleep(MESSAGES * PACE / 3)
    scene.kill(victim)
    scene.answer(waits[0])
    time.sleep(DOWN)
    scene.start(victim)
    scene.answer(waits[1])
    speaker.join()
    scene.settle(before + MESSAGES)
