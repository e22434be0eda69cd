"""Opening a database for serving: migrations, then the seed if the database is empty."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.engine import Connection

from airflow_provider_kaizala.server.clock import Clock
from airflow_provider_kaizala.server.config import ServerConfig
from airflow_provider_kaizala.server.delivery.calls import Outbound
from airflow_provider_kaizala.server.hashing import new_token
from airflow_provider_kaizala.server.seeds.apply import apply_seed, clear, hash_pins, is_empty
from airflow_provider_kaizala.server.seeds.load import SeedError, load_seed
from airflow_provider_kaizala.server.seeds.model import Seed
from airflow_provider_kaizala.server.state import ServerState, media_folder
from airflow_provider_kaizala.server.store import tables as t
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
        key = _media_key(engine)
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
    address = (config.public_url or f"http://{config.host}:{config.port}").rstrip("/")
    return ServerState(config, clock, Database(engine), media, outbound, key, address)


def _media_key(engine: Engine) -> bytes:
    """Return what signs URLs of files; the first process on a database makes it."""
    with starting(engine) as connection:
        found = connection.execute(select(t.setting.c.value).where(t.setting.c.name == "media_key")).scalar()
        if found is None:
            found = new_token()
            connection.execute(t.setting.insert(), {"name": "media_key", "value": found})
    return found.encode()


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
