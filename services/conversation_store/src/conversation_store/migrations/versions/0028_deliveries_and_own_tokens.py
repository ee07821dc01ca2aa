"""Users see how their webhooks were told, choose of what, and make service tokens of their own."""

from alembic import op

revision = "0028"
down_revision = "0027"

DELIVERY = """
create table chat.webhook_delivery (
    webhook_id text not null
        constraint webhook_delivery_webhook_id_fkey references chat.webhook (webhook_id) on delete cascade,
    run_id text not null,
    user_id text not null constraint webhook_delivery_user_id_fkey references chat."user" (user_id) on delete cascade,
    status text not null,
    attempts_count integer not null default 0,
    error text,
    last_attempt_at timestamptz not null default now(),
    constraint webhook_delivery_pkey primary key (webhook_id, run_id),
    constraint webhook_delivery_status_check check (status in ('retrying', 'delivered', 'given_up'))
)
"""
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)
IS_SYSTEM = "(select current_setting('app.system', true)) = 'on'"


def upgrade() -> None:
    op.execute(
        "alter table chat.webhook add column events text[] not null default '{run.completed,run.failed,run.cancelled}'"
    )
    op.execute(DELIVERY)
    op.execute("create index webhook_delivery_user_id_index on chat.webhook_delivery (user_id)")
    op.execute("alter table chat.webhook_delivery enable row level security")
    op.execute("alter table chat.webhook_delivery force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.webhook_delivery using ({rule}) with check ({rule})")
    # An operator's token has no user, and is no user's to see.
    op.execute(
        "alter table chat.service_token add column user_id text"
        ' constraint service_token_user_id_fkey references chat."user" (user_id) on delete cascade'
    )
    op.execute("create index service_token_user_id_index on chat.service_token (user_id)")
    op.execute("drop policy system on chat.service_token")
    op.execute(f"create policy owner on chat.service_token using ({rule}) with check ({rule})")


def downgrade() -> None:
    op.execute("delete from chat.service_token where user_id is not null")
    op.execute("drop policy owner on chat.service_token")
    op.execute(f"create policy system on chat.service_token using ({IS_SYSTEM}) with check ({IS_SYSTEM})")
    op.execute("alter table chat.service_token drop column user_id")
    op.execute("drop table chat.webhook_delivery")
    op.execute("alter table chat.webhook drop column events")
