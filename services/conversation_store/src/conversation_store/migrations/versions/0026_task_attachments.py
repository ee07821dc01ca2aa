"""Todos can have files."""

from alembic import op

revision = "0026"
down_revision = "0025"

# As row-level security lets the caller see them, and only those that are still there.
ATTACHMENTS_OF = """
create function chat.attachments_of(owner text, ids text[]) returns jsonb language sql stable as $$
    select case when cardinality(ids) = 0 then '[]'::jsonb else (
        select coalesce(jsonb_agg(jsonb_build_object(
            'attachment_id', a.attachment_id, 'name', a.name, 'mime_type', a.mime_type
        ) order by array_position(ids, a.attachment_id)), '[]'::jsonb)
        from chat.attachment a where a.user_id = owner and a.attachment_id = any(ids)
    ) end
$$
"""


def upgrade() -> None:
    op.execute("alter table chat.task add column attachment_ids text[] not null default '{}'")
    op.execute(ATTACHMENTS_OF)


def downgrade() -> None:
    op.execute("drop function chat.attachments_of(text, text[])")
    op.execute("alter table chat.task drop column attachment_ids")
