"""What a page of todos has beside each costs nothing where there is nothing, and its counts come with it."""

from alembic import op

revision = "0029"
down_revision = "0028"

READ_ATTACHMENTS = """
create function chat.read_attachments(owner text, ids text[]) returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'attachment_id', a.attachment_id, 'name', a.name, 'mime_type', a.mime_type
    ) order by array_position(ids, a.attachment_id)), '[]'::jsonb)
    from chat.attachment a where a.user_id = owner and a.attachment_id = any(ids)
$$
"""
# Without a query in it, so that the planner writes it into the statement: most todos have no files.
ATTACHMENTS_OF = """
create or replace function chat.attachments_of(owner text, ids text[]) returns jsonb language sql stable as $$
    select case when cardinality(ids) = 0 then '[]'::jsonb else chat.read_attachments(owner, ids) end
$$
"""
TASK_COUNTS = """
create function chat.task_counts(owner text) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'open', count(*) filter (where not completed), 'done', count(*) filter (where completed),
        'due', count(*) filter (where not completed and due_at is not null)
    ) from chat.task where user_id = owner and deleted_at is null
$$
"""
BEFORE = """
create or replace function chat.attachments_of(owner text, ids text[]) returns jsonb language sql stable as $$
    select case when cardinality(ids) = 0 then '[]'::jsonb else (
        select coalesce(jsonb_agg(jsonb_build_object(
            'attachment_id', a.attachment_id, 'name', a.name, 'mime_type', a.mime_type
        ) order by array_position(ids, a.attachment_id)), '[]'::jsonb)
        from chat.attachment a where a.user_id = owner and a.attachment_id = any(ids)
    ) end
$$
"""


def upgrade() -> None:
    op.execute(READ_ATTACHMENTS)
    op.execute(ATTACHMENTS_OF)
    op.execute(TASK_COUNTS)


def downgrade() -> None:
    op.execute("drop function chat.task_counts(text)")
    op.execute(BEFORE)
    op.execute("drop function chat.read_attachments(text, text[])")
