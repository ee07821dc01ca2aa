"""The todos, and the inbox that makes a tool's effect happen once."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE chat.task (
    task_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    completed BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT task_pkey PRIMARY KEY (task_id),
    CONSTRAINT task_title_check CHECK (length(title) between 1 and 200),
    CONSTRAINT task_user_id_fkey FOREIGN KEY(user_id) REFERENCES chat."user" (user_id) ON DELETE CASCADE
);
CREATE INDEX task_user_id_created_at_task_id_index ON chat.task (user_id, created_at, task_id);
CREATE TABLE chat.handled_message (
    run_id TEXT NOT NULL,
    call_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    message TEXT NOT NULL,
    reply JSONB,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT handled_message_pkey PRIMARY KEY (run_id, call_id),
    CONSTRAINT handled_message_run_id_fkey FOREIGN KEY(run_id) REFERENCES chat.run (run_id) ON DELETE CASCADE
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in ("handled_message", "task"):
        op.execute(f'drop table chat."{table}"')
