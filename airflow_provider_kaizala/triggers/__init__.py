"""The waits, in the triggerer.

Names are loaded on first use, when a task defers: parsing a DAG loads no trigger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.triggers.events import *
    from airflow_provider_kaizala.triggers.hitl import *
    from airflow_provider_kaizala.triggers.wait import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "events": "KaizalaEventTrigger",
            "hitl": "KaizalaHITLTrigger",
            "wait": "KaizalaWaitTrigger",
        },
    )
