"""Attachments: what is known of files. A row that goes, however it goes, leaves word that its bytes are to go."""

from alembic import op

revision = "0022"
down_revision = "0021"

TABLE = """
CREATE TABLE chat.attachment (
    attachment_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    conversation_id TEXT,
    run_id TEXT,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT,
    width INTEGER,
    height INTEGER,
    file_key TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT attachment_pkey PRIMARY KEY (attachment_id),
    CONSTRAINT attachment_source_check CHECK (source IN ('user', 'tool', 'model')),
    CONSTRAINT attachment_state_check CHECK (
        (state = 'pending' AND file_key IS NULL) OR (state = 'stored' AND file_key IS NOT NULL AND sha256 IS NOT NULL)
    ),
    CONSTRAINT attachment_user_id_fkey FOREIGN KEY(user_id) REFERENCES chat."user" (user_id) ON DELETE CASCADE,
    CONSTRAINT attachment_conversation_id_fkey FOREIGN KEY(conversation_id, user_id)
        REFERENCES chat.conversation (conversation_id, user_id) ON DELETE CASCADE
)
"""
DUE = """
CREATE TABLE chat.due_file_deletion (
    file_key TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT due_file_deletion_pkey PRIMARY KEY (file_key, due_at)
)
"""
# At once, and again when an upload that was under way has ended. A cascade comes by here as well: so no way of deleting
# a user, a conversation or an attachment can forget the bytes.
FORGET = """
create function chat.forget_file() returns trigger language plpgsql as $$
begin
    insert into chat.due_file_deletion (file_key, due_at)
    values (old.attachment_id, now()), (old.attachment_id, now() + interval '10 minutes')
    on conflict do nothing;
    return null;
end $$
"""
EXISTS_FOR_ANYONE = """
create or replace function chat.exists_for_anyone(kind text, id text) returns boolean language plpgsql as $$
declare
    found_one boolean;
    before text := coalesce(current_setting('app.system', true), '');
begin
    perform set_config('app.system', 'on', true);
    found_one := case kind
        when 'conversation' then exists (select from chat.conversation where conversation_id = id)
        when 'message' then exists (select from chat.message where message_id = id)
        when 'run' then exists (select from chat.run where run_id = id)
        when 'task' then exists (select from chat.task where task_id = id)
        {attachment}
    end;
    perform set_config('app.system', before, true);
    return found_one;
end $$
"""
OF_ATTACHMENTS = "when 'attachment' then exists (select from chat.attachment where attachment_id = id)"
IS_SYSTEM = "(select current_setting('app.system', true)) = 'on'"
IS_OWNER_OR_SYSTEM = f"case when {IS_SYSTEM} then true else user_id = (select current_setting('app.user_id', true)) end"


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("create index attachment_user_id_index on chat.attachment (user_id, attachment_id)")
    op.execute("create index attachment_conversation_id_index on chat.attachment (conversation_id)")
    op.execute("create index attachment_unused_index on chat.attachment (created_at) where used_at is null")
    op.execute(DUE)
    op.execute(FORGET)
    op.execute(
        "create trigger forget_file after delete on chat.attachment for each row execute function chat.forget_file()"
    )
    for table in ("attachment", "due_file_deletion"):
        op.execute(f"alter table chat.{table} enable row level security")
        op.execute(f"alter table chat.{table} force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.attachment using ({rule}) with check ({rule})")
    op.execute(f"create policy system on chat.due_file_deletion using ({IS_SYSTEM}) with check ({IS_SYSTEM})")
    op.execute("create policy added on chat.due_file_deletion for insert with check (true)")
    op.execute(EXISTS_FOR_ANYONE.format(attachment=OF_ATTACHMENTS))


def downgrade() -> None:
    op.execute(EXISTS_FOR_ANYONE.format(attachment=""))
    op.execute("drop table chat.attachment")
    op.execute("drop table chat.due_file_deletion")
    op.execute("drop function chat.forget_file()")
