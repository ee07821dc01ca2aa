"""A conversation may be locked or closed by its assistant."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""alter table chat.conversation add column status jsonb default '{"type": "active"}' not null""")


def downgrade() -> None:
    op.execute("alter table chat.conversation drop column status")
