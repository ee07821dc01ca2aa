-- name: suspend
-- The epoch at which it begins to wait is kept: claims before it were no failures.
update chat.run
set status = 'waiting', waits_count = waits_count + 1, epoch_waited = epoch, waiting_since = now(),
    lease_expires_at = null
where run_id = :run_id and user_id = :user_id and epoch = :epoch and status = 'running'
returning conversation_id, waits_count;

-- name: ask
insert into chat.pending_decision
    (run_id, call_id, conversation_id, user_id, kind, tool, arguments, form, message_id, standing_name, expires_at)
select :run_id, c.call_id, :conversation_id, :user_id, c.kind, c.tool, c.arguments, c.form, c.message_id,
       c.standing_name, now() + make_interval(secs => least(:expires_seconds, c.expires_seconds))
from unnest(
    :call_ids::text[], :kinds::text[], :tools::text[], :arguments::text[]::jsonb[], :forms::text[]::jsonb[],
    :message_ids::text[], :standing_names::text[], :own_seconds::float8[]
) c (call_id, kind, tool, arguments, form, message_id, standing_name, expires_seconds)
on conflict (run_id, call_id) do update
set kind = excluded.kind, tool = excluded.tool, arguments = excluded.arguments, form = excluded.form,
    message_id = excluded.message_id, standing_name = excluded.standing_name, expires_at = excluded.expires_at,
    verdict = null, reason = null, answer = null, decided_at = null;
