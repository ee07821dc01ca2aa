"""Schedules: turns that begin at a time instead of with a message."""

from alembic import op

revision = "0020"
down_revision = "0019"

TABLE = """
create table chat.schedule (
    schedule_id text not null,
    user_id text not null,
    task_id text,
    kind text not null,
    text text not null,
    due_at timestamptz,
    cron text,
    time_zone text not null,
    conversation_id text,
    assistant_id text,
    requester jsonb not null default '{}'::jsonb,
    status text not null,
    next_due_at timestamptz,
    last_due_at timestamptz,
    last_run_id text,
    last_error_code text,
    created_at timestamptz not null default now(),
    constraint schedule_pkey primary key (schedule_id),
    constraint schedule_user_id_fkey foreign key (user_id) references chat."user" (user_id) on delete cascade,
    constraint schedule_task_id_fkey foreign key (task_id) references chat.task (task_id) on delete cascade,
    constraint schedule_kind_check check (kind in ('reminder', 'prompt')),
    constraint schedule_status_check check (status in ('active', 'paused', 'done')),
    constraint schedule_time_check check ((due_at is null) <> (cron is null)),
    constraint schedule_due_check check ((status = 'active') = (next_due_at is not null))
)
"""
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("create index schedule_user_id_index on chat.schedule (user_id)")
    op.execute("create index schedule_due_index on chat.schedule (next_due_at) where status = 'active'")
    op.execute("create unique index schedule_task_id_key on chat.schedule (task_id) where task_id is not null")
    op.execute("alter table chat.schedule enable row level security")
    op.execute("alter table chat.schedule force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.schedule using ({rule}) with check ({rule})")
    op.execute("alter table chat.run add column schedule_id text")


def downgrade() -> None:
    op.execute("alter table chat.run drop column schedule_id")
    op.execute("drop table chat.schedule")
