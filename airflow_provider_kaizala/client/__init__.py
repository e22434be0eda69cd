"""Kaizala's REST protocol. Imports no Airflow; typed; usable from any script.

``KaizalaClient`` and ``AsyncKaizalaClient`` are imported when they are first named, since each loads an HTTP library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient
    from airflow_provider_kaizala.client.client import KaizalaClient

__all__ = ["AsyncKaizalaClient", "KaizalaClient"]


def __getattr__(name: str) -> Any:
    if name == "KaizalaClient":
        from airflow_provider_kaizala.client.client import KaizalaClient

        return KaizalaClient
    if name == "AsyncKaizalaClient":
        from airflow_provider_kaizala.client.async_client import AsyncKaizalaClient

        return AsyncKaizalaClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
