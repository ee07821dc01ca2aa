"""Row-level security: a transaction sees the rows of the user that it is for, whatever its SQL forgot to filter."""

from alembic import op

revision = "0005"
down_revision = "0004"

OF_A_USER = (
    "user",
    "conversation",
    "run",
    "message",
    "feedback",
    "session_item",
    "tool_call",
    "task",
    "handled_message",
    "outbox",
    "request_budget",
)
WRITTEN_BY_ANYONE = ("due_purge", "erasure_receipt")
"""Nothing in them belongs to a user; a user's erasure may add a row, only the system reads."""

# Roles belong to the cluster, so another database may have made it, in this moment even. Where the database's user
# is subject to the policies as it is (neither superuser nor BYPASSRLS), the role is a convenience and may be absent.
CREATE_ROLE = """
do $$
begin
    if not exists (select from pg_roles where rolname = 'natter_store') then
        begin
            create role natter_store nologin;
        exception
            when duplicate_object or unique_violation or insufficient_privilege then null;
        end;
    end if;
    if exists (select from pg_roles where rolname = 'natter_store') then
        begin
            if current_setting('server_version_num')::int >= 160000 then
                execute format('grant natter_store to %I with set true', current_user);
            else
                execute format('grant natter_store to %I', current_user);
            end if;
        exception
            when insufficient_privilege then null;
        end;
        grant usage on schema chat to natter_store;
        grant select, insert, update, delete on all tables in schema chat to natter_store;
        revoke all on chat.alembic_version from natter_store;
        alter default privileges in schema chat grant select, insert, update, delete on tables to natter_store;
    end if;
end $$
"""
DROP_GRANTS = """
do $$
begin
    if exists (select from pg_roles where rolname = 'natter_store') then
        alter default privileges in schema chat revoke select, insert, update, delete on tables from natter_store;
        revoke all on all tables in schema chat from natter_store;
        revoke all on schema chat from natter_store;
    end if;
end $$
"""

# Says that a row exists, and nothing else: what tells "another's" (403) from "unknown" (404).
EXISTS_FOR_ANYONE = """
create function chat.exists_for_anyone(kind text, id text) returns boolean language plpgsql as $$
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
    end;
    perform set_config('app.system', before, true);
    return found_one;
end $$
"""
# The settings are read once per query. `case` and not `or`: the planner takes a half of the rows for it, and not the
# few that would make it read and sort a whole conversation for one page.
IS_SYSTEM = "(select current_setting('app.system', true)) = 'on'"
IS_OWNER_OR_SYSTEM = f"case when {IS_SYSTEM} then true else user_id = (select current_setting('app.user_id', true)) end"


def upgrade() -> None:
    op.execute(CREATE_ROLE)
    for table in (*OF_A_USER, *WRITTEN_BY_ANYONE):
        op.execute(f'alter table chat."{table}" enable row level security')
        op.execute(f'alter table chat."{table}" force row level security')
    for table in OF_A_USER:
        rule = IS_OWNER_OR_SYSTEM
        op.execute(f'create policy owner on chat."{table}" using ({rule}) with check ({rule})')
    for table in WRITTEN_BY_ANYONE:
        op.execute(f'create policy system on chat."{table}" using ({IS_SYSTEM}) with check ({IS_SYSTEM})')
        op.execute(f'create policy added on chat."{table}" for insert with check (true)')
    op.execute(EXISTS_FOR_ANYONE)


def downgrade() -> None:
    op.execute("drop function chat.exists_for_anyone(text, text)")
    for table in (*OF_A_USER, *WRITTEN_BY_ANYONE):
        for policy in ("owner", "system", "added"):
            op.execute(f'drop policy if exists {policy} on chat."{table}"')
        op.execute(f'alter table chat."{table}" no force row level security')
        op.execute(f'alter table chat."{table}" disable row level security')
    op.execute(DROP_GRANTS)
