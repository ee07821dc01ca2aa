"""A run may be about an action of a widget instead of a message."""

from alembic import op

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    op.execute("alter table chat.run add column action jsonb")


def downgrade() -> None:
    op.execute("alter table chat.run drop column action")
