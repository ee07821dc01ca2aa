"""What the model saw and said, and the ledger of tool calls."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE chat.session_item (
    conversation_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    message_id TEXT,
    is_input BOOLEAN DEFAULT false NOT NULL,
    is_message BOOLEAN NOT NULL,
    item JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT session_item_pkey PRIMARY KEY (conversation_id, user_id, position),
    CONSTRAINT session_item_conversation_id_user_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id)
        ON DELETE CASCADE,
    CONSTRAINT session_item_item_check CHECK (jsonb_typeof(item) = 'object'),
    CONSTRAINT session_item_run_id_fkey FOREIGN KEY(run_id)
        REFERENCES chat.run (run_id)
        ON DELETE CASCADE
);
CREATE INDEX session_item_messages_index ON chat.session_item (conversation_id, user_id, position desc)
    WHERE is_message;
CREATE INDEX session_item_run_id_index ON chat.session_item (run_id);
CREATE TABLE chat.tool_call (
    run_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    arguments JSONB,
    status TEXT NOT NULL,
    result JSONB,
    begun_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT tool_call_pkey PRIMARY KEY (run_id, call_id),
    CONSTRAINT tool_call_conversation_id_user_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id)
        ON DELETE CASCADE,
    CONSTRAINT tool_call_status_check CHECK (status in ('running', 'success', 'failure', 'interrupted')),
    CONSTRAINT tool_call_run_id_fkey FOREIGN KEY(run_id)
        REFERENCES chat.run (run_id)
        ON DELETE CASCADE
);
CREATE INDEX tool_call_conversation_id_index ON chat.tool_call (conversation_id);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in ("tool_call", "session_item"):
        op.execute(f'drop table chat."{table}"')
