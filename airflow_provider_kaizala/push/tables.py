"""The receiver's own tables in Airflow's metadata database. ``airflow db migrate`` makes them, see :mod:`.db`."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import conf
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql

# SQLite numbers rows by itself only in columns that are INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")
# Always UTC; SQLite and MySQL return it without a zone.
Moment = TIMESTAMP(timezone=True).with_variant(mysql.TIMESTAMP(fsp=6), "mysql")
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql")

# Not Airflow's metadata: Airflow refuses a DB manager whose tables are in that.
metadata = MetaData(schema=(conf.get("database", "sql_alchemy_schema", fallback="") or "").strip() or None)

#: Each event once per subscription, so that nobody who holds the token of one can suppress events of another. Within a connection,
#: ids are in the order of commits, see :func:`.inbox.take_turn`.
event = Table(
    "kaizala_event",
    metadata,
    Column("id", Serial, autoincrement=True, nullable=False),
    Column("conn_id", String(250), nullable=False),
    # the object of the subscription whose token came with it
    Column("object_type", String(20), nullable=False),
    Column("object_id", String(250), nullable=False),
    # the same, if it is a group: a subscription of an action proves nothing about groups
    Column("group_id", String(250), nullable=True),
    Column("event_id", String(200), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("received_at", Moment, nullable=False),
    # as received
    Column("body", LongText, nullable=False),
    PrimaryKeyConstraint("id", name="kaizala_event_pkey"),
    UniqueConstraint("conn_id", "object_type", "object_id", "event_id", name="kaizala_event_once_uq"),
    Index("idx_kaizala_event_conn", "conn_id", "id"),
    Index("idx_kaizala_event_group", "conn_id", "group_id", "id"),
    Index("idx_kaizala_event_received_at", "received_at"),
    sqlite_autoincrement=True,  # an id is never used again, even if the newest row was deleted
)

#: One row for each connection. Who stores an event holds its lock until the commit.
inbox = Table(
    "kaizala_inbox",
    metadata,
    Column("conn_id", String(250), nullable=False),
    Column("received", BigInteger, nullable=False),
    PrimaryKeyConstraint("conn_id", name="kaizala_inbox_pkey"),
)

#: One row for each task that reads events of an asset, see :mod:`.batches`. Its key is a digest, since that of its parts is too long
#: for an index of MySQL.
reader = Table(
    "kaizala_reader",
    metadata,
    Column("reader_id", String(64), nullable=False),
    Column("conn_id", String(250), nullable=False),
    Column("group_id", String(250), nullable=False),
    # empty for all types
    Column("event_type", String(64), nullable=False),
    Column("dag_id", String(250), nullable=False),
    Column("task_id", String(250), nullable=False),
    # all events up to here are processed
    Column("cursor", BigInteger, nullable=False),
    # the try of the task that reads now, and up to where it has been given events
    Column("try_id", String(36), nullable=True),
    Column("run_id", String(250), nullable=True),
    Column("map_index", Integer, nullable=True),
    Column("reached", BigInteger, nullable=False),
    # whether another run has asked for events meanwhile
    Column("wanted", Boolean(create_constraint=False), nullable=False),
    Column("asked_at", Moment, nullable=False),
    PrimaryKeyConstraint("reader_id", name="kaizala_reader_pkey"),
    Index("idx_kaizala_reader_try", "try_id"),
)

#: The events that a task of a run has processed, so that it gets the same ones if it is cleared
batch = Table(
    "kaizala_batch",
    metadata,
    Column("reader_id", String(64), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("map_index", Integer, nullable=False),
    # behind this cursor, up to that one
    Column("after", BigInteger, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("processed_at", Moment, nullable=False),
    PrimaryKeyConstraint("reader_id", "run_id", "map_index", name="kaizala_batch_pkey"),
    Index("idx_kaizala_batch_processed_at", "processed_at"),
)

#: One row for each asset that has had an asset event. An asset of all event types has an empty one.
bell = Table(
    "kaizala_bell",
    metadata,
    Column("conn_id", String(250), nullable=False),
    Column("group_id", String(250), nullable=False),
    Column("event_type", String(64), nullable=False),
    Column("rung_at", Moment, nullable=False),
    # whether events came after that, so that it must ring again
    Column("pending", Boolean(create_constraint=False), nullable=False),
    PrimaryKeyConstraint("conn_id", "group_id", "event_type", name="kaizala_bell_pkey"),
    Index("idx_kaizala_bell_pending", "pending", "rung_at"),
)
