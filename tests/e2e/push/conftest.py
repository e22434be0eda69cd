"""One stack for all files in this folder: Airflow receives webhooks, and starts runs for assets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala.client import KaizalaClient
from airflow_provider_kaizala.client.settings import Settings
from demo.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = {
        "AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS": "kaizala_default",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True",
    }
    dags = Path(__file__).parents[1] / "dags"
    with Stack(tmp_path_factory.mktemp("stack"), dags, environment, limited=False) as stack:
        yield stack


@pytest.fixture(scope="package")
def client(stack: Stack) -> Iterator[KaizalaClient]:
    """The connector's own client."""
    settings = Settings("demo-connector", "demo-secret", stack.kaizala, refresh_token="demo-refresh-token")
    with KaizalaClient(settings) as client:
        yield client
