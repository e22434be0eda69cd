"""Wait for people."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_kaizala.sensors.action import KaizalaActionSensor
    from airflow_provider_kaizala.sensors.member import KaizalaMemberSensor
    from airflow_provider_kaizala.sensors.reaction import KaizalaReactionSensor
    from airflow_provider_kaizala.sensors.response import KaizalaResponseSensor

__all__ = ["KaizalaActionSensor", "KaizalaMemberSensor", "KaizalaReactionSensor", "KaizalaResponseSensor"]

__lazy_imports = {
    "KaizalaActionSensor": "action",
    "KaizalaMemberSensor": "member",
    "KaizalaReactionSensor": "reaction",
    "KaizalaResponseSensor": "response",
}


def __getattr__(name: str) -> Any:
    if name in __lazy_imports:
        return getattr(import_module(f"{__name__}.{__lazy_imports[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
