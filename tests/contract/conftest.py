"""The live shop: one server for all tests, as its seed leaves it for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("tests.contract.checker", "tests.contract.journey")

from tests.contract.shop import open_shop  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.shop import Shop


@pytest.fixture(scope="session")
def session_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(session_shop: Shop) -> Shop:
    session_shop.start_over()
    return session_shop
