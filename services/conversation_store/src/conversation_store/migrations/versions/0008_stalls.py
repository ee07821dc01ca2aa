"""Stalls: how often a run made its runner's event loop stand still."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("run", sa.Column("stalls_count", sa.Integer(), nullable=False, server_default="0"), schema="chat")


def downgrade() -> None:
    op.drop_column("run", "stalls_count", schema="chat")
