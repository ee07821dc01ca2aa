"""Usage by user and day, counted by whatever ends a run."""

from alembic import op

revision = "0015"
down_revision = "0014"

TABLE = """
CREATE TABLE chat.usage_day (
    user_id TEXT NOT NULL,
    day DATE NOT NULL,
    assistant_id TEXT NOT NULL,
    model TEXT NOT NULL,
    runs BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    CONSTRAINT usage_day_pkey PRIMARY KEY (user_id, day, assistant_id, model)
)
"""
COUNT = """
create function chat.count_usage() returns trigger language plpgsql as $$
begin
    insert into chat.usage_day as d
        (user_id, day, assistant_id, model, runs, failed, requests, input_tokens, output_tokens)
    select new.user_id, (now() at time zone 'utc')::date, c.assistant_id, coalesce(new.model, ''), 1,
        (new.status = 'failed')::int, coalesce((new.usage ->> 'requests')::bigint, 0),
        coalesce((new.usage ->> 'input_tokens')::bigint, 0), coalesce((new.usage ->> 'output_tokens')::bigint, 0)
    from chat.conversation c where c.conversation_id = new.conversation_id and c.user_id = new.user_id
    on conflict (user_id, day, assistant_id, model) do update set
        runs = d.runs + 1, failed = d.failed + excluded.failed, requests = d.requests + excluded.requests,
        input_tokens = d.input_tokens + excluded.input_tokens,
        output_tokens = d.output_tokens + excluded.output_tokens;
    return null;
end $$
"""
# A run ends once: no statement changes the state of one that has ended.
TRIGGER = """
create trigger count_usage after update of status on chat.run for each row
when (old.status not in ('completed', 'failed', 'cancelled') and new.status in ('completed', 'failed', 'cancelled'))
execute function chat.count_usage()
"""
IS_OWNER_OR_SYSTEM = (
    "case when (select current_setting('app.system', true)) = 'on' then true"
    " else user_id = (select current_setting('app.user_id', true)) end"
)


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("alter table chat.usage_day enable row level security")
    op.execute("alter table chat.usage_day force row level security")
    rule = IS_OWNER_OR_SYSTEM
    op.execute(f"create policy owner on chat.usage_day using ({rule}) with check ({rule})")
    op.execute(COUNT)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("drop trigger count_usage on chat.run")
    op.execute("drop function chat.count_usage()")
    op.execute("drop table chat.usage_day")
