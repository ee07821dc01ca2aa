"""Runs that wait for a person: what they wait for, what was decided, and what is approved for a whole conversation."""

from alembic import op

revision = "0016"
down_revision = "0015"

STATUSES = ("queued", "running", "waiting", "completed", "failed", "cancelled")
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)
TABLES = (
    """
CREATE TABLE chat.pending_decision (
    run_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments JSONB,
    form JSONB,
    message_id TEXT NOT NULL,
    standing_name TEXT,
    wait INTEGER DEFAULT 0 NOT NULL,
    verdict TEXT,
    reason TEXT,
    answer JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pending_decision_pkey PRIMARY KEY (run_id, call_id),
    CONSTRAINT pending_decision_message_id_key UNIQUE (message_id),
    CONSTRAINT pending_decision_kind_check CHECK (kind in ('approval', 'question', 'client_tool', 'consent')),
    CONSTRAINT pending_decision_verdict_check CHECK (verdict in ('approve', 'decline', 'expired', 'cancelled')),
    CONSTRAINT pending_decision_run_id_fkey FOREIGN KEY(run_id) REFERENCES chat.run (run_id) ON DELETE CASCADE,
    CONSTRAINT pending_decision_conversation_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id) ON DELETE CASCADE
)
""",
    """
CREATE TABLE chat.standing_approval (
    conversation_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT standing_approval_pkey PRIMARY KEY (conversation_id, tool),
    CONSTRAINT standing_approval_conversation_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id) ON DELETE CASCADE
)
""",
)


def upgrade() -> None:
    _allow(STATUSES)
    op.execute("alter table chat.run add column waits_count integer not null default 0")
    op.execute("alter table chat.run add column epoch_waited integer not null default 0")
    op.execute("alter table chat.run add column seconds_waited double precision not null default 0")
    op.execute("alter table chat.run add column waiting_since timestamptz")
    op.execute("alter table chat.tool_call add column asks boolean not null default false")
    for table in TABLES:
        op.execute(table)
    op.execute("create index pending_decision_due_index on chat.pending_decision (expires_at) where verdict is null")
    op.execute("create index pending_decision_conversation_id_index on chat.pending_decision (conversation_id)")
    op.execute("create index run_waits_index on chat.run (user_id, waiting_since) where status = 'waiting'")
    for name in ("pending_decision", "standing_approval"):
        op.execute(f"alter table chat.{name} enable row level security")
        op.execute(f"alter table chat.{name} force row level security")
        rule = IS_OWNER_OR_SYSTEM
        op.execute(f"create policy owner on chat.{name} using ({rule}) with check ({rule})")


def downgrade() -> None:
    op.execute("drop table chat.standing_approval")
    op.execute("drop table chat.pending_decision")
    # What waited can only be asked again.
    op.execute("alter table chat.run no force row level security")
    op.execute(
        "update chat.run set status = 'failed', is_active = false, error_code = 'internal', finished_at = now()"
        " where status = 'waiting'"
    )
    op.execute("alter table chat.run force row level security")
    op.execute("drop index chat.run_waits_index")
    op.execute("alter table chat.tool_call drop column asks")
    for column in ("waits_count", "epoch_waited", "seconds_waited", "waiting_since"):
        op.execute(f"alter table chat.run drop column {column}")
    _allow([status for status in STATUSES if status != "waiting"])


def _allow(statuses: list[str] | tuple[str, ...]) -> None:
    """The statuses of a run; the active one of a conversation is at no end."""
    every = ", ".join(f"'{status}'" for status in statuses)
    unfinished = ", ".join(f"'{status}'" for status in statuses if status in ("queued", "running", "waiting"))
    op.execute("alter table chat.run drop constraint run_status_check, drop constraint run_active_check")
    op.execute(
        f"alter table chat.run add constraint run_status_check check (status in ({every})),"
        f" add constraint run_active_check check (not is_active or status in ({unfinished}))"
    )
