-- Each statement gives rows of one JSON object, ``body``. They run as the system, and read what operators may know: ids,
-- states, times, figures; no message, no title, no argument or result of a tool.

-- name: totals
-- Runs that are not finished, by state: ``enqueued`` ones wait behind another of their conversation. Three indexes hold
-- these few, so that they may be counted every few seconds.
select json_build_object(
    'queued', count(*) filter (where r.status = 'queued'),
    'running', count(*) filter (where r.status = 'running'),
    'waiting', (select count(*) from chat.run where status = 'waiting'),
    'enqueued', (select count(*) from chat.run where status = 'queued' and not is_active),
    'oldest_queued_seconds', coalesce(
        extract(epoch from now() - min(r.requested_at) filter (where r.status = 'queued')), 0)::float8,
    'unleased', count(*) filter (where r.status = 'running' and r.lease_expires_at < now()),
    'outbox', (select count(*) from chat.outbox)
) as body from chat.run r where r.is_active;

-- name: runs
select json_build_object(
    'run_id', r.run_id, 'conversation_id', r.conversation_id, 'user_id', r.user_id, 'assistant_id', c.assistant_id,
    'status', r.status, 'epoch', r.epoch, 'model', r.model, 'total_tokens', (r.usage ->> 'total_tokens')::bigint,
    'error_code', r.error_code, 'created_at', r.created_at, 'started_at', r.started_at, 'finished_at', r.finished_at
) as body
from chat.run r join chat.conversation c using (conversation_id, user_id)
where (:user_id::text is null or r.user_id = :user_id)
  and (:conversation_id::text is null or r.conversation_id = :conversation_id)
  and (:status::text is null or r.status = :status)
  and (r.created_at, r.run_id) < (:before::timestamptz, :before_id)
order by r.created_at desc, r.run_id desc limit :limit;

-- name: run
select json_build_object(
    'run_id', r.run_id, 'conversation_id', r.conversation_id, 'user_id', r.user_id, 'assistant_id', c.assistant_id,
    'agent_name', r.agent_name, 'turn', r.turn, 'status', r.status, 'is_active', r.is_active, 'epoch', r.epoch,
    'runner_id', r.runner_id, 'lease_expires_at', r.lease_expires_at, 'requests_count', r.requests_count,
    'requested_at', r.requested_at, 'cancel_requested', r.cancel_requested, 'checkpoints_count', r.checkpoints_count,
    'stalls_count', r.stalls_count, 'model', r.model, 'usage', r.usage, 'error_code', r.error_code,
    'error_detail', r.error_detail, 'created_at', r.created_at, 'started_at', r.started_at,
    'finished_at', r.finished_at, 'schedule_id', r.schedule_id, 'trace_id', r.trace_id, 'waits_count', r.waits_count,
    'waiting_since', r.waiting_since, 'seconds_waited', r.seconds_waited,
    'tool_calls', (
        select coalesce(json_agg(json_build_object(
            'call_id', t.call_id, 'name', t.name, 'status', t.status, 'epoch', t.epoch, 'begun_at', t.begun_at,
            'finished_at', t.finished_at) order by t.begun_at, t.call_id), '[]')
        from chat.tool_call t where t.run_id = r.run_id
    )
) as body
from chat.run r join chat.conversation c using (conversation_id, user_id) where r.run_id = :key;

-- name: failures
-- Failed runs by their code and assistant, those that ended since then: an index holds the failed ones by their end.
select json_build_object(
    'code', coalesce(r.error_code, 'internal'), 'assistant_id', c.assistant_id, 'runs', count(*),
    'last_at', max(r.finished_at), 'last_run_id', (array_agg(r.run_id order by r.finished_at desc))[1]
) as body
from chat.run r join chat.conversation c using (conversation_id, user_id)
where r.status = 'failed' and r.finished_at >= :since
group by coalesce(r.error_code, 'internal'), c.assistant_id
order by count(*) desc, max(r.finished_at) desc limit :limit;

-- name: users
-- Who was here last, or those that are named, and what they have used this month (UTC).
select json_build_object(
    'user_id', u.user_id, 'created_at', u.created_at, 'last_turn_at', u.last_turn_at, 'seen_at', u.seen_at,
    'runs_this_month', coalesce(used.runs, 0), 'failed_this_month', coalesce(used.failed, 0),
    'tokens_this_month', coalesce(used.tokens, 0)
) as body
from (
    select s.*, coalesce(s.last_turn_at, s.created_at) as seen_at from chat."user" s
    where (cardinality(:user_ids::text[]) = 0 or s.user_id = any(:user_ids::text[]))
      and (coalesce(s.last_turn_at, s.created_at), s.user_id) < (:before::timestamptz, :before_id)
    order by coalesce(s.last_turn_at, s.created_at) desc, s.user_id desc limit :limit
) u
left join lateral (
    select sum(d.runs)::bigint as runs, sum(d.failed)::bigint as failed,
        sum(d.input_tokens + d.output_tokens)::bigint as tokens
    from chat.usage_day d
    where d.user_id = u.user_id and d.day >= date_trunc('month', now() at time zone 'utc')::date
) used on true
order by u.seen_at desc, u.user_id desc;

-- name: conversations
-- Of one user, those that moved last: ids, times and figures. A title is what was said.
select json_build_object(
    'conversation_id', c.conversation_id, 'assistant_id', c.assistant_id, 'created_at', c.created_at,
    'updated_at', c.updated_at, 'archived_at', c.archived_at,
    'messages', (select count(*) from chat.message m
        where m.conversation_id = c.conversation_id and m.user_id = c.user_id),
    'runs', ran.runs, 'failed', ran.failed, 'last_run_id', ran.last_run_id
) as body
from chat.conversation c
left join lateral (
    select count(*) as runs, count(*) filter (where r.status = 'failed') as failed,
        (array_agg(r.run_id order by r.turn desc))[1] as last_run_id
    from chat.run r where r.conversation_id = c.conversation_id and r.user_id = c.user_id
) ran on true
where c.user_id = :user_id and (c.updated_at, c.conversation_id) < (:before::timestamptz, :before_id)
order by c.updated_at desc, c.conversation_id desc limit :limit;

-- name: user
-- What one user has, and has used today and this month (UTC).
select json_build_object(
    'user_id', u.user_id, 'created_at', u.created_at, 'last_turn_at', u.last_turn_at,
    'conversations', (select count(*) from chat.conversation where user_id = u.user_id),
    'messages', (select count(*) from chat.message where user_id = u.user_id),
    'runs', coalesce(ran.runs, 0), 'runs_unfinished', coalesce(ran.unfinished, 0),
    'runs_by_state', coalesce(ran.by_state, '{}'),
    'tasks', (select count(*) from chat.task where user_id = u.user_id),
    'connections', (select count(*) from chat.connection where user_id = u.user_id),
    'schedules', (select count(*) from chat.schedule where user_id = u.user_id),
    'shares', (select count(*) from chat.share where user_id = u.user_id),
    'webhooks', (select count(*) from chat.webhook where user_id = u.user_id),
    'files', kept.files, 'file_bytes', kept.bytes,
    'signed_out_before', (select valid_from from chat.token_floor
        where user_key = encode(sha256(convert_to(u.user_id, 'UTF8')), 'hex')),
    'runs_today', used.runs_today, 'tokens_today', used.tokens_today,
    'runs_this_month', used.runs_month, 'tokens_this_month', used.tokens_month
) as body
from chat."user" u left join lateral (
    select sum(s.runs)::bigint as runs, json_object_agg(s.status, s.runs) as by_state,
        (sum(s.runs) filter (where s.status not in ('completed', 'failed', 'cancelled')))::bigint as unfinished
    from (select status, count(*) as runs from chat.run where user_id = u.user_id group by status) s
) ran on true
left join lateral (
    select count(*) as files, coalesce(sum(size_bytes), 0)::bigint as bytes
    from chat.attachment where user_id = u.user_id
) kept on true
left join lateral (
    select coalesce(sum(d.runs) filter (where d.day = (now() at time zone 'utc')::date), 0)::bigint as runs_today,
        coalesce(sum(d.input_tokens + d.output_tokens)
            filter (where d.day = (now() at time zone 'utc')::date), 0)::bigint as tokens_today,
        coalesce(sum(d.runs), 0)::bigint as runs_month,
        coalesce(sum(d.input_tokens + d.output_tokens), 0)::bigint as tokens_month
    from chat.usage_day d
    where d.user_id = u.user_id and d.day >= date_trunc('month', now() at time zone 'utc')::date
) used on true
where u.user_id = :key;

-- name: usage
-- What runs have used, by the day (UTC) on which they ended. Always by model as well: its price is what a token costs.
select json_build_object(
    'user', d.user_key, 'assistant', d.assistant_key, 'day', d.day_key, 'model', d.model, 'runs', sum(d.runs),
    'failed', sum(d.failed), 'input_tokens', sum(d.input_tokens), 'output_tokens', sum(d.output_tokens)
) as body
from (
    select u.*, case when 'user' = any(:by::text[]) then u.user_id end as user_key,
        case when 'assistant' = any(:by::text[]) then u.assistant_id end as assistant_key,
        case when 'day' = any(:by::text[]) then u.day end as day_key
    from chat.usage_day u
    where (:user_id::text is null or u.user_id = :user_id) and (:since::date is null or u.day >= :since)
) d
group by d.user_key, d.assistant_key, d.day_key, d.model
order by d.day_key desc nulls last, sum(d.input_tokens + d.output_tokens) desc, d.user_key, d.assistant_key, d.model
limit :limit;
