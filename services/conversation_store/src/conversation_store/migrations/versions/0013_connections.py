"""Connections: what users have allowed at foreign MCP servers, sealed by the runners."""

from alembic import op

revision = "0013"
down_revision = "0010"

TABLE = """
CREATE TABLE chat.connection (
    user_id TEXT NOT NULL,
    server TEXT NOT NULL,
    label TEXT NOT NULL,
    status TEXT NOT NULL,
    sealed TEXT NOT NULL,
    version INTEGER DEFAULT 0 NOT NULL,
    scope TEXT,
    state_hash TEXT,
    authorization_url TEXT,
    asked_until TIMESTAMP WITH TIME ZONE,
    code TEXT,
    issuer TEXT,
    error TEXT,
    connected_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT connection_pkey PRIMARY KEY (user_id, server),
    CONSTRAINT connection_state_hash_key UNIQUE (state_hash),
    CONSTRAINT connection_status_check CHECK (status in ('asked', 'consented', 'declined', 'connected')),
    CONSTRAINT connection_user_id_fkey FOREIGN KEY(user_id) REFERENCES chat."user" (user_id) ON DELETE CASCADE
)
"""
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("alter table chat.connection enable row level security")
    op.execute("alter table chat.connection force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.connection using ({rule}) with check ({rule})")


def downgrade() -> None:
    op.execute("drop table chat.connection")
