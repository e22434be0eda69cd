"""Kaizala's REST protocol. Imports no Airflow; typed; usable from any script.

Names are loaded on first use, since the clients load an HTTP library each and DAG parsing pays for every import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient as AsyncKaizalaClient
    from airflow_provider_kaizala.client.budget import *
    from airflow_provider_kaizala.client.client import KaizalaClient as KaizalaClient
    from airflow_provider_kaizala.client.policy import Policy as Policy
    from airflow_provider_kaizala.client.settings import *
    from airflow_provider_kaizala.client.tokens import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "async_client": "AsyncKaizalaClient",
            "budget": "Budget",
            "client": "KaizalaClient",
            "policy": "Policy",
            "settings": "Grant Settings Timeouts",
            "tokens": "MemoryTokenStore TokenStore Tokens",
        },
    )
