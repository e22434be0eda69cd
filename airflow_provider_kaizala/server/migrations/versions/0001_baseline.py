"""Baseline: all tables.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "audit_entry", "pin_backoff", "setting", "tenant", "throttle_counter", "webhook_delivery", "connector", "person",
    "bot", "chat_group", "connector_permission", "form_sent", "media_resource", "oauth_code", "person_session", "webhook",
    "connector_grant", "group_parent", "media_file", "membership", "post", "subscription", "access_token", "action",
    "feed_entry", "post_recipient", "reaction", "refresh_token", "action_property", "job_assignment", "question", "response",
)


def upgrade() -> None:
    op.create_table('audit_entry',
    sa.Column('id', SERIAL, nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('mobile', sa.String(length=16), nullable=True),
    sa.Column('person_id', sa.String(length=128), nullable=True),
    sa.Column('client', sa.String(length=64), nullable=False),
    sa.Column('detail_json', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entry')))
    op.create_index(op.f('ix_audit_entry_at_ms'), 'audit_entry', ['at_ms'], unique=False)
    op.create_table('pin_backoff',
    sa.Column('counter', sa.String(length=80), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('until_ms', sa.BigInteger(), nullable=False),
    sa.Column('changed_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('counter', name=op.f('pk_pin_backoff')))
    op.create_index(op.f('ix_pin_backoff_changed_ms'), 'pin_backoff', ['changed_ms'], unique=False)
    op.create_table('setting',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_setting')))
    op.create_table('tenant',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenant')))
    op.create_table('throttle_counter',
    sa.Column('scope', sa.String(length=160), nullable=False),
    sa.Column('window_ms', sa.BigInteger(), nullable=False),
    sa.Column('calls', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('scope', 'window_ms', name=op.f('pk_throttle_counter')))
    op.create_table('webhook_delivery',
    sa.Column('id', SERIAL, nullable=False),
    sa.Column('webhook_id', sa.String(length=128), nullable=False),
    sa.Column('event_id', sa.String(length=128), nullable=False),
    sa.Column('event_type', sa.String(length=40), nullable=False),
    sa.Column('payload_json', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_attempt_ms', sa.BigInteger(), nullable=False),
    sa.Column('last_status', sa.Integer(), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('finished_ms', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook_delivery')))
    op.create_index('ix_webhook_delivery_due', 'webhook_delivery', ['state', 'next_attempt_ms'], unique=False)
    op.create_index('ix_webhook_delivery_turn', 'webhook_delivery', ['webhook_id', 'state', 'next_attempt_ms'], unique=False)
    op.create_index('ix_webhook_delivery_webhook_id_id', 'webhook_delivery', ['webhook_id', 'id'], unique=False)
    op.create_table('connector',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('tenant_id', sa.String(length=128), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('secret_hash', sa.String(length=128), nullable=False),
    sa.Column('redirect_url', sa.Text(), nullable=True),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('disabled_ms', sa.BigInteger(), nullable=True),
    sa.Column('deleted_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_connector_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connector')))
    op.create_index(op.f('ix_connector_tenant_id'), 'connector', ['tenant_id'], unique=False)
    op.create_table('person',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('tenant_id', sa.String(length=128), nullable=False),
    sa.Column('mobile', sa.String(length=16), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('profile_pic', sa.Text(), server_default='', nullable=False),
    sa.Column('pin_hash', sa.Text(), nullable=True),
    sa.Column('is_provisioned', sa.Boolean(), nullable=False),
    sa.Column('is_tenant_admin', sa.Boolean(), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('deactivated_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_person_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('mobile', name=op.f('uq_person_mobile')))
    op.create_index(op.f('ix_person_tenant_id'), 'person', ['tenant_id'], unique=False)
    op.create_table('bot',
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('connector_id', sa.String(length=128), nullable=False),
    sa.Column('creator_id', sa.String(length=128), nullable=False),
    sa.Column('status', sa.String(length=20), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('deleted_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['connector_id'], ['connector.id'], name=op.f('fk_bot_connector_id')),
    sa.ForeignKeyConstraint(['creator_id'], ['person.id'], name=op.f('fk_bot_creator_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_bot_person_id')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_bot')))
    op.create_index(op.f('ix_bot_connector_id'), 'bot', ['connector_id'], unique=False)
    op.create_table('chat_group',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('tenant_id', sa.String(length=128), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('group_type', sa.String(length=20), nullable=False),
    sa.Column('welcome_message', sa.Text(), server_default='', nullable=False),
    sa.Column('short_description', sa.Text(), server_default='', nullable=False),
    sa.Column('long_description', sa.Text(), server_default='', nullable=False),
    sa.Column('image_url', sa.Text(), server_default='', nullable=False),
    sa.Column('background_url', sa.Text(), server_default='', nullable=False),
    sa.Column('creator_id', sa.String(length=128), nullable=True),
    sa.Column('last_seq', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('last_reaction_ticks', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('deleted_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['creator_id'], ['person.id'], name=op.f('fk_chat_group_creator_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_chat_group_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_chat_group')))
    op.create_index(op.f('ix_chat_group_tenant_id'), 'chat_group', ['tenant_id'], unique=False)
    op.create_table('connector_permission',
    sa.Column('connector_id', sa.String(length=128), nullable=False),
    sa.Column('permission', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['connector_id'], ['connector.id'], name=op.f('fk_connector_permission_connector_id')),
    sa.PrimaryKeyConstraint('connector_id', 'permission', name=op.f('pk_connector_permission')))
    op.create_table('form_sent',
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('once', sa.String(length=64), nullable=False),
    sa.Column('outcome', sa.String(length=128), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_form_sent_person_id')),
    sa.PrimaryKeyConstraint('person_id', 'once', name=op.f('pk_form_sent')))
    op.create_index(op.f('ix_form_sent_at_ms'), 'form_sent', ['at_ms'], unique=False)
    op.create_table('media_resource',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('tenant_id', sa.String(length=128), nullable=False),
    sa.Column('uploader_id', sa.String(length=128), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_media_resource_tenant_id')),
    sa.ForeignKeyConstraint(['uploader_id'], ['person.id'], name=op.f('fk_media_resource_uploader_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_media_resource')))
    op.create_table('oauth_code',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('connector_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('redirect_url', sa.Text(), nullable=False),
    sa.Column('expires_ms', sa.BigInteger(), nullable=False),
    sa.Column('used_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['connector_id'], ['connector.id'], name=op.f('fk_oauth_code_connector_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_oauth_code_person_id')),
    sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_oauth_code')))
    op.create_table('person_session',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('expires_ms', sa.BigInteger(), nullable=False),
    sa.Column('ended_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_person_session_person_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_person_session')))
    op.create_index(op.f('ix_person_session_expires_ms'), 'person_session', ['expires_ms'], unique=False)
    op.create_index(op.f('ix_person_session_person_id'), 'person_session', ['person_id'], unique=False)
    op.create_table('webhook',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('tenant_id', sa.String(length=128), nullable=False),
    sa.Column('connector_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('grant_id', sa.String(length=128), nullable=True),
    sa.Column('object_type', sa.String(length=20), nullable=False),
    sa.Column('object_id', sa.String(length=128), nullable=False),
    sa.Column('group_id', sa.String(length=128), nullable=True),
    sa.Column('events_json', sa.Text(), nullable=False),
    sa.Column('callback_url', sa.Text(), nullable=False),
    sa.Column('callback_token', sa.Text(), nullable=True),
    sa.Column('callback_context', sa.Text(), nullable=True),
    sa.Column('callback_headers_json', sa.Text(), nullable=True),
    sa.Column('changed_ms', sa.BigInteger(), nullable=False),
    sa.Column('validity_ms', sa.BigInteger(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('lease_owner', sa.String(length=128), nullable=True),
    sa.Column('lease_until_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['connector_id'], ['connector.id'], name=op.f('fk_webhook_connector_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_webhook_person_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_webhook_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')))
    op.create_index(op.f('ix_webhook_connector_id'), 'webhook', ['connector_id'], unique=False)
    op.create_index('ix_webhook_object', 'webhook', ['object_id', 'object_type'], unique=False)
    op.create_table('connector_grant',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('connector_id', sa.String(length=128), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('group_id', sa.String(length=128), nullable=True),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('revoked_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['connector_id'], ['connector.id'], name=op.f('fk_connector_grant_connector_id')),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_connector_grant_group_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_connector_grant_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connector_grant')))
    op.create_index(op.f('ix_connector_grant_connector_id'), 'connector_grant', ['connector_id'], unique=False)
    op.create_index(op.f('ix_connector_grant_person_id'), 'connector_grant', ['person_id'], unique=False)
    op.create_index('uq_connector_grant_group', 'connector_grant', ['connector_id', 'group_id'], unique=True, sqlite_where=sa.text('revoked_ms IS NULL AND group_id IS NOT NULL'), postgresql_where=sa.text('revoked_ms IS NULL AND group_id IS NOT NULL'))
    op.create_index('uq_connector_grant_person', 'connector_grant', ['connector_id', 'kind', 'person_id'], unique=True, sqlite_where=sa.text('revoked_ms IS NULL AND group_id IS NULL'), postgresql_where=sa.text('revoked_ms IS NULL AND group_id IS NULL'))
    op.create_table('group_parent',
    sa.Column('parent_id', sa.String(length=128), nullable=False),
    sa.Column('child_id', sa.String(length=128), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['child_id'], ['chat_group.id'], name=op.f('fk_group_parent_child_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['chat_group.id'], name=op.f('fk_group_parent_parent_id')),
    sa.PrimaryKeyConstraint('parent_id', 'child_id', name=op.f('pk_group_parent')))
    op.create_index(op.f('ix_group_parent_child_id'), 'group_parent', ['child_id'], unique=False)
    op.create_table('media_file',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('resource_id', sa.String(length=128), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('mime_type', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=True),
    sa.Column('height', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['resource_id'], ['media_resource.id'], name=op.f('fk_media_file_resource_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_media_file')))
    op.create_index(op.f('ix_media_file_resource_id'), 'media_file', ['resource_id'], unique=False)
    op.create_table('membership',
    sa.Column('group_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('role', sa.String(length=10), nullable=False),
    sa.Column('joined_ms', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_membership_group_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_membership_person_id')),
    sa.PrimaryKeyConstraint('group_id', 'person_id', name=op.f('pk_membership')))
    op.create_index(op.f('ix_membership_person_id'), 'membership', ['person_id'], unique=False)
    op.create_table('post',
    sa.Column('reference_id', sa.String(length=128), nullable=False),
    sa.Column('group_id', sa.String(length=128), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('sender_id', sa.String(length=128), nullable=False),
    sa.Column('sent_ms', sa.BigInteger(), nullable=False),
    sa.Column('text', sa.Text(), server_default='', nullable=False),
    sa.Column('reply_to', sa.String(length=128), nullable=True),
    sa.Column('action_id', sa.String(length=128), nullable=True),
    sa.Column('audience', sa.String(length=10), nullable=False),
    sa.Column('detail_json', sa.Text(), nullable=True),
    sa.Column('revision', sa.Integer(), server_default='0', nullable=False),
    sa.Column('deleted_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_post_group_id')),
    sa.ForeignKeyConstraint(['sender_id'], ['person.id'], name=op.f('fk_post_sender_id')),
    sa.PrimaryKeyConstraint('reference_id', name=op.f('pk_post')))
    op.create_table('subscription',
    sa.Column('id', SERIAL, nullable=False),
    sa.Column('group_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_subscription_group_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_subscription_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_subscription')),
    sa.UniqueConstraint('group_id', 'person_id', name=op.f('uq_subscription_group_id_person_id')))
    op.create_index('ix_subscription_group_id_id', 'subscription', ['group_id', 'id'], unique=False)
    op.create_index(op.f('ix_subscription_person_id'), 'subscription', ['person_id'], unique=False)
    op.create_table('access_token',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('grant_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('issued_ms', sa.BigInteger(), nullable=False),
    sa.Column('expires_ms', sa.BigInteger(), nullable=False),
    sa.Column('revoked_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['grant_id'], ['connector_grant.id'], name=op.f('fk_access_token_grant_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_access_token_person_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_access_token')))
    op.create_index(op.f('ix_access_token_expires_ms'), 'access_token', ['expires_ms'], unique=False)
    op.create_index(op.f('ix_access_token_grant_id'), 'access_token', ['grant_id'], unique=False)
    op.create_table('action',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('reference_id', sa.String(length=128), nullable=False),
    sa.Column('group_id', sa.String(length=128), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('action_type', sa.String(length=20), nullable=False),
    sa.Column('package_id', sa.String(length=128), nullable=True),
    sa.Column('package_base', sa.String(length=128), nullable=True),
    sa.Column('creator_id', sa.String(length=128), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('expires_ms', sa.BigInteger(), nullable=True),
    sa.Column('is_anonymous', sa.Boolean(), nullable=False),
    sa.Column('is_sender_only', sa.Boolean(), nullable=False),
    sa.Column('accept_multiple', sa.Boolean(), nullable=False),
    sa.Column('visibility', sa.String(length=1), server_default='0', nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.Column('detail_json', sa.Text(), nullable=True),
    sa.Column('deleted_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['creator_id'], ['person.id'], name=op.f('fk_action_creator_id')),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_action_group_id')),
    sa.ForeignKeyConstraint(['reference_id'], ['post.reference_id'], name=op.f('fk_action_reference_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_action')))
    op.create_index('ix_action_listing', 'action', ['group_id', 'action_type', 'created_ms', 'seq'], unique=False)
    op.create_index(op.f('ix_action_reference_id'), 'action', ['reference_id'], unique=False)
    op.create_table('feed_entry',
    sa.Column('group_id', sa.String(length=128), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('reference_id', sa.String(length=128), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_feed_entry_group_id')),
    sa.ForeignKeyConstraint(['reference_id'], ['post.reference_id'], name=op.f('fk_feed_entry_reference_id')),
    sa.PrimaryKeyConstraint('group_id', 'seq', name=op.f('pk_feed_entry')))
    op.create_index(op.f('ix_feed_entry_reference_id'), 'feed_entry', ['reference_id'], unique=False)
    op.create_table('post_recipient',
    sa.Column('reference_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_post_recipient_person_id')),
    sa.ForeignKeyConstraint(['reference_id'], ['post.reference_id'], name=op.f('fk_post_recipient_reference_id')),
    sa.PrimaryKeyConstraint('reference_id', 'person_id', name=op.f('pk_post_recipient')))
    op.create_table('reaction',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('group_id', sa.String(length=128), nullable=False),
    sa.Column('reference_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('reaction_type', sa.String(length=10), nullable=False),
    sa.Column('slot', sa.String(length=128), nullable=False),
    sa.Column('comment', sa.Text(), server_default='', nullable=False),
    sa.Column('modified_ms', sa.BigInteger(), nullable=False),
    sa.Column('modified_ticks', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['chat_group.id'], name=op.f('fk_reaction_group_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_reaction_person_id')),
    sa.ForeignKeyConstraint(['reference_id'], ['post.reference_id'], name=op.f('fk_reaction_reference_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reaction')),
    sa.UniqueConstraint('reference_id', 'person_id', 'reaction_type', 'slot', name=op.f('uq_reaction_reference_id_person_id_reaction_type_slot')))
    op.create_index('ix_reaction_group_id_modified_ticks', 'reaction', ['group_id', 'modified_ticks'], unique=False)
    op.create_index('ix_reaction_reference', 'reaction', ['reference_id', 'reaction_type', 'modified_ticks'], unique=False)
    op.create_table('refresh_token',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('grant_id', sa.String(length=128), nullable=False),
    sa.Column('issued_ms', sa.BigInteger(), nullable=False),
    sa.Column('expires_ms', sa.BigInteger(), nullable=False),
    sa.Column('revoked_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['grant_id'], ['connector_grant.id'], name=op.f('fk_refresh_token_grant_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_refresh_token')))
    op.create_index(op.f('ix_refresh_token_grant_id'), 'refresh_token', ['grant_id'], unique=False)
    op.create_table('action_property',
    sa.Column('action_id', sa.String(length=128), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('property_type', sa.String(length=20), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['action_id'], ['action.id'], name=op.f('fk_action_property_action_id')),
    sa.PrimaryKeyConstraint('action_id', 'position', name=op.f('pk_action_property')))
    op.create_table('job_assignment',
    sa.Column('action_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('is_completed', sa.Boolean(), nullable=False),
    sa.Column('response_id', sa.String(length=128), nullable=True),
    sa.Column('notes', sa.Text(), server_default='', nullable=False),
    sa.Column('updated_ms', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['action_id'], ['action.id'], name=op.f('fk_job_assignment_action_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_job_assignment_person_id')),
    sa.PrimaryKeyConstraint('action_id', 'person_id', name=op.f('pk_job_assignment')))
    op.create_index(op.f('ix_job_assignment_person_id'), 'job_assignment', ['person_id'], unique=False)
    op.create_table('question',
    sa.Column('action_id', sa.String(length=128), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('question_type', sa.String(length=20), nullable=False),
    sa.Column('is_invisible', sa.Boolean(), nullable=False),
    sa.Column('options_json', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['action_id'], ['action.id'], name=op.f('fk_question_action_id')),
    sa.PrimaryKeyConstraint('action_id', 'position', name=op.f('pk_question')))
    op.create_table('response',
    sa.Column('id', sa.String(length=128), nullable=False),
    sa.Column('action_id', sa.String(length=128), nullable=False),
    sa.Column('person_id', sa.String(length=128), nullable=False),
    sa.Column('slot', sa.Integer(), nullable=False),
    sa.Column('choice', sa.Integer(), nullable=True),
    sa.Column('answers_json', sa.Text(), nullable=False),
    sa.Column('responder_name', sa.Text(), nullable=True),
    sa.Column('location_json', sa.Text(), nullable=True),
    sa.Column('created_ms', sa.BigInteger(), nullable=False),
    sa.Column('updated_ms', sa.BigInteger(), nullable=False),
    sa.Column('revision', sa.Integer(), server_default='0', nullable=False),
    sa.ForeignKeyConstraint(['action_id'], ['action.id'], name=op.f('fk_response_action_id')),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_response_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_response')),
    sa.UniqueConstraint('action_id', 'person_id', 'slot', name=op.f('uq_response_action_id_person_id_slot')))
    op.create_index('ix_response_action_id_created_ms', 'response', ['action_id', 'created_ms'], unique=False)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
