"""The page in Airflow's UI reads a PostgreSQL as it reads SQLite, on which its unit tests run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("airflow.api_fastapi.core_api.security", reason="Airflow 2 shows no page")

from sqlalchemy.orm import Session

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push.page.deliveries import SPANS, Run, count_bars, read_stored
from airflow_provider_kaizala.push.page.waits import read_waits
from demo.airflow_ui import Rows, wire
from tests.airflow.push.api_server import ApiServer
from tests.on_postgres import create_database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]


@pytest.mark.skipif(not compat.AIRFLOW_V_3_3_PLUS, reason="the rows that it writes are those of Airflow 3.3")
def test_open_waits_and_deliveries_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    server = ApiServer(tmp_path, create_database(postgres_url))
    try:
        server.migrate()
    finally:
        server.processes.stop()
    rows = Rows(server.engine)
    waits = wire({"actionId": "act-1"}, "all")
    rows.wait("shop", "deferred", waits, arguments={"question": "Tea?"})
    rows.wait("shop", "running", waits, state="running", since=timedelta(minutes=1))
    rows.wait("secret", "deferred", waits)
    rows.event("TextMessageCreated", timedelta(minutes=59))
    rows.event("AttachmentCreated", timedelta(0), "Ravi")
    rows.ring("AttachmentCreated", timedelta(seconds=-1), rows.run("on_photos"))
    with Session(server.engine) as session:
        found = read_waits(session, {"shop"}, 1)
        now = datetime.now(tz=UTC) + timedelta(seconds=1)
        day, hour = (count_bars(session, {"kaizala_default"}, SPANS[name], now) for name in ("day", "hour"))
        stored = read_stored(session, {"kaizala_default"})
    assert [(each.task_id, each.asked, each.wire) for each in found.open] == [
        ("deferred", "Tea?", waits),
        ("running", None, waits),
    ]
    assert found.total == 2
    assert [sum(counts.values()) for _, counts in day][-2:] in ([1, 1], [0, 2])
    assert hour[-1][1] in ({"AttachmentCreated": 1}, {})  # {} if the minute has just changed
    assert [(each.who, each.runs) for each in stored.last] == [
        ("Ravi", (Run("on_photos", "manual__2026-01-01"),)),
        ("Asha", ()),
    ]
    assert [each.count for each in stored.received] == [2]
