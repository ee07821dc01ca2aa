"""The outbox, request budgets, and erasure."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE chat.outbox (
    outbox_id BIGINT GENERATED ALWAYS AS IDENTITY,
    user_id TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers JSONB DEFAULT '{}'::jsonb NOT NULL,
    payload TEXT NOT NULL,
    message_id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (outbox_id)
);
CREATE INDEX outbox_ordering_key_outbox_id_index ON chat.outbox (ordering_key, outbox_id);
ALTER TABLE chat.outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE UNLOGGED TABLE chat.request_budget (
    user_id TEXT NOT NULL,
    window_started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    requests_count INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT request_budget_pkey PRIMARY KEY (user_id)
);
CREATE TABLE chat.due_purge (
    subject_filter TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT due_purge_pkey PRIMARY KEY (subject_filter, due_at)
);
CREATE TABLE chat.erasure_receipt (
    receipt_id TEXT NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    counts JSONB NOT NULL,
    CONSTRAINT erasure_receipt_pkey PRIMARY KEY (receipt_id)
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in ("erasure_receipt", "due_purge", "request_budget", "outbox"):
        op.execute(f'drop table chat."{table}"')
