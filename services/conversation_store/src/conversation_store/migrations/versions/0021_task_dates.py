"""Todos have a date, a place in the list, and a while in which their deletion can be taken back."""

from alembic import op

revision = "0021"
down_revision = "0020"

COLUMNS = """
alter table chat.task
    add column due_at timestamp with time zone,
    add column due_zone text,
    add column due_all_day boolean default false not null,
    add column recurrence text,
    add column next_task_id text,
    add column position double precision default (-extract(epoch from clock_timestamp()))::double precision not null,
    add column deleted_at timestamp with time zone,
    add constraint task_due_check check ((due_at is null) = (due_zone is null)),
    add constraint task_recurrence_check check (recurrence is null or due_at is not null)
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    # Newest first, as the pages have shown them so far.
    op.execute("update chat.task set position = -extract(epoch from created_at)")
    op.execute(
        "create index task_list_index on chat.task (user_id, completed, position, task_id) where deleted_at is null"
    )
    op.execute(
        "create index task_due_index on chat.task (user_id, due_at, task_id)"
        " where due_at is not null and not completed and deleted_at is null"
    )
    op.execute("create index task_deleted_at_index on chat.task (deleted_at) where deleted_at is not null")


def downgrade() -> None:
    op.execute("delete from chat.task where deleted_at is not null")
    op.execute(
        "alter table chat.task drop column due_at, drop column due_zone, drop column due_all_day,"
        " drop column recurrence, drop column next_task_id, drop column position, drop column deleted_at"
    )
