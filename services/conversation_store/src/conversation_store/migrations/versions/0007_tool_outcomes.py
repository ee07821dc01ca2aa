"""The ledger of tool calls knows an outcome that nobody knows, who began a call, and what came beside its text."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATUSES = "check (status in ('running', 'success', 'failure', 'interrupted'{more}))"
CHECK = "alter table chat.tool_call add constraint tool_call_status_check "


def upgrade() -> None:
    op.execute("alter table chat.tool_call drop constraint tool_call_status_check")
    op.execute(CHECK + STATUSES.format(more=", 'unknown'"))
    op.execute("alter table chat.tool_call add column attachments jsonb default '[]'::jsonb not null")
    op.execute("alter table chat.tool_call add column epoch integer default 0 not null")


def downgrade() -> None:
    op.execute("alter table chat.tool_call drop column epoch, drop column attachments")
    op.execute("update chat.tool_call set status = 'interrupted' where status = 'unknown'")
    op.execute("alter table chat.tool_call drop constraint tool_call_status_check")
    op.execute(CHECK + STATUSES.format(more=""))
