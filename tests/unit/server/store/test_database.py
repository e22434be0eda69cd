from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from airflow_provider_kaizala.server.domain.errors import ApiError
from airflow_provider_kaizala.server.store.database import Database
from airflow_provider_kaizala.server.store.engine import open_engine
from airflow_provider_kaizala.server.store.migrate import migrate
from airflow_provider_kaizala.server.store.tables import setting


@pytest.fixture
def database(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/k.db")
    migrate(engine)
    opened = Database(engine)
    yield opened
    opened.close()


def add(name, then=None):
    def work(conn):
        conn.execute(setting.insert(), {"name": name, "value": ""})
        if then is not None:
            raise then
        return name

    return work


def test_one_failure_in_a_batch_undoes_only_itself(database) -> None:
    def submit(number):
        return database.submit(add(str(number), RuntimeError("mine") if number % 3 == 0 else None))

    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(submit, range(60)))
    for number, future in enumerate(futures):
        if number % 3 == 0:
            with pytest.raises(RuntimeError, match="mine"):
                future.result()
        else:
            assert future.result() == str(number)
    count = database.submit(
        lambda conn: conn.execute(select(func.count()).select_from(setting)).scalar()
    ).result()
    assert count == 40


def test_a_database_error_is_a_503_and_the_writer_goes_on(database) -> None:
    database.submit(add("a")).result()
    with pytest.raises(ApiError) as refused:
        database.submit(add("a")).result()
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
    assert database.submit(add("b")).result() == "b"
