"""The database's tables. It is public: a change is an added migration, never an edited one.

Times are epoch milliseconds. Columns ending in ``_json`` hold JSON text that is never searched.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite counts up only an INTEGER primary key.
Serial = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=True)


def _time(name: str, *, required: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=not required)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _key(name: str, *, required: bool = True) -> Column[str]:
    return Column(name, String(128), nullable=not required)


# --- Who may call -------------------------------------------------------------------------------------------------
tenant = Table(
    "tenant",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("name", Text, nullable=False),
    _time("created_ms"),
)

connector = Table(
    "connector",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    _key("secret_hash"),
    _text("redirect_url"),
    _time("created_ms"),
    _time("deleted_ms", required=False),
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
    Column("profile_pic", Text, nullable=False, server_default=""),
    _text("pin_hash"),
    _flag("is_provisioned"),
    _flag("is_tenant_admin"),
    _time("created_ms"),
)

bot = Table(
    "bot",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False, index=True),
    Column("creator_id", ForeignKey("person.id"), nullable=False),
    Column("status", String(20), nullable=False),
    _time("created_ms"),
    _time("deleted_ms", required=False),
)

# "grant" is a word of SQL. One per (connector, kind, person, group); its refresh tokens come and go.
connector_grant = Table(
    "connector_grant",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=True),
    _time("created_ms"),
    _time("revoked_ms", required=False),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("grant_id", ForeignKey("connector_grant.id"), nullable=False, index=True),
    _time("issued_ms"),
    _time("expires_ms"),
    _time("revoked_ms", required=False),
)

access_token = Table(
    "access_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("grant_id", ForeignKey("connector_grant.id"), nullable=False, index=True),
    # The grant's person, or a bot that acts under the grant.
    Column("person_id", ForeignKey("person.id"), nullable=False),
    _time("issued_ms"),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    _time("revoked_ms", required=False),
)

oauth_code = Table(
    "oauth_code",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("connector_id", ForeignKey("connector.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("redirect_url", Text, nullable=False),
    _time("expires_ms"),
    _time("used_ms", required=False),
)

person_session = Table(
    "person_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    _time("created_ms"),
    Column("expires_ms", BigInteger, nullable=False, index=True),
    _time("ended_ms", required=False),
)

pin_attempt = Table(
    "pin_attempt",
    metadata,
    Column("id", Serial, primary_key=True),
    # What was typed, known or not, so that both are answered alike.
    Column("mobile", String(64), nullable=False),
    _time("at_ms"),
    Index("ix_pin_attempt_mobile_at_ms", "mobile", "at_ms"),
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
    Column("image_url", Text, nullable=False, server_default=""),
    Column("background_url", Text, nullable=False, server_default=""),
    Column("creator_id", ForeignKey("person.id"), nullable=True),
    # Grow only under the write lock, so that readers that follow them miss nothing.
    Column("last_seq", BigInteger, nullable=False, server_default="0"),
    Column("last_reaction_ticks", BigInteger, nullable=False, server_default="0"),
    _time("created_ms"),
    _time("deleted_ms", required=False),
)

group_parent = Table(
    "group_parent",
    metadata,
    Column("parent_id", ForeignKey("chat_group.id"), primary_key=True),
    Column("child_id", ForeignKey("chat_group.id"), primary_key=True, index=True),
    _time("created_ms"),
)

membership = Table(
    "membership",
    metadata,
    Column("group_id", ForeignKey("chat_group.id"), primary_key=True),
    Column("person_id", ForeignKey("person.id"), primary_key=True, index=True),
    Column("role", String(10), nullable=False),
    _time("joined_ms"),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("group_id", ForeignKey("chat_group.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    _time("created_ms"),
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
    _time("sent_ms"),
    Column("text", Text, nullable=False, server_default=""),
    _key("reply_to", required=False),
    _key("action_id", required=False),
    # members, all (hub group: every subscriber too), chosen (hub group: see post_recipient)
    Column("audience", String(10), nullable=False),
    _text("detail_json"),
    Column("like_count", Integer, nullable=False, server_default="0"),
    Column("comment_count", Integer, nullable=False, server_default="0"),
    _time("deleted_ms", required=False),
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
    _key("package_id", required=False),
    _key("package_base", required=False),
    Column("creator_id", ForeignKey("person.id"), nullable=False),
    Column("title", Text, nullable=False),
    _time("created_ms"),
    _time("expires_ms", required=False),
    _flag("is_anonymous"),
    _flag("is_sender_only"),
    _flag("accept_multiple"),
    Column("visibility", String(1), nullable=False, server_default="0"),
    Column("response_count", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="1"),
    _text("detail_json"),
    _time("deleted_ms", required=False),
    Index("ix_action_listing", "group_id", "action_type", "created_ms", "seq"),
)

question = Table(
    "question",
    metadata,
    Column("action_id", ForeignKey("action.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("title", Text, nullable=False),
    Column("question_type", String(20), nullable=False),
    _flag("is_invisible"),
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
    _text("responder_name"),
    _text("location_json"),
    _time("created_ms"),
    _time("updated_ms"),
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
    _flag("is_completed"),
    _key("response_id", required=False),
    Column("notes_json", Text, nullable=False),
    _time("updated_ms", required=False),
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
    _key("slot"),
    Column("comment", Text, nullable=False, server_default=""),
    _time("modified_ms"),
    _time("modified_ticks"),
    UniqueConstraint("reference_id", "person_id", "reaction_type", "slot"),
    Index("ix_reaction_group_id_modified_ticks", "group_id", "modified_ticks"),
    Index("ix_reaction_reference", "reference_id", "reaction_type", "modified_ticks"),
)

# --- Media --------------------------------------------------------------------------------------------------------
media_resource = Table(
    "media_resource",
    metadata,
    # What a mediaResource string names: one file, or the files of an album.
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("uploader_id", ForeignKey("person.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    _time("created_ms"),
)

media_file = Table(
    "media_file",
    metadata,
    # The id is the unguessable part of the file's URL and its name on disk.
    Column("id", String(128), primary_key=True),
    Column("resource_id", ForeignKey("media_resource.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
)

# --- Webhooks -----------------------------------------------------------------------------------------------------
webhook = Table(
    "webhook",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("connector_id", ForeignKey("connector.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("object_type", String(20), nullable=False),
    _key("object_id"),
    # Narrows an ActionPackage webhook to one group.
    _key("group_id", required=False),
    Column("events_json", Text, nullable=False),
    Column("callback_url", Text, nullable=False),
    _text("callback_token"),
    _text("callback_context"),
    _text("callback_headers_json"),
    _time("changed_ms"),
    _time("validity_ms"),
    _flag("active"),
    _time("created_ms"),
    Index("ix_webhook_object", "object_id", "object_type"),
)

# The outbox: an event is written in the transaction of the change it tells of.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("webhook_id", String(128), nullable=False),
    _key("event_id"),
    Column("event_type", String(40), nullable=False),
    Column("payload_json", Text, nullable=False),
    # pending, delivered, failed
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _time("next_attempt_ms"),
    Column("last_status", Integer, nullable=True),
    _text("last_error"),
    _time("created_ms"),
    _time("finished_ms", required=False),
    Index("ix_webhook_delivery_due", "state", "next_attempt_ms"),
    Index("ix_webhook_delivery_webhook_id_id", "webhook_id", "id"),
)
