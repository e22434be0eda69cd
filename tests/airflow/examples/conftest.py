from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from tests.airflow.examples.playing import SECRETS, the_dag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_kaizala.testing.server import KaizalaServer
    from tests.airflow.examples.playing import Play


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect what is logged; pytest's own way is switched off for Airflow 2."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.fixture
def play(
    kaizala_conn: Any,
    kaizala_server: KaizalaServer,
    outcome: Callable[[Any], Any],
    request: pytest.FixtureRequest,
) -> Iterator[Play]:
    """Run an example; what is logged, handed on and read by people shows no secret."""
    printed = request.getfixturevalue("capfd").readouterr if AIRFLOW_V_3_0_PLUS else tuple
    seen = []

    def run(*args: Any, **kwargs: Any) -> Any:
        seen.append(outcome(the_dag(*args, **kwargs)))
        return seen[-1]

    with logged() as log:
        yield run
    feeds = [kaizala_server.feed(group["id"]) for group in kaizala_server.seeded()["groups"]]
    assert log, "otherwise nothing was looked at"
    shown = "\n".join([*log, *printed(), str(seen), str(feeds)])
    # dag.test() of Airflow 3.0 prints what it masks
    ours = [line for line in shown.splitlines() if "msg=MaskSecret(" not in line]
    assert [line for line in ours if any(secret in line for secret in SECRETS)] == []
