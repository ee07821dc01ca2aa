"""Webhooks: addresses that are told when a user's runs end."""

from alembic import op

revision = "0025"
down_revision = "0024"

TABLE = """
create table chat.webhook (
    webhook_id text constraint webhook_pkey primary key,
    user_id text not null constraint webhook_user_id_fkey references chat."user" (user_id) on delete cascade,
    url text not null,
    secret text not null,
    previous_secret text,
    rotated_at timestamptz,
    created_at timestamptz not null default now(),
    last_attempt_at timestamptz,
    last_error text
)
"""
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("create index webhook_user_id_index on chat.webhook (user_id)")
    op.execute("alter table chat.webhook enable row level security")
    op.execute("alter table chat.webhook force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.webhook using ({rule}) with check ({rule})")


def downgrade() -> None:
    op.execute("drop table chat.webhook")
