"""What the receiver needs of Airflow beyond its public interface: each test fails when Airflow changes that. See docs/push.md."""

from __future__ import annotations

import importlib.util
import inspect
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow import settings
from airflow.api_fastapi import app as api_app
from airflow.assets.manager import AssetManager
from airflow.models.asset import AssetActive, AssetModel, DagScheduleAssetReference
from airflow.models.base import metadata as airflow_metadata
from airflow.models.taskinstance import TaskInstance
from airflow.utils.db_manager import BaseDBManager, RunDBManager
from airflow.utils.session import create_session
from airflow.utils.state import State, TaskInstanceState
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade, upgrade
from alembic.migration import MigrationContext
from fastapi import FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy import inspect as inspect_database
from sqlalchemy.orm import sessionmaker

from airflow_provider_kaizala import compat
from airflow_provider_kaizala.push import announce, batches, plugin
from airflow_provider_kaizala.push.assets import asset_uri
from airflow_provider_kaizala.push.db import KaizalaDBManager
from airflow_provider_kaizala.push.plugin import KaizalaPlugin
from airflow_provider_kaizala.push.settings import PushSettings
from airflow_provider_kaizala.push.tables import bell, metadata
from tests.unit.push.sender import GROUP, Sender, asset_events, stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL = asset_uri("kaizala_default", GROUP)


@pytest.fixture
def forget() -> Any:
    announce.taken.cache_clear()
    yield
    announce.taken.cache_clear()


# --- asset events ------------------------------------------------------------------------------------------------------------


def test_asset_events_are_made_with_arguments_that_airflow_names() -> None:
    """It would take and ignore an argument that it has renamed."""
    assert announce.can_ring()
    parameters = inspect.signature(AssetManager.register_asset_change).parameters
    assert set(announce.NEEDED) <= set(parameters)
    assert set(announce.NEWER) <= set(parameters) or not compat.AIRFLOW_V_3_3_PLUS
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in announce.NEEDED)
    assert {"name", "uri"} <= set(AssetActive.__table__.columns.keys())


def changed(**_: Any) -> None:
    """Stands for register_asset_change of an Airflow to come."""
    pytest.fail("called")


@pytest.mark.usefixtures("forget")
def test_an_airflow_that_makes_asset_events_otherwise(
    sender: Sender,
    declare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    declare(ALL)
    monkeypatch.setattr(AssetManager, "register_asset_change", changed)
    assert not announce.can_ring()
    assert "Received events are stored, but start no DAGs" in caplog.text
    assert "does not take asset, extra, session" in caplog.text
    assert sender.post().status_code == 200
    assert len(stored()) == 1
    assert announce.ring_again() == 0


@pytest.mark.usefixtures("forget")
def test_an_airflow_without_the_newer_arguments(
    sender: Sender, declare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 3.3 listeners are told within the transaction, and there are no teams."""
    declare(ALL)
    register = AssetManager.register_asset_change
    given: dict[str, Any] = {}

    def older(self: Any, *, asset: Any, extra: Any = None, session: Any, **kwargs: Any) -> Any:
        given.update(kwargs)
        return register(asset=asset, extra=extra, session=session)

    monkeypatch.setattr(AssetManager, "register_asset_change", older)
    assert sender.post().status_code == 200
    assert given == {}
    assert len(asset_events()) == 1


@pytest.mark.skipif(
    not compat.AIRFLOW_V_3_3_PLUS, reason="before Airflow 3.3, listeners are called in the transaction"
)
def test_listeners_hear_of_asset_events_after_the_commit(
    sender: Sender,
    declare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    declare(ALL)
    heard = []

    def listen(asset: Any) -> None:
        with create_session(scoped=False) as session:
            heard.append((asset.uri, session.scalar(select(bell.c.pending))))
        raise RuntimeError("a listener")

    monkeypatch.setattr(AssetManager, "notify_asset_changed", staticmethod(listen))
    assert sender.post().status_code == 200
    assert heard == [(ALL, False)]
    assert "An asset listener failed" in caplog.text


def test_what_airflow_records_of_tries_and_schedules() -> None:
    """By that the receiver knows which events are processed. That each try has an id is tested in tests/airflow/push."""
    for model, names in (
        (TaskInstance, {"id", "state"}),
        (DagScheduleAssetReference, {"dag_id", "asset_id", "created_at"}),
        (AssetModel, {"id", "uri"}),
    ):
        assert names <= set(model.__table__.columns.keys())
    # since Airflow 3.4 all tries are among the task instances
    (last_id, last_state), *earlier = compat.recorded_tries()
    assert (last_id.key, last_state.key) == ("id", "state")
    assert [(id_.key, state.key) for id_, state in earlier] in ([], [("task_instance_id", "state")])
    assert bool(earlier) == (importlib.util.find_spec("airflow.models.taskinstancehistory") is not None)
    known = {*TaskInstanceState} | {None}
    assert {*batches.PROCESSED, *batches.GIVEN_UP} <= known
    assert known - {*batches.PROCESSED, *batches.GIVEN_UP} == {
        *State.unfinished - {None, TaskInstanceState.UP_FOR_RETRY}
    }


# --- the plugin --------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not compat.has_page(), reason="Airflow 3.0 shows no page")
def test_the_plugin_mounts_the_receiver_and_the_page() -> None:
    receiver, page = KaizalaPlugin().fastapi_apps
    assert (receiver["url_prefix"], receiver["name"]) == ("/kaizala", "Kaizala")
    assert (page["url_prefix"], page["name"]) == ("/kaizala-ui", "Kaizala page")
    for each in (receiver, page):
        assert isinstance(each["app"], FastAPI), "else Airflow runs no lifespan"


@pytest.mark.skipif(not compat.has_page(), reason="Airflow 3.0 shows no page")
def test_an_invalid_option_does_not_keep_the_api_server_from_starting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__KAIZALA__KEEP_DAYS", "0")
    assert [each["url_prefix"] for each in KaizalaPlugin().fastapi_apps] == ["/kaizala", "/kaizala-ui"]
    assert "[kaizala] keep_days must be a whole number from 1 to 3650, not '0'" in caplog.text


def test_airflow_runs_the_lifespan_of_mounted_apps() -> None:
    source = inspect.getsource(api_app.lifespan)
    assert "route.app.router.lifespan_context" in source


def test_loading_the_plugin_loads_no_web_framework() -> None:
    """Airflow loads plugins in each process, every task included."""
    code = (
        "import sys; before = set(sys.modules); import airflow.providers.common.compat.sdk\n"
        "from airflow.providers.common.compat.sdk import AirflowPlugin, conf; known = set(sys.modules)\n"
        "import airflow_provider_kaizala.push.plugin as plugin; plugin.KaizalaPlugin()\n"
        "new = set(sys.modules) - known; print(sorted(new & {'fastapi', 'sqlalchemy', 'starlette', 'alembic', 'requests', 'httpx'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_airflow_whose_parts_have_moved_starts_without_the_receiver(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "airflow_provider_kaizala.push.receiver", None)
    assert KaizalaPlugin().fastapi_apps == []
    assert "No webhooks are received, since this Airflow is not supported" in caplog.text


@pytest.mark.parametrize("wanted", ["kaizala_default", ""])
def test_airflow_2_says_that_it_cannot_receive(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wanted: str
) -> None:
    monkeypatch.setattr(compat, "AIRFLOW_V_3_0_PLUS", False)
    monkeypatch.setenv("AIRFLOW__KAIZALA__WEBHOOK_CONNECTIONS", wanted)
    caplog.set_level(logging.WARNING)
    loaded = KaizalaPlugin()
    loaded.on_load()
    assert loaded.fastapi_apps == []
    assert len(caplog.records) == bool(wanted)
    assert plugin.PATH == "/kaizala"
    if wanted:
        assert "Kaizala's webhooks need Airflow 3.0 or newer" in caplog.text


# --- the tables --------------------------------------------------------------------------------------------------------------


def test_airflow_migrates_the_tables_with_its_own(migrated: None) -> None:
    names = set(metadata.tables)
    assert names == {"kaizala_event", "kaizala_inbox", "kaizala_bell", "kaizala_reader", "kaizala_batch"}
    assert names | {"alembic_version_kaizala"} <= set(inspect_database(settings.engine).get_table_names())
    assert KaizalaDBManager in RunDBManager()._managers
    RunDBManager().validate()
    with create_session() as session:
        assert KaizalaDBManager(session).check_migration()


def test_the_manager_overrides_what_airflow_reads() -> None:
    for name in ("metadata", "version_table_name", "migration_dir", "alembic_file"):
        assert name in BaseDBManager.__annotations__
    assert not set(airflow_metadata.tables) & set(metadata.tables)


def test_the_migrations_make_the_tables_that_are_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    monkeypatch.setattr(settings, "engine", engine)
    with create_session() as session:
        config = KaizalaDBManager(session).get_alembic_config()
    upgrade(config, "heads")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _object, name, kind, *_: (
                    kind != "table" or name not in ("alembic_version_kaizala", "sqlite_sequence")
                ),
            },
        )
        assert compare_metadata(context, metadata) == []
        made = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE name = 'kaizala_event'"
        ).scalar_one()
        assert "AUTOINCREMENT" in made
    downgrade(config, "base")
    with engine.connect() as connection:
        assert not set(inspect_database(connection).get_table_names()) & set(metadata.tables)


def test_a_missing_table_is_trouble_that_passes(
    sender: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The provider was upgraded, and nobody has run `airflow db migrate`."""
    empty = sessionmaker(create_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    with monkeypatch.context() as broken:
        broken.setattr(settings, "NonScopedSession", empty)
        assert sender.post().status_code == 503
    assert "has `airflow db migrate` run" in caplog.text
    assert Sender(PushSettings()).post().status_code == 404
