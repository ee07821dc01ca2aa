"""Statistics: a conversation has one owner, which the planner must know to see how long a conversation is."""

from alembic import op

revision = "0006"
down_revision = "0005"

# Every statement names both columns. Without this the planner multiplies their selectivities, takes a conversation of
# 10 000 messages for one of a few, and sorts all of it for one page instead of walking the index.
TABLES = ("message", "session_item", "run")


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"create statistics chat.{table}_owner (dependencies) on conversation_id, user_id from chat.{table}")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"drop statistics chat.{table}_owner")
