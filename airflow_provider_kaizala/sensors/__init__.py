"""Wait for people."""

from __future__ import annotations

from airflow_provider_kaizala.sensors.response import KaizalaResponseSensor

__all__ = ["KaizalaResponseSensor"]
