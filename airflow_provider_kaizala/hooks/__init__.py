"""Connects Airflow to Kaizala: the hook, the connection it reads, and where tokens are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.hooks.connection import *
    from airflow_provider_kaizala.hooks.connection_test import *
    from airflow_provider_kaizala.hooks.kaizala import *
    from airflow_provider_kaizala.hooks.telemetry import *
    from airflow_provider_kaizala.hooks.token_store import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "connection": "KaizalaConnection read_connection",
            "connection_test": "try_connection",
            "kaizala": "KaizalaHook",
            "telemetry": "AirflowObserver",
            "token_store": "VariableTokenStore",
        },
    )
