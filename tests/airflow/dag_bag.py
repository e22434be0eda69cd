"""Airflow's ``DagBag``, which each version of Airflow keeps elsewhere."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

_BEFORE_3_3 = AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_3_PLUS
#: why no test can be made of what a callback is told; empty if it can
CALLBACKS_KNOW_NOTHING = (
    "dag.test() of Airflow 3.0 to 3.2 gives callbacks no exception" if _BEFORE_3_3 else ""
)
callbacks_know_the_exception = pytest.mark.skipif(bool(CALLBACKS_KNOW_NOTHING), reason=CALLBACKS_KNOW_NOTHING)

__all__ = ["CALLBACKS_KNOW_NOTHING", "DagBag", "callbacks_know_the_exception", "register"]


@functools.cache
def _share_the_api_server() -> None:
    """Let all tasks share one API server in this process, as Airflow 3.3 does: building one takes two seconds."""
    from airflow.sdk.execution_time import supervisor

    supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)  # type: ignore[assignment]


def register(dag: Any) -> None:
    """Register a DAG in memory with Airflow 3, which runs no other."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    if _BEFORE_3_3:
        _share_the_api_server()
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=str(folder), bundle_path=folder)
    bag.bag_dag(dag)
    if hasattr(bag, "sync_to_db"):  # Airflow 3.0
        dag.relative_fileloc = f"{dag.dag_id}.py"
        bag.sync_to_db("dags-folder", None)
        return
    try:
        from airflow.dag_processing.dagbag import sync_bag_to_db
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import sync_bag_to_db
    sync_bag_to_db(bag, "dags-folder", None)
