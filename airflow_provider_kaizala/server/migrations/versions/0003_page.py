"""the page: how often a post has changed, and which forms were sent

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('post', schema=None) as batch_op:
        batch_op.add_column(sa.Column('revision', sa.Integer(), server_default='0', nullable=False))
    op.create_table(
        'form_sent',
        sa.Column('person_id', sa.String(length=128), nullable=False),
        sa.Column('once', sa.String(length=64), nullable=False),
        sa.Column('outcome', sa.String(length=128), nullable=False),
        sa.Column('at_ms', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_form_sent_person_id')),
        sa.PrimaryKeyConstraint('person_id', 'once', name=op.f('pk_form_sent')),
    )
    op.create_index('ix_form_sent_at_ms', 'form_sent', ['at_ms'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_form_sent_at_ms', table_name='form_sent')
    op.drop_table('form_sent')
    with op.batch_alter_table('post', schema=None) as batch_op:
        batch_op.drop_column('revision')
