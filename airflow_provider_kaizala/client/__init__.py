"""Kaizala's REST protocol. Imports no Airflow; typed; usable from any script.

Names are loaded on first use, since the clients load an HTTP library each and DAG parsing pays for every import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
    from airflow_provider_kaizala.client.budget import Budget
    from airflow_provider_kaizala.client.client import KaizalaClient
    from airflow_provider_kaizala.client.policy import Policy
    from airflow_provider_kaizala.client.settings import (
        Grant,
        Settings,
        Timeouts,
    )
    from airflow_provider_kaizala.client.tokens import (
        MemoryTokenStore,
        Tokens,
        TokenStore,
    )

__all__ = [
    "AsyncKaizalaClient",
    "Budget",
    "Grant",
    "KaizalaClient",
    "MemoryTokenStore",
    "Policy",
    "Settings",
    "Timeouts",
    "TokenStore",
    "Tokens",
]

#: where each name is defined; its module is loaded when the name is first used
__lazy_imports: dict[str, str] = {
    "AsyncKaizalaClient": "async_client",
    "Budget": "budget",
    "Grant": "settings",
    "KaizalaClient": "client",
    "MemoryTokenStore": "tokens",
    "Policy": "policy",
    "Settings": "settings",
    "Timeouts": "settings",
    "TokenStore": "tokens",
    "Tokens": "tokens",
}


def __getattr__(name: str) -> Any:
    if module := __lazy_imports.get(name):
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
