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
