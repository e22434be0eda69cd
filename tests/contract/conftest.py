"""The live shop, one for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.shop import open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened
