"""The waits, in the triggerer.

Names are loaded on first use, when a task defers: parsing a DAG loads no trigger.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.triggers.hitl import KaizalaHITLTrigger
    from airflow_provider_kaizala.triggers.wait import KaizalaWaitTrigger

__all__ = ["KaizalaHITLTrigger", "KaizalaWaitTrigger"]

__lazy_imports = {"KaizalaHITLTrigger": "hitl", "KaizalaWaitTrigger": "wait"}


def __getattr__(name: str) -> Any:
    if name in __lazy_imports:
        return getattr(import_module(f"{__name__}.{__lazy_imports[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
