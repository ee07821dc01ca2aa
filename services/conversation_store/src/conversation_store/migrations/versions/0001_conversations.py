"""Users, conversations, runs, messages, feedback."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE chat."user" (
    user_id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_turn_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT user_pkey PRIMARY KEY (user_id)
);
CREATE TABLE chat.conversation (
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    title TEXT,
    metadata JSONB DEFAULT '{}'::jsonb NOT NULL,
    openai_conversation_id TEXT,
    turns_count INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT conversation_pkey PRIMARY KEY (conversation_id),
    CONSTRAINT conversation_conversation_id_user_id_key UNIQUE (conversation_id, user_id),
    CONSTRAINT conversation_metadata_check CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT conversation_user_id_fkey FOREIGN KEY(user_id)
        REFERENCES chat."user" (user_id)
        ON DELETE CASCADE
);
CREATE INDEX conversation_recent_index ON chat.conversation (user_id, updated_at desc, conversation_id desc);
CREATE TABLE chat.run (
    run_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    turn INTEGER DEFAULT 0 NOT NULL,
    status TEXT NOT NULL,
    is_active BOOLEAN DEFAULT false NOT NULL,
    cancel_requested BOOLEAN DEFAULT false NOT NULL,
    epoch INTEGER DEFAULT 0 NOT NULL,
    runner_id TEXT,
    lease_expires_at TIMESTAMP WITH TIME ZONE,
    requests_count INTEGER DEFAULT 0 NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE,
    user_message_id TEXT,
    idempotency_key TEXT,
    body_hash TEXT,
    inference_options JSONB DEFAULT '{}'::jsonb NOT NULL,
    items_count INTEGER DEFAULT 0 NOT NULL,
    session_items_count INTEGER DEFAULT 0 NOT NULL,
    checkpoints_count INTEGER DEFAULT 0 NOT NULL,
    model TEXT,
    usage JSONB,
    error_code TEXT,
    error_detail TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT run_pkey PRIMARY KEY (run_id),
    CONSTRAINT run_conversation_id_user_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id)
        ON DELETE CASCADE,
    CONSTRAINT run_conversation_id_turn_key UNIQUE (conversation_id, turn),
    CONSTRAINT run_status_check CHECK (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
    CONSTRAINT run_active_check CHECK (not is_active or status in ('queued', 'running'))
);
CREATE UNIQUE INDEX run_active_key ON chat.run (conversation_id, user_id) WHERE is_active;
CREATE UNIQUE INDEX run_idempotency_key ON chat.run (user_id, idempotency_key) WHERE idempotency_key is not null;
CREATE INDEX run_waiting_index ON chat.run (conversation_id, user_id, turn) WHERE status = 'queued' and not is_active;
CREATE INDEX run_unfinished_index ON chat.run (user_id) WHERE status in ('queued', 'running');
CREATE INDEX run_user_id_created_at_index ON chat.run (user_id, created_at);
CREATE TABLE chat.message (
    message_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    run_id TEXT,
    role TEXT NOT NULL,
    type TEXT NOT NULL,
    content TEXT NOT NULL,
    tool_calls JSONB DEFAULT '[]'::jsonb NOT NULL,
    item JSONB NOT NULL,
    position BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    search TSVECTOR GENERATED ALWAYS AS (to_tsvector('simple', left(content, 200000))) STORED,
    CONSTRAINT message_pkey PRIMARY KEY (message_id),
    CONSTRAINT message_conversation_id_user_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id)
        ON DELETE CASCADE,
    CONSTRAINT message_conversation_id_user_id_position_key UNIQUE (conversation_id, user_id, position),
    CONSTRAINT message_role_check CHECK (role in ('user', 'assistant')),
    CONSTRAINT message_tool_calls_check CHECK (jsonb_typeof(tool_calls) = 'array'),
    CONSTRAINT message_item_check CHECK (jsonb_typeof(item) = 'object'),
    CONSTRAINT message_run_id_fkey FOREIGN KEY(run_id)
        REFERENCES chat.run (run_id)
        ON DELETE CASCADE
);
CREATE INDEX message_run_id_index ON chat.message (run_id);
CREATE INDEX message_user_id_index ON chat.message (user_id);
CREATE TABLE chat.feedback (
    message_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT feedback_pkey PRIMARY KEY (message_id),
    CONSTRAINT feedback_kind_check CHECK (kind in ('positive', 'negative')),
    CONSTRAINT feedback_message_id_fkey FOREIGN KEY(message_id)
        REFERENCES chat.message (message_id)
        ON DELETE CASCADE,
    CONSTRAINT feedback_user_id_fkey FOREIGN KEY(user_id)
        REFERENCES chat."user" (user_id)
        ON DELETE CASCADE
);
CREATE INDEX feedback_user_id_index ON chat.feedback (user_id);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in ("feedback", "message", "run", "conversation", "user"):
        op.execute(f'drop table chat."{table}"')
