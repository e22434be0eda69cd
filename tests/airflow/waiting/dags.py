"""What the DAGs of these tests are made of."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_kaizala.operators import KaizalaSendPollOperator

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferrable": {"deferrable": True},
}
STRANGER = "+910000000009"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000"
    "1ff5d0e3f0c0000000049454e44ae426082"
)  # fmt: skip
_numbers = itertools.count()


def forgets(mode: dict[str, Any]) -> bool:
    """Whether nothing is kept between two looks."""
    return mode.get("mode") == "reschedule" and not AIRFLOW_V_3_3_PLUS


def a_dag(**kwargs: Any) -> DAG:
    """A DAG with a name of its own."""
    return DAG(f"wait_{next(_numbers)}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **kwargs)


def ask_poll(**changes: Any) -> KaizalaSendPollOperator:
    return KaizalaSendPollOperator(task_id="ask", question="Pay?", options=["Yes", "No"], **changes)


def votes(result: dict[str, Any]) -> dict[str, str]:
    return {each["responder"]: each["answers"]["Pay?"] for each in result["answers"]}
