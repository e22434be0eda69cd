"""Kaizala calls Airflow: the subscriptions, and keeping them alive.

Names are loaded on first use: :func:`check_echo` loads an HTTP library, and DAG parsing pays for every import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_kaizala.client.lazy import lazy

if TYPE_CHECKING:
    from airflow_provider_kaizala.push.consumer import *
    from airflow_provider_kaizala.push.echo import *
    from airflow_provider_kaizala.push.ensure import *
    from airflow_provider_kaizala.push.subscriptions import *
else:
    __all__, __getattr__ = lazy(
        __name__,
        {
            "consumer": "kaizala_events",
            "echo": "ReceiverError check_echo",
            "ensure": "Owner Step Wanted WebhooksError named_groups plan",
            "subscriptions": "Subscription derive",
        },
    )
