"""Puts deferred tasks into Airflow's database, as many as triggers are named.

``python -m benchmarks.waits_rows`` reads ``{"classpath", "arguments": [{...}, ...]}`` from stdin. The rows are those a scheduler
and workers would have left: a DAG with its version, a run, task instances in state DEFERRED, their triggers.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import sys
from typing import Any

DAG_ID, TASK_ID, RUN_ID = "waits", "wait", "bench"
TIMEOUT = dt.timedelta(days=7)


def insert(classpath: str, arguments: list[dict[str, Any]]) -> None:
    """Insert one deferred task for each trigger."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.dag import DagModel
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.sdk import DAG, BaseOperator
    from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    now = dt.datetime.now(dt.UTC)
    module, _, name = classpath.rpartition(".")
    trigger_class = getattr(importlib.import_module(module), name)
    with DAG(DAG_ID, schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) as dag:
        BaseOperator(task_id=TASK_ID)
    DagBundlesManager().sync_bundles_to_db()
    with create_session() as session:
        session.add(DagModel(dag_id=DAG_ID, bundle_name="dags-folder", fileloc="waits.py", is_paused=False))
        session.flush()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDagModel.write_dag(lazy, bundle_name="dags-folder", session=session)
        session.flush()
        version = DagVersion.get_latest_version(DAG_ID, session=session)
        assert version is not None  # noqa: S101
        stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        stored.create_dagrun(
            run_id=RUN_ID,
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            start_date=now,
            session=session,
        )
        session.flush()
        triggers = [Trigger.from_object(trigger_class(**each)) for each in arguments]
        session.add_all(triggers)
        session.flush()
        for number, trigger in enumerate(triggers):
            instance = TaskInstance(
                stored.get_task(TASK_ID), dag_version_id=version.id, run_id=RUN_ID, map_index=number
            )
            instance.state = TaskInstanceState.DEFERRED
            instance.try_number = 1
            instance.start_date = now
            instance.trigger_id = trigger.id
            instance.trigger_timeout = now + TIMEOUT
            instance.next_method, instance.next_kwargs = "execute_complete", {}
            session.add(instance)


if __name__ == "__main__":
    plan = json.load(sys.stdin)
    insert(plan["classpath"], plan["arguments"])
