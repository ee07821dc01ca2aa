"""What operators ask about runs is in indexes, and a run knows the trace that began it."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("alter table chat.run add column trace_id text")
    op.execute("create index run_failed_index on chat.run (finished_at) where status = 'failed'")
    op.execute("create index run_recent_index on chat.run (created_at, run_id)")


def downgrade() -> None:
    op.execute("drop index chat.run_recent_index")
    op.execute("drop index chat.run_failed_index")
    op.execute("alter table chat.run drop column trace_id")
