"""The one place that asks which Airflow this is, and smooths what differs."""

from __future__ import annotations

import os
from typing import Any

from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS


def get_variable(key: str) -> str | None:
    """Return an Airflow Variable, or None. The default is named differently on Airflow 2 and 3."""
    from airflow.providers.common.compat.sdk import Variable

    absent: dict[str, Any] = {"default" if AIRFLOW_V_3_0_PLUS else "default_var": None}
    value: str | None = Variable.get(key, **absent)
    return value


def set_variable(key: str, value: str, description: str) -> None:
    """Set an Airflow Variable."""
    from airflow.providers.common.compat.sdk import Variable

    Variable.set(key, value, description=description)


def notifier_context(context: Any) -> dict[str, Any]:
    """Return the arguments of ``BaseNotifier.__init__``: it takes the context since Airflow 3.1."""
    return {"context": context} if AIRFLOW_V_3_1_PLUS else {}


def airflow_keeps_variables() -> bool:
    """Tell whether this process may read and write Variables as a task or a trigger does.

    Not in the API server, whose connection test runs without a supervisor.
    """
    return not (AIRFLOW_V_3_0_PLUS and os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "server")
