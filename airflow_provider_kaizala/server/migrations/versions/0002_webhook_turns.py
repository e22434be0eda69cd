"""webhook turns: under which grant a webhook runs, and which server delivers for it

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('webhook', schema=None) as batch_op:
        batch_op.add_column(sa.Column('grant_id', sa.String(length=128), nullable=True))
        batch_op.add_column(sa.Column('lease_owner', sa.String(length=128), nullable=True))
        batch_op.add_column(sa.Column('lease_until_ms', sa.BigInteger(), nullable=True))
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_delivery_turn', ['webhook_id', 'state', 'next_attempt_ms'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('webhook_delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_delivery_turn')
    with op.batch_alter_table('webhook', schema=None) as batch_op:
        batch_op.drop_column('lease_until_ms')
        batch_op.drop_column('lease_owner')
        batch_op.drop_column('grant_id')
