"""kaizala_events in tasks that real Airflow runs, against the receiver over its database."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, Asset, task

pytest.importorskip("airflow.api_fastapi.app", reason="Airflow 2 receives no webhooks")

from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils.session import create_session
from sqlalchemy import select

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push import batches, kaizala_events
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.airflow
SECRET = "the secret of the webhooks"
_numbers = itertools.count()


class Group:
    """A group of its own, whose webhook calls the receiver."""

    def __init__(self, receiver: str) -> None:
        self.subscription = Subscription("kaizala_default", "Group", f"group-{next(_numbers)}")
        self.receiver = receiver

    @property
    def asset(self) -> Asset:
        return Asset(asset_uri("kaizala_default", self.subscription.object_id))

    def post(self, *event_ids: str) -> None:
        for event_id in event_ids:
            body = {
                "eventId": event_id,
                "eventType": "TextMessageCreated",
                "objectType": "Group",
                "objectId": self.subscription.object_id,
                "data": {"text": event_id},
            }
            headers = {
                "kz-callback-token": self.subscription.token(SECRET),
                "Content-Type": "application/json",
            }
            url = self.subscription.callback_url(self.receiver)
            requests.post(url, json.dumps(body), headers=headers, timeout=30).raise_for_status()


@pytest.fixture
def group(receiver: str, monkeypatch: pytest.MonkeyPatch) -> Group:
    connection = {"conn_type": "kaizala", "login": "c", "password": "s", "extra": {"webhook_secret": SECRET}}
    monkeypatch.setenv("AIRFLOW_CONN_KAIZALA_DEFAULT", json.dumps(connection))
    return Group(receiver)


@pytest.fixture
def a_dag(run_dag: Callable[[Any], Any]) -> Callable[..., tuple[DAG, list[Any]]]:
    """Make a DAG that Airflow knows: it reads what is received from then on."""

    def make(*args: Any, **given: Any) -> tuple[DAG, list[Any]]:
        dag, tries = _dag(*args, **given)
        run_dag(dag)
        assert tries == [[]]
        tries.clear()
        return dag, tries

    return make


def _dag(
    group: Group, work: Callable[[int, str], None] = lambda _, event_id: None, **given: Any
) -> tuple[DAG, list[Any]]:
    """A DAG whose task notes what each of its tries was given."""
    tries: list[Any] = []
    with DAG(
        f"reads_{next(_numbers)}", schedule=group.asset, start_date=datetime(2026, 1, 1, tzinfo=UTC)
    ) as dag:

        @task(retry_delay=timedelta(seconds=0.1), **given)
        def read() -> list[str]:
            seen: list[str] = []
            tries.append(seen)
            for event in kaizala_events():
                seen.append(event.event_id)
                work(len(tries), event.event_id)
            return seen

        read()
    return dag, tries


def states_of(run: Any) -> list[str]:
    with create_session() as session:
        found = session.scalars(select(TaskInstance.state).where(TaskInstance.run_id == run.run_id))
        return [str(getattr(each, "value", each)) for each in found]


def test_a_failing_first_try_gets_the_same_events_again_and_the_next_run_only_new_ones(
    group: Group, a_dag: Callable[..., Any], run_dag: Callable[[Any], Any]
) -> None:
    def work(number: int, event_id: str) -> None:
        if number == 1 and event_id == "e2":
            raise RuntimeError("not now")

    dag, tries = a_dag(group, work, retries=1)
    group.post("e1", "e2", "e3")
    assert states_of(run_dag(dag)) == ["success"]
    assert tries == [["e1", "e2"], ["e1", "e2", "e3"]]
    assert states_of(run_dag(dag)) == ["success"]
    group.post("e4")
    assert states_of(run_dag(dag)) == ["success"]
    assert tries[2:] == [[], ["e4"]]


def test_a_run_that_fails_leaves_its_events_to_the_next(
    group: Group, a_dag: Callable[..., Any], run_dag: Callable[[Any], Any]
) -> None:
    def work(number: int, event_id: str) -> None:
        if number == 1:
            raise AirflowFailException("never")

    dag, tries = a_dag(group, work, retries=3)
    group.post("e1")
    assert states_of(run_dag(dag)) == ["failed"]
    assert states_of(run_dag(dag)) == ["success"]
    assert tries == [["e1"], ["e1"]]


def test_a_task_that_skips_itself_has_processed_its_events(
    group: Group, a_dag: Callable[..., Any], run_dag: Callable[[Any], Any]
) -> None:
    def work(number: int, event_id: str) -> None:
        if number == 1:
            raise AirflowSkipException("nothing to do")

    dag, tries = a_dag(group, work)
    group.post("e1", "e2")
    assert states_of(run_dag(dag)) == ["skipped"]
    assert states_of(run_dag(dag)) == ["success"]
    assert tries == [["e1"], ["e2"]], "it stopped at the first"


def test_airflow_keeps_the_state_of_each_try_under_an_id_of_its_own(
    group: Group, a_dag: Callable[..., Any], run_dag: Callable[[Any], Any]
) -> None:
    """What the receiver relies on, see docs/push.md."""

    def work(number: int, event_id: str) -> None:
        if number == 1:
            raise RuntimeError("not now")

    dag, _ = a_dag(group, work, retries=1)
    group.post("e1")
    run = run_dag(dag)
    with create_session() as session:
        earlier, _ = compat.recorded_tries()[-1]
        record = earlier.class_
        mine = (record.dag_id == dag.dag_id, record.run_id == run.run_id, record.try_number == 1)
        (first,) = session.scalars(select(earlier).where(*mine).execution_options(**compat.EARLIER_TRIES_TOO))
        of_run = select(TaskInstance).where(TaskInstance.run_id == run.run_id)
        ti = session.scalars(of_run).one()
        second = ti.id
        # since Airflow 3.4 a try that is followed by another one keeps the state that says so
        assert batches._state(session, str(first)) in ("failed", "up_for_retry")
        assert batches._state(session, str(second)) == "success"
        clear_task_instances([ti], session)
        session.flush()
        third = session.scalars(of_run).one().id
        assert third != second
        assert batches._state(session, str(third)) is None
        assert batches._state(session, str(second)) == "success", "that of a try that was cleared"
        assert batches._state(session, str(uuid4())) is None


def test_a_dag_begins_with_what_came_since_airflow_knows_it(
    group: Group, a_dag: Callable[..., Any], run_dag: Callable[[Any], Any]
) -> None:
    group.post("old")
    dag, tries = a_dag(group)
    group.post("new")
    run_dag(dag)
    assert tries == [["new"]]
