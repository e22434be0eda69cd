"""A way to run a DAG inside the real Airflow of this environment; server, people and connection are the pytest plugin's."""

from __future__ import annotations

import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """A migrated metadata database, with the receiver's tables."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def run_dag(airflow_db: None) -> Callable[[Any], Any]:
    """Run a DAG as ``dag.test()`` does; returns the run."""

    def run(dag: Any, **given: Any) -> Any:
        from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

        if AIRFLOW_V_3_0_PLUS:
            from tests.airflow.dag_bag import register

            register(dag)
        return dag.test(**given)

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


@pytest.fixture
def receiver(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The receiver of webhooks over this metadata database, at an address; of Airflow's API server it needs nothing else."""
    import uvicorn  # Airflow 2 has none of these
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from airflow_provider_kaizala.push.receiver import build_app
    from airflow_provider_kaizala.push.settings import PushSettings
    from airflow_provider_kaizala.push.subscriptions import PATH

    app = Starlette(routes=[Mount(PATH, build_app(PushSettings(frozenset({"kaizala_default"}))))])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", loop="asyncio"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    monkeypatch.setenv("AIRFLOW__KAIZALA__RECEIVER_URL", url)
    yield url
    server.should_exit = True
    thread.join(10)
