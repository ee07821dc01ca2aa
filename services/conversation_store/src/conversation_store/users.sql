-- name: take_permits
-- A minute that begins with the first request in it; one statement, on an unlogged table. The count goes on beyond the
-- limit: what it was before is the count less what was asked for.
insert into chat.request_budget as b (user_id, window_started_at, requests_count) values (:user_id, now(), :permits)
on conflict (user_id) do update set
    requests_count = case when b.window_started_at <= now() - interval '60 seconds' then 0
                          else least(b.requests_count, 1000000000) end + :permits,
    window_started_at = case when b.window_started_at <= now() - interval '60 seconds' then now()
                             else b.window_started_at end
returning requests_count,
    greatest(0, extract(epoch from window_started_at + interval '60 seconds' - now()))::float8 as reset_seconds;

-- name: count_export
-- An hour that begins with the first export in it. A refused one is not counted: its transaction is undone.
insert into chat.request_budget as b (user_id, window_started_at, requests_count, exports_since, exports_count)
values (:user_id, now(), 0, now(), 1)
on conflict (user_id) do update set
    exports_count = case when b.exports_since > now() - interval '1 hour' then b.exports_count else 0 end + 1,
    exports_since = case when b.exports_since > now() - interval '1 hour' then b.exports_since else now() end
returning exports_count,
    greatest(0, extract(epoch from exports_since + interval '1 hour' - now()))::float8 as reset_seconds;

-- name: lock_user
select 1 from chat."user" where user_id = :user_id for update;

-- name: running
select run_id from chat.run where user_id = :user_id and status = 'running';

-- name: counts
select (select count(*) from chat.conversation where user_id = :user_id) as conversations,
       (select count(*) from chat.message where user_id = :user_id) as messages,
       (select count(*) from chat.run where user_id = :user_id) as runs,
       (select count(*) from chat.session_item where user_id = :user_id) as session_items,
       (select count(*) from chat.tool_call where user_id = :user_id) as tool_calls,
       (select count(*) from chat.task where user_id = :user_id) as tasks,
       (select count(*) from chat.feedback where user_id = :user_id) as feedback,
       (select count(*) from chat.connection where user_id = :user_id) as connections,
       (select count(*) from chat.pending_decision where user_id = :user_id) as decisions,
       (select count(*) from chat.share where user_id = :user_id) as shares,
       (select count(*) from chat.schedule where user_id = :user_id) as schedules,
       (select count(*) from chat.webhook where user_id = :user_id) as webhooks,
       (select count(*) from chat.service_token where user_id = :user_id) as service_tokens,
       (select count(*) from chat.attachment where user_id = :user_id) as attachments,
       (select coalesce(sum(size_bytes), 0)::bigint from chat.attachment where user_id = :user_id) as attachment_bytes;

-- name: delete_user
-- Takes with it whatever a foreign key ties to the user.
delete from chat."user" where user_id = :user_id;

-- name: delete_outbox
-- This and the next table have no foreign key, to be cheap to write.
delete from chat.outbox where user_id = :user_id and subject not like 'audit.%';

-- name: delete_budget
delete from chat.request_budget where user_id = :user_id;

-- name: delete_usage
-- Nor has this one. After the user, whose runs may have been ending until then.
delete from chat.usage_day where user_id = :user_id;

-- name: write_receipt
insert into chat.erasure_receipt (receipt_id, erased_at, counts) values (:receipt_id, now(), :counts::jsonb);

-- name: time
-- Nobody but an operator may read a receipt, so it is not returned.
select now();

-- name: purge_later
insert into chat.due_purge (subject_filter, due_at)
select :subject_filter, now() + make_interval(secs => s)
from unnest(:delays_seconds::text[]::float8[]) s on conflict do nothing;

-- name: lock_tokens
-- `chat.check_token` holds the shared half of this lock until its transaction ends. The caller's own is no obstacle.
select pg_advisory_xact_lock(hashtextextended(:user_id, 0));

-- name: raise_floor
-- Tokens say their age in whole seconds, so one of this very second is refused as well.
insert into chat.token_floor as f (user_key, valid_from)
values (encode(sha256(convert_to(:user_id, 'UTF8')), 'hex'), date_trunc('second', now()) + interval '1 second')
on conflict (user_key) do update set valid_from = greatest(f.valid_from, excluded.valid_from)
returning valid_from;
