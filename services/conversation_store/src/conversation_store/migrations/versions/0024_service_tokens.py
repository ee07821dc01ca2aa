"""Service tokens: with one, another system begins turns for users."""

from alembic import op

revision = "0024"
down_revision = "0023"

TABLE = """
create table chat.service_token (
    token_id text constraint service_token_pkey primary key,
    name text not null,
    token_hash text not null constraint service_token_token_hash_key unique,
    user_ids jsonb not null default '[]'::jsonb,
    assistant_ids jsonb not null default '[]'::jsonb,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
)
"""
IS_SYSTEM = "(select current_setting('app.system', true)) = 'on'"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("alter table chat.service_token enable row level security")
    op.execute("alter table chat.service_token force row level security")
    op.execute(f"create policy system on chat.service_token using ({IS_SYSTEM}) with check ({IS_SYSTEM})")


def downgrade() -> None:
    op.execute("drop table chat.service_token")
