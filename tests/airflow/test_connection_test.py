"""The *Test* button, the tasks that follow it, and the refresh tokens that rotate meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.hooks import KaizalaHook
from airflow_provider_kaizala.operators import KaizalaSendMessageOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_kaizala.testing.server import KaizalaServer

TRANSIENT = "qzxhgapwlm"  # Airflow tests under a random connection id


def post() -> Any:
    with DAG("post", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        KaizalaSendMessageOperator(task_id="hello", text="Hello")
    return dag


def test_a_task_works_after_the_test_button_received_a_rotated_refresh_token(
    kaizala_server: KaizalaServer,
    kaizala_conn: dict[str, Any],
    run_dag: Callable[[Any], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if the rotation ends the configured refresh token at once, as it may have done in production."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{TRANSIENT.upper()}", json.dumps(kaizala_conn))
    kaizala_server.rotation_ends_old_token()
    kaizala_server.advance(timedelta(days=329))
    ok, text = KaizalaHook(TRANSIENT).test_connection()
    assert ok, text
    assert kaizala_server.journal(operation="getAccessToken", status=200)
    assert run_dag(post()).state == "success"
    ok, text = KaizalaHook(TRANSIENT).test_connection()
    assert ok, text
    kaizala_server.advance(timedelta(days=2))  # the access token has ended too
    assert run_dag(post()).state == "success"
    assert not kaizala_server.journal(operation="getAccessToken", status=401)


def test_the_test_button_works_after_a_task_received_a_rotated_refresh_token(
    kaizala_server: KaizalaServer,
    kaizala_conn: dict[str, Any],
    run_dag: Callable[[Any], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{TRANSIENT.upper()}", json.dumps(kaizala_conn))
    kaizala_server.rotation_ends_old_token()
    kaizala_server.advance(timedelta(days=329))
    assert run_dag(post()).state == "success"
    ok, text = KaizalaHook(TRANSIENT).test_connection()
    assert ok, text


@pytest.mark.parametrize("has_variables", [True, False], ids=["Variables", "no Variables"])
def test_the_test_button_works_on_a_worker(
    kaizala_conn: dict[str, Any],
    airflow_db: None,
    monkeypatch: pytest.MonkeyPatch,
    has_variables: bool,
) -> None:
    """Airflow 3.3 can run the test in a worker, which may not reach the database; the connection travels as a URI."""
    supervisor = pytest.importorskip("airflow.sdk.execution_time.connection_test_supervisor")
    known = {name: kaizala_conn.get(name) for name in ("conn_type", "host", "login", "password", "port")}
    given = SimpleNamespace(conn_id=TRANSIENT, schema_=None, extra=json.dumps(kaizala_conn["extra"]), **known)
    told = []
    tests = SimpleNamespace(
        get_connection=lambda test_id: given, update_state=lambda test_id, *what: told.append(what)
    )
    monkeypatch.setattr(supervisor, "Client", lambda **_: SimpleNamespace(connection_tests=tests))
    if not has_variables:

        def unreachable(*_: Any) -> None:
            raise RuntimeError("no database here")

        monkeypatch.setattr(compat, "get_variable", unreachable)
        monkeypatch.setattr(compat, "set_variable", unreachable)
    supervisor.supervise_connection_test(
        connection_test_id=UUID(int=1),
        connection_id=TRANSIENT,
        timeout=60,
        token="t",
        server="http://airflow",
    )
    ((state, message),) = told
    assert (state.value, "works" in message) == ("success", True), message
    assert not [secret for secret in ("refresh", kaizala_conn["password"]) if f"{secret}-" in message]
