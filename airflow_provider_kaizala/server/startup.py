"""Opening a database for serving: migrations, then the seed if the database is empty."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.delivery.calls import Outbound
from airflow_provider_kaizala.server.seeds.apply import apply_seed, clear, hash_pins, is_empty
from airflow_provider_kaizala.server.seeds.load import SeedError, load_seed
from airflow_provider_kaizala.server.seeds.model import Seed
from airflow_provider_kaizala.server.state import ServerState, media_folder
from airflow_provider_kaizala.server.store.database import Database
from airflow_provider_kaizala.server.store.engine import DatabaseUnusable, open_engine, starting
from airflow_provider_kaizala.server.store.media_files import MediaFiles
from airflow_provider_kaizala.server.store.migrate import migrate


class StartError(Exception):
    """The server cannot start; the message is one sentence."""


def open_state(config: ServerConfig) -> ServerState:
    """Open, migrate and seed a database; raises :class:`StartError`."""
    clock = Clock()
    try:
        engine = open_engine(config.database)
        migrate(engine)
        _seed_if_empty(engine, config, clock.now_ms())
    except (DatabaseUnusable, SeedError) as error:
        raise StartError(str(error)) from None
    media = MediaFiles(media_folder(config))
    if config.media_dir:
        try:
            media.make_folder()
        except OSError as error:
            raise StartError(
                f"the folder for media {config.media_dir!r} cannot be used: {error.strerror}"
            ) from None
    outbound = Outbound(allow_private=config.allow_private_callbacks or config.test_mode)
    return ServerState(config, clock, Database(engine), media, outbound)


def _seed_if_empty(engine: Engine, config: ServerConfig, now_ms: int) -> None:
    if config.seed is None:
        return
    seed = load_seed(config.seed)
    hash_pins(seed)
    with starting(engine) as connection:
        if is_empty(connection):
            _apply(connection, seed, config.seed, now_ms)


def start_over(conn: Connection, config: ServerConfig, now_ms: int) -> None:
    """Empty the database and apply the seed again."""
    clear(conn)
    if config.seed is not None:
        _apply(conn, load_seed(config.seed), config.seed, now_ms)


def _apply(conn: Connection, seed: Seed, source: str, now_ms: int) -> None:
    try:
        apply_seed(conn, seed, now_ms)
    except SeedError as error:
        raise SeedError(str(error).replace("the seed", f"the seed {source!r}", 1)) from None
