"""Wait for people."""

from __future__ import annotations

from airflow_provider_kaizala.sensors.action import KaizalaActionSensor
from airflow_provider_kaizala.sensors.member import KaizalaMemberSensor
from airflow_provider_kaizala.sensors.reaction import KaizalaReactionSensor
from airflow_provider_kaizala.sensors.response import KaizalaResponseSensor

__all__ = ["KaizalaActionSensor", "KaizalaMemberSensor", "KaizalaReactionSensor", "KaizalaResponseSensor"]
