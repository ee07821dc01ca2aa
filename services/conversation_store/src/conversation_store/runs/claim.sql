-- name: claim
-- The epoch goes up with every claim: whatever an earlier attempt still writes is refused by it.
update chat.run r
set status = 'running', epoch = r.epoch + 1, runner_id = :runner_id, started_at = coalesce(r.started_at, now()),
    lease_expires_at = now() + make_interval(secs => :lease_seconds)
where r.run_id = :run_id and r.user_id = :user_id and r.is_active and r.epoch - r.epoch_waited < :attempts_max
  and (r.status = 'queued'
       or (r.status = 'running' and (r.lease_expires_at <= now() or r.runner_id = :runner_id)))
returning r.run_id, r.conversation_id, r.status, r.epoch, r.cancel_requested, r.model, r.error_code, r.error_detail,
    r.usage, r.created_at, r.started_at, r.finished_at, r.turn, r.user_message_id, r.inference_options,
    r.checkpoints_count, r.stalls_count, r.agent_name, r.requester, r.action,
    r.epoch_waited,
    (extract(epoch from now() - r.started_at) - r.seconds_waited)::float8 as seconds_since_start;

-- name: renew
update chat.run
set lease_expires_at = now() + make_interval(secs => :lease_seconds),
    stalls_count = stalls_count + :has_stalled::boolean::int
where run_id = :run_id and user_id = :user_id and epoch = :epoch and status = 'running'
returning cancel_requested;

-- name: renew_many
-- Renew the leases of many runs. One that somebody else works on right now is passed over: it is renewed by itself.
with free as (
    select r.run_id, a.lease_seconds
    from unnest(:run_ids::text[], :user_ids::text[], :epochs::text[]::int[], :leases_seconds::text[]::float8[])
        a (run_id, user_id, epoch, lease_seconds)
    join chat.run r on r.run_id = a.run_id and r.user_id = a.user_id and r.epoch = a.epoch and r.status = 'running'
    for no key update of r skip locked
)
update chat.run r set lease_expires_at = now() + make_interval(secs => free.lease_seconds)
from free where r.run_id = free.run_id
returning r.run_id, r.user_id, r.epoch, r.cancel_requested;

-- name: load
-- All that a runner needs, in one row. The history reaches back to the n-th message before the turn's first position,
-- and no further than 5000 items. `offset 0` keeps that edge a value that is joined to, so that the index is entered
-- there and not at the conversation's beginning. Of other branches the model sees nothing: a turn is on the path where
-- its answer is, for a message is also on that of its retries.
select c.conversation_id, c.title, c.metadata, c.created_at, c.updated_at, c.openai_conversation_id,
    c.assistant_id, c.status,
    (select a.run_id from chat.run a where a.conversation_id = c.conversation_id and a.is_active) as active_run_id,
    (select m.item from chat.message m where m.message_id = :user_message_id and m.user_id = :user_id) as user_item,
    (select json_agg(json_build_array(s.item, s.bytes) order by s.position) from (
        select s.item, s.position, octet_length(s.item::text) as bytes
        from (
            select coalesce((
                select w.position from chat.session_item w
                where w.conversation_id = :conversation_id and w.user_id = :user_id and w.is_message
                  and w.position < :turn_position
                  and case when c.path @> (w.position / 1000000 * 1000000 + 1) then true else false end
                order by w.position desc offset greatest(:history_messages_max - 1, 0) limit 1
            ), 0) as first_position offset 0
        ) edge join chat.session_item s on s.position >= edge.first_position
        where s.conversation_id = :conversation_id and s.user_id = :user_id and s.position < :turn_position
          and :history_messages_max > 0
          and case when c.path @> (s.position / 1000000 * 1000000 + 1) then true else false end
        order by s.position desc limit 5000
    ) s) as history,
    (select json_agg(json_build_array(s.item, s.is_input) order by s.position) from chat.session_item s
        where s.conversation_id = :conversation_id and s.user_id = :user_id
          and s.position >= :turn_position and s.position < :next_turn_position) as own,
    (select json_agg(json_build_object(
            'message_id', m.message_id, 'conversation_id', m.conversation_id, 'run_id', m.run_id, 'role', m.role,
            'type', m.type, 'content', m.content, 'tool_calls', m.tool_calls, 'item', m.item,
            'position', m.position, 'created_at', m.created_at) order by m.position)
        from chat.message m
        where m.run_id = :run_id and m.user_id = :user_id and m.role = 'assistant') as saved_items,
    (select json_agg(json_build_object(
            'call_id', t.call_id, 'name', t.name, 'arguments', t.arguments, 'status', t.status, 'result', t.result
        ) order by t.begun_at, t.call_id)
        from chat.tool_call t where t.run_id = :run_id and t.user_id = :user_id) as ledger,
    (select json_agg(json_build_object(
            'call_id', p.call_id, 'kind', p.kind, 'verdict', p.verdict, 'reason', p.reason, 'answer', p.answer
        ) order by p.decided_at, p.call_id)
        from chat.pending_decision p
        where p.run_id = :run_id and p.user_id = :user_id and p.verdict is not null) as decisions,
    (select json_agg(s.tool) from chat.standing_approval s
        where s.conversation_id = :conversation_id and s.user_id = :user_id) as standing_approvals
from chat.conversation c where c.conversation_id = :conversation_id and c.user_id = :user_id;
