"""Shares: links with which strangers read a conversation as far as it had come."""

from alembic import op

revision = "0017"
down_revision = "0016"

TABLE = """
CREATE TABLE chat.share (
    share_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    title TEXT,
    path INT8MULTIRANGE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT share_pkey PRIMARY KEY (share_id),
    CONSTRAINT share_token_hash_key UNIQUE (token_hash),
    CONSTRAINT share_conversation_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id) ON DELETE CASCADE
)
"""
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("create index share_conversation_id_index on chat.share (conversation_id)")
    op.execute("create index share_user_id_index on chat.share (user_id)")
    op.execute("alter table chat.share enable row level security")
    op.execute("alter table chat.share force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.share using ({rule}) with check ({rule})")


def downgrade() -> None:
    op.execute("drop table chat.share")
