"""Create the tables of received events.

Revision ID: kaizala_0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from airflow_provider_kaizala.push.tables import metadata

revision = "kaizala_0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = metadata.schema  # [database] sql_alchemy_schema
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.TIMESTAMP(timezone=True).with_variant(mysql.TIMESTAMP(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "kaizala_event",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("object_type", sa.String(20), nullable=False),
        sa.Column("object_id", sa.String(250), nullable=False),
        sa.Column("group_id", sa.String(250), nullable=True),
        sa.Column("event_id", sa.String(200), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("body", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="kaizala_event_pkey"),
        sa.UniqueConstraint("conn_id", "object_type", "object_id", "event_id", name="kaizala_event_once_uq"),
        sqlite_autoincrement=True,
        schema=SCHEMA,
    )
    op.create_index("idx_kaizala_event_conn", "kaizala_event", ["conn_id", "id"], schema=SCHEMA)
    op.create_index("idx_kaizala_event_group", "kaizala_event", ["conn_id", "group_id", "id"], schema=SCHEMA)
    op.create_index("idx_kaizala_event_received_at", "kaizala_event", ["received_at"], schema=SCHEMA)
    op.create_table(
        "kaizala_inbox",
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conn_id", name="kaizala_inbox_pkey"),
        schema=SCHEMA,
    )
    op.create_table(
        "kaizala_bell",
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("group_id", sa.String(250), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("rung_at", MOMENT, nullable=False),
        sa.Column("pending", sa.Boolean(create_constraint=False), nullable=False),
        sa.PrimaryKeyConstraint("conn_id", "group_id", "event_type", name="kaizala_bell_pkey"),
        schema=SCHEMA,
    )
    op.create_index("idx_kaizala_bell_pending", "kaizala_bell", ["pending", "rung_at"], schema=SCHEMA)
    op.create_table(
        "kaizala_reader",
        sa.Column("reader_id", sa.String(64), nullable=False),
        sa.Column("conn_id", sa.String(250), nullable=False),
        sa.Column("group_id", sa.String(250), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("dag_id", sa.String(250), nullable=False),
        sa.Column("task_id", sa.String(250), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("try_id", sa.String(36), nullable=True),
        sa.Column("run_id", sa.String(250), nullable=True),
        sa.Column("map_index", sa.Integer(), nullable=True),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reader_id", name="kaizala_reader_pkey"),
        schema=SCHEMA,
    )
    op.create_index("idx_kaizala_reader_try", "kaizala_reader", ["try_id"], schema=SCHEMA)
    op.create_table(
        "kaizala_batch",
        sa.Column("reader_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("processed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reader_id", "run_id", "map_index", name="kaizala_batch_pkey"),
        schema=SCHEMA,
    )
    op.create_index("idx_kaizala_batch_processed_at", "kaizala_batch", ["processed_at"], schema=SCHEMA)


def downgrade() -> None:
    for name in ("kaizala_batch", "kaizala_reader", "kaizala_bell", "kaizala_inbox", "kaizala_event"):
        op.drop_table(name, schema=SCHEMA)
