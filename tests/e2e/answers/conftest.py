"""One stack for all files in this folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_kaizala.testing.server import KaizalaServer
from demo.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    dags = Path(__file__).parents[1] / "dags"
    with Stack(tmp_path_factory.mktemp("stack"), dags, limited=False) as stack:
        yield stack


@pytest.fixture
def kaizala(stack: Stack) -> KaizalaServer:
    return KaizalaServer(stack.kaizala)
