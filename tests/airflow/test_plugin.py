"""The pytest plugin as a DAG author uses it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models import Variable
from airflow.providers.common.compat.sdk import DAG
from airflow.utils.session import create_session

from airflow_provider_kaizala.client.settings import Grant
from airflow_provider_kaizala.hooks.token_store import VariableTokenStore
from airflow_provider_kaizala.operators import KaizalaAskPollOperator, KaizalaSendPollOperator
from airflow_provider_kaizala.sensors import KaizalaResponseSensor
from airflow_provider_kaizala.testing.token_variables import set_aside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_kaizala.testing.people import People
    from airflow_provider_kaizala.testing.server import KaizalaServer

pytestmark = pytest.mark.airflow


def test_ravi_approves(kaizala_conn: Any, kaizala_people: People, run_dag: Any) -> None:
    """A DAG that waits for people is tested in ten lines."""
    with DAG("payment", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ask = KaizalaSendPollOperator(task_id="ask", question="Pay invoice 7?", options=["Yes", "No"])
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], poke_interval=0.2)
    kaizala_people.ravi.votes("Yes", after_polls=2)
    assert run_dag(dag).state == "success"


def test_after_two_polls_means_that_the_task_has_looked_twice(
    kaizala_conn: Any, kaizala_people: People, kaizala_server: KaizalaServer, outcome: Any
) -> None:
    kaizala_people.ravi.votes("Yes", after_polls=2)
    with DAG("look_twice", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ask = KaizalaSendPollOperator(task_id="ask", question="Tea?", options=["Yes", "No"])
        KaizalaResponseSensor(task_id="wait", action_id=ask.output["action_id"], poke_interval=0.5)
    _, values = outcome(dag)
    assert [each["answers"] for each in values["wait"]["answers"]] == [{"Tea?": "Yes"}]
    votes = kaizala_server.journal()
    kinds = [
        entry["operation"] or "votes" for entry in votes if entry["operation"] or "/votes" in entry["path"]
    ]
    assert kinds[kinds.index("postAction") :] == [
        "postAction",
        "getAction",
        "getAction",
        "votes",
        "getAction",
    ]


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    """The event loops that are made: asyncio's own, or uvloop's, which uvicorn may choose for the process."""
    if request.param == "uvloop":
        asyncio.set_event_loop_policy(pytest.importorskip("uvloop").EventLoopPolicy())
    yield request.param
    asyncio.set_event_loop_policy(None)


@pytest.mark.parametrize(
    ("deferrable", "policy"), [(False, "asyncio"), (True, "asyncio"), (True, "uvloop")], indirect=["policy"]
)
@pytest.mark.parametrize("retries", [0, 1])
def test_a_script_that_fails_ends_the_wait(
    kaizala_conn: Any, kaizala_people: People, run_dag: Any, deferrable: bool, policy: str, retries: int
) -> None:
    """A task with an hour to wait, whose only answer never comes, ends as soon as that is known."""
    with DAG(
        f"wrong_{policy}_{deferrable}_{retries}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)
    ) as dag:
        KaizalaAskPollOperator(
            task_id="ask",
            question="Tea?",
            options=["Yes", "No"],
            timeout=3600,
            poke_interval=600,
            deferrable=deferrable,
            retries=retries,
            retry_delay=timedelta(0),
        )
    kaizala_people.ravi.votes("Maybe", after_polls=1)
    try:
        state = run_dag(dag).state
    except pytest.fail.Exception:
        state = "failed"
    assert state == "failed"
    assert kaizala_people.failures == ["Ravi votes: choice must be one of: Yes, No"]
    kaizala_people.failures.clear()


def test_stored_tokens_are_set_aside_during_a_test_and_restored(airflow_db: None) -> None:
    extra = {"refresh_token": "set-aside-user", "group_refresh_tokens": {"g1": "set-aside-group"}}
    mine = {
        VariableTokenStore.key(Grant("user", "set-aside-user")),
        VariableTokenStore.key(Grant("g1", "set-aside-group")),
    }
    others = {VariableTokenStore.key(Grant("user", "set-aside-by-nobody")), "kaizala_tokens"}

    def stored() -> dict[str, str]:
        with create_session() as session:
            rows = session.query(Variable).filter(Variable.key.in_(mine | others)).all()
            return {row.key: row.get_val() for row in rows}

    with create_session() as session:
        for key in mine | others:
            session.add(Variable(key=key, val="kept before"))
    with set_aside(extra):
        assert set(stored()) == others
        with create_session() as session:
            for key in mine:
                session.add(Variable(key=key, val="of the test"))
    assert stored() == dict.fromkeys(mine | others, "kept before")
    with create_session() as session:
        session.query(Variable).filter(Variable.key.in_(mine | others)).delete(synchronize_session=False)
