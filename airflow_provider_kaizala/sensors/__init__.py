"""Wait for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.sensors.action import *
    from airflow_provider_kaizala.sensors.member import *
    from airflow_provider_kaizala.sensors.message import *
    from airflow_provider_kaizala.sensors.reaction import *
    from airflow_provider_kaizala.sensors.response import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "action": "KaizalaActionSensor",
            "member": "KaizalaMemberSensor",
            "message": "KaizalaMessageSensor",
            "reaction": "KaizalaReactionSensor",
            "response": "KaizalaResponseSensor",
        },
    )
