"""The database's tables. It is public: a change is an added migration, never an edited one.

Times are epoch milliseconds. Columns ending in ``_json`` hold JSON text that is never searched.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from airflow_provider_kaizala.server.store.columns import (
    Serial,
    flag_column,
    key_column,
    metadata,
    text_column,
    time_column,
)
from airflow_provider_kaizala.server.store.media_links import Picture
from airflow_provider_kaizala.server.store.media_tables import media_file, media_resource
from airflow_provider_kaizala.server.store.webhook_tables import webhook, webhook_delivery

__all__ = [
    "access_token",
    "action",
    "action_property",
    "audit_entry",
    "bot",
    "chat_group",
    "connector",
    "connector_grant",
    "connector_permission",
    "feed_entry",
    "form_sent",
    "group_parent",
    "job_assignment",
    "media_file",
    "media_resource",
    "membership",
    "metadata",
    "oauth_code",
    "person",
    "person_session",
    "pin_backoff",
    "post",
    "post_recipient",
    "question",
    "reaction",
    "refresh_token",
    "response",
    "setting",
    "subscription",
    "tenant",
    "throttle_counter",
    "webhook",
    "webhook_delivery",
]

# --- Who may call -------------------------------------------------------------------------------------------------
tenant = Table(
    "tenant",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    time_column("created_ms"),
)

connector = Table(
    "connector",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    key_column("secret_hash"),
    text_column("redirect_url"),
    time_column("created_ms"),
    time_column("disabled_ms", required=False),
    time_column("deleted_ms", required=False),
)

connector_permission = Table(
    "connector_permission",
    metadata,
    Column("connector_id", ForeignKey("connector.id"), primary_key=True),
    Column("permission", String(40), primary_key=True),
)

person = Table(
    "person",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False, index=True),
    # Null for a bot; null never equals null, so bots do not collide.
    Column("mobile", String(16), nullable=True, unique=True),
    Column("name", Text, nullable=False),
    Column("profile_pic", Picture, nullable=False, server_default=""),
    text_column("pin_hash"),
    flag_column("is_provisioned"),
    flag_column("is_tenant_admin"),
    time_column("created_ms"),
    # Since then the person cannot sign in, and no connector acts for them. A deleted person has no number either; posts keep the name.
    time_column("deactivated_ms", required=False),
)

bot = Table(
    "bot",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False, index=True),
    Column("creator_id", ForeignKey("person.id"), nullable=False),
    Column("status", String(20), nullable=False),
    time_column("created_ms"),
    time_column("deleted_ms", required=False),
)

# "grant" is a word of SQL. A group has one live grant per connector, whichever admin granted it, and a person one of each kind;
# their refresh tokens come and go.
_LIVE_OF_GROUP = text("revoked_ms IS NULL AND group_id IS NOT NULL")
_LIVE_OF_PERSON = text("revoked_ms IS NULL AND group_id IS NULL")
connector_grant = Table(
    "connector_grant",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=True),
    time_column("created_ms"),
    time_column("revoked_ms", required=False),
    Index(
        "uq_connector_grant_group",
        "connector_id",
        "group_id",
        unique=True,
        sqlite_where=_LIVE_OF_GROUP,
        postgresql_where=_LIVE_OF_GROUP,
    ),
    Index(
        "uq_connector_grant_person",
        "connector_id",
        "kind",
        "person_id",
        unique=True,
        sqlite_where=_LIVE_OF_PERSON,
        postgresql_where=_LIVE_OF_PERSON,
    ),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("grant_id", ForeignKey("connector_grant.id"), nullable=False, index=True),
    time_column("issued_ms"),
    time_column("expires_ms"),
    time_column("revoked_ms", required=False),
)

access_token = Table(
    "access_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("grant_id", ForeignKey("connector_grant.id"), nullable=False, index=True),
    # The grant's person, or a bot that acts under the grant.
    Column("person_id", ForeignKey("person.id"), nullable=False),
    time_column("issued_ms"),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    time_column("revoked_ms", required=False),
)

oauth_code = Table(
    "oauth_code",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("redirect_url", Text, nullable=False),
    time_column("expires_ms"),
    time_column("used_ms", required=False),
)

person_session = Table(
    "person_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    time_column("created_ms"),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    time_column("ended_ms", required=False),
)

# What a form of the page has done already: sent twice, it is done once.
form_sent = Table(
    "form_sent",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("once", String(64), primary_key=True),
    Column("outcome", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False, index=True),
)

# Tries of PINs that were not right, see domain/pins.py.
pin_backoff = Table(
    "pin_backoff",
    metadata,
    Column("counter", String(80), primary_key=True),
    Column("tries", Integer, nullable=False),
    time_column("until_ms"),
    Column("changed_ms", BigInteger, nullable=False, index=True),
)

# No foreign keys: what it tells of may be gone.
audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("mobile", String(16), nullable=True),
    key_column("person_id", required=False),
    Column("client", String(64), nullable=False),
    text_column("detail_json"),
)

throttle_counter = Table(
    "throttle_counter",
    metadata,
    Column("scope", String(160), primary_key=True),
    Column("window_ms", BigInteger, primary_key=True),
    Column("calls", Integer, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# --- Groups -------------------------------------------------------------------------------------------------------
chat_group = Table(
    "chat_group",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("group_type", String(20), nullable=False),
    Column("welcome_message", Text, nullable=False, server_default=""),
    Column("short_description", Text, nullable=False, server_default=""),
    Column("long_description", Text, nullable=False, server_default=""),
    Column("image_url", Picture, nullable=False, server_default=""),
    Column("background_url", Picture, nullable=False, server_default=""),
    Column("creator_id", ForeignKey("person.id"), nullable=True),
    # Grow only under the write lock, so that readers that follow them miss nothing.
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("last_reaction_ticks", BigInteger, nullable=False, server_default="0"),
    time_column("created_ms"),
    time_column("deleted_ms", required=False),
)

group_parent = Table(
    "group_parent",
    metadata,
    Column("parent_id", ForeignKey("chat_group.id"), primary_key=True),
    Column("child_id", ForeignKey("chat_group.id"), primary_key=True, index=True),
    time_column("created_ms"),
)

membership = Table(
    "membership",
    metadata,
    Column("group_id", ForeignKey("chat_group.id"), primary_key=True),
    Column("person_id", ForeignKey("person.id"), primary_key=True, index=True),
    Column("role", String(10), nullable=False),
    time_column("joined_ms"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    time_column("created_ms"),
    UniqueConstraint("group_id", "person_id"),
    Index("ix_subscription_group_id_id", "group_id", "id"),
)

# --- What is posted -----------------------------------------------------------------------------------------------
post = Table(
    "post",
    metadata,
    Column("reference_id", String(128), primary_key=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("sender_id", ForeignKey("person.id"), nullable=False),
    time_column("sent_ms"),
    Column("text", Text, nullable=False, server_default=""),
    key_column("reply_to", required=False),
    key_column("action_id", required=False),
    # members, all (hub group: every subscriber too), chosen (hub group: see post_recipient)
    Column("audience", String(10), nullable=False),
    text_column("detail_json"),
    # Grows with everything that makes it look different: an answer, a like, a changed card.
    Column("revision", Integer, nullable=False, server_default="0"),
    time_column("deleted_ms", required=False),
)

# One line of a group's conversation. What is posted in a parent has a line in every descendant too.
feed_entry = Table(
    "feed_entry",
    metadata,
    Column("group_id", ForeignKey("chat_group.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("reference_id", ForeignKey("post.reference_id"), nullable=False, index=True),
)

post_recipient = Table(
    "post_recipient",
    metadata,
    Column("reference_id", ForeignKey("post.reference_id"), primary_key=True),
    Column("person_id", ForeignKey("person.id"), primary_key=True),
)

action = Table(
    "action",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("reference_id", ForeignKey("post.reference_id"), nullable=False, index=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=False),
    # Position in the group, which orders actions of one second.
    Column("seq", BigInteger, nullable=False),
    Column("action_type", String(20), nullable=False),
    key_column("package_id", required=False),
    key_column("package_base", required=False),
    Column("creator_id", ForeignKey("person.id"), nullable=False),
    Column("title", Text, nullable=False),
    time_column("created_ms"),
    time_column("expires_ms", required=False),
    flag_column("is_anonymous"),
    flag_column("is_sender_only"),
    flag_column("accept_multiple"),
    Column("visibility", String(1), nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="1"),
    text_column("detail_json"),
    time_column("deleted_ms", required=False),
    Index("ix_action_listing", "group_id", "action_type", "created_ms", "seq"),
)

question = Table(
    "question",
    metadata,
    Column("action_id", ForeignKey("action.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("question_type", String(20), nullable=False),
    flag_column("is_invisible"),
    Column("options_json", Text, nullable=False),
)

response = Table(
    "response",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("action_id", ForeignKey("action.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    # 0 where a person answers once: the constraint below then holds even across processes.
    Column("slot", Integer, nullable=False),
    # Index of the choice of a poll or meeting, for counting.
    Column("choice", Integer, nullable=True),
    Column("answers_json", Text, nullable=False),
    text_column("responder_name"),
    text_column("location_json"),
    time_column("created_ms"),
    time_column("updated_ms"),
    Column("revision", Integer, nullable=False, server_default="0"),
    UniqueConstraint("action_id", "person_id", "slot"),
    Index("ix_response_action_id_created_ms", "action_id", "created_ms"),
)

job_assignment = Table(
    "job_assignment",
    metadata,
    Column("action_id", ForeignKey("action.id"), primary_key=True),
    Column("person_id", ForeignKey("person.id"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
    flag_column("is_completed"),
    key_column("response_id", required=False),
    # JSON objects with commas between them, so that one more is added without reading the others.
    Column("notes", Text, nullable=False, server_default=""),
    time_column("updated_ms", required=False),
)

action_property = Table(
    "action_property",
    metadata,
    Column("action_id", ForeignKey("action.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("property_type", String(20), nullable=False),
    Column("value", Text, nullable=False),
)

reaction = Table(
    "reaction",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=False),
    Column("reference_id", ForeignKey("post.reference_id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("reaction_type", String(10), nullable=False),
    # Empty for a like, which one person gives once; the reaction's own id for a comment.
    key_column("slot"),
    Column("comment", Text, nullable=False, server_default=""),
    time_column("modified_ms"),
    time_column("modified_ticks"),
    UniqueConstraint("reference_id", "person_id", "reaction_type", "slot"),
    Index("ix_reaction_group_id_modified_ticks", "group_id", "modified_ticks"),
    Index("ix_reaction_reference", "reference_id", "reaction_type", "modified_ticks"),
)
