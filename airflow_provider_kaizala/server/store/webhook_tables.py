"""The tables of webhooks and of their outbox."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from airflow_provider_kaizala.server.store.columns import (
    Serial,
    flag_column,
    key_column,
    metadata,
    text_column,
    time_column,
)

#: states of a row of the outbox
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

webhook = Table(
    "webhook",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("connector_id", ForeignKey("connector.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    # The grant it was made or last changed under; when that ends, or no longer reaches the group, it hears nothing.
    key_column("grant_id", required=False),
    Column("object_type", String(20), nullable=False),
    key_column("object_id"),
    # Narrows an ActionPackage webhook to one group.
    key_column("group_id", required=False),
    Column("events_json", Text, nullable=False),
    Column("callback_url", Text, nullable=False),
    text_column("callback_token"),
    text_column("callback_context"),
    text_column("callback_headers_json"),
    time_column("changed_ms"),
    time_column("validity_ms"),
    flag_column("active"),
    time_column("created_ms"),
    # The server process that delivers for this webhook, and until when (in real time, not the server's clock).
    key_column("lease_owner", required=False),
    time_column("lease_until_ms", required=False),
    Index("ix_webhook_object", "object_id", "object_type"),
)

# The outbox: an event is written in the transaction of the change it tells of.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("webhook_id", String(128), nullable=False),
    key_column("event_id"),
    Column("event_type", String(40), nullable=False),
    Column("payload_json", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    time_column("next_attempt_ms"),
    Column("last_status", Integer, nullable=True),
    text_column("last_error"),
    time_column("created_ms"),
    time_column("finished_ms", required=False),
    Index("ix_webhook_delivery_due", "state", "next_attempt_ms"),
    Index("ix_webhook_delivery_webhook_id_id", "webhook_id", "id"),
    Index("ix_webhook_delivery_turn", "webhook_id", "state", "next_attempt_ms"),
)
