"""Connects Airflow to Kaizala: the hook, the connection it reads, and where tokens are kept."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.hooks.connection import KaizalaConnection, read_connection
    from airflow_provider_kaizala.hooks.connection_test import try_connection
    from airflow_provider_kaizala.hooks.kaizala import KaizalaHook
    from airflow_provider_kaizala.hooks.token_store import VariableTokenStore

__all__ = ["KaizalaConnection", "KaizalaHook", "VariableTokenStore", "read_connection", "try_connection"]

#: where each name is defined; its module is loaded when the name is first used
__lazy_imports: dict[str, str] = {
    "KaizalaConnection": "connection",
    "KaizalaHook": "kaizala",
    "VariableTokenStore": "token_store",
    "read_connection": "connection",
    "try_connection": "connection_test",
}


def __getattr__(name: str) -> Any:
    if module := __lazy_imports.get(name):
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
