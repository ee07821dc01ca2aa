-- name: lock
-- Lock the user, then the conversation: so limits, idempotency keys and the busy policy see no race. Every transaction
-- takes the two locks in this order. What they hold still is read by the next statement, which sees all that was
-- committed before the locks were granted.
with asker as (
    insert into chat."user" (user_id, last_turn_at) values (:user_id, now())
    on conflict (user_id) do update set last_turn_at = now() returning user_id
)
select now() as now, c.*
from asker left join lateral (
    select c.conversation_id, c.turns_count, coalesce(c.last_turn, c.turns_count) as last_turn, c.assistant_id, c.status
    from chat.conversation c
    where c.conversation_id = :conversation_id and c.user_id = asker.user_id for no key update
) c on true;

-- name: state
-- What the turn finds: the run that its key began before, the active one, those that wait, and the user's last minute.
select replay.*, active.*, waiting.*, unfinished.*, recent.*, stored.*
from (select) one
left join lateral (
    select run_id as replay_run_id, conversation_id as replay_conversation_id, status as replay_status,
           user_message_id as replay_message_id, body_hash as replay_body_hash
    from chat.run where run_id = coalesce(
        (select run_id from chat.run where user_id = :user_id and idempotency_key = :idempotency_key),
        (select run_id from chat.run where user_id = :user_id and run_id = :run_id)
    ) and user_id = :user_id
) replay on true
left join lateral (
    select run_id as active_run_id from chat.run
    where conversation_id = :conversation_id and user_id = :user_id and is_active
) active on true
left join lateral (
    select count(*) as waiting_count from chat.run
    where conversation_id = :conversation_id and user_id = :user_id and status = 'queued' and not is_active
) waiting on true
left join lateral (
    select count(*) as unfinished_count from chat.run where user_id = :user_id and status in ('queued', 'running')
) unfinished on true
left join lateral (
    select count(*) as turns_in_window,
           coalesce(extract(epoch from min(created_at) + interval '60 seconds' - now()), 60)::float8 as frees_seconds
    from chat.run where user_id = :user_id and created_at > now() - interval '60 seconds'
) recent on true
left join lateral (
    select coalesce(sum(turns_count), 0)::bigint as turns_stored from chat.conversation where user_id = :user_id
) stored on true;

-- name: bytes_stored
-- As they lie on the disk, compressed: what a message holds for people, and what the model is shown of it.
select coalesce((select sum(pg_column_size(content) + pg_column_size(item) + pg_column_size(tool_calls))
                 from chat.message where user_id = :user_id), 0)::bigint
     + coalesce((select sum(pg_column_size(item)) from chat.session_item where user_id = :user_id), 0)::bigint;

-- name: write
-- The conversation where it is new (one that is there was locked as this user's own), the run, the message where the
-- turn is one, and what the model is to answer.
with conversation as (
    insert into chat.conversation (conversation_id, user_id, turns_count, assistant_id)
    values (:conversation_id, :user_id, :turn, :assistant_id)
    on conflict (conversation_id) do update
    set turns_count = excluded.turns_count, last_turn = null, updated_at = now()
), run as (
    insert into chat.run (
        run_id, conversation_id, user_id, turn, parent_turn, status, is_active, requests_count, requested_at,
        user_message_id, idempotency_key, body_hash, inference_options, model, session_items_count, requester,
        action, schedule_id, trace_id
    ) values (
        :run_id, :conversation_id, :user_id, :turn, :parent_turn, 'queued', :is_active::boolean,
        :is_active::boolean::int, case when :is_active::boolean then now() end,
        :message_id, :idempotency_key, :body_hash, :inference_options::jsonb, :model,
        cardinality(:session_items::text[]::jsonb[]), :requester::jsonb, :action::jsonb, :schedule_id,
        :trace_id
    )
), message as (
    insert into chat.message (message_id, conversation_id, user_id, run_id, role, type, content, item, position)
    select :message_id, :conversation_id, :user_id, :run_id, 'user', 'user_message', :content, :item::jsonb,
           :turn::bigint * 1000000
    where :item::jsonb is not null
)
insert into chat.session_item (conversation_id, position, user_id, run_id, message_id, is_input, is_message, item)
select :conversation_id, :turn::bigint * 1000000 + s.at - 1, :user_id, :run_id, :message_id, true, s.is_message, s.item
from unnest(:session_items::text[]::jsonb[], :are_messages::text[]::boolean[]) with ordinality s (item, is_message, at);
