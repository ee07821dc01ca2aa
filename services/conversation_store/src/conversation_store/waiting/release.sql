-- name: undecided
-- With the item that asks.
select p.call_id, p.kind, p.tool, p.message_id, p.expires_at <= now() as is_due, m.item
from chat.pending_decision p left join chat.message m on m.message_id = p.message_id and m.user_id = p.user_id
where p.run_id = :run_id and p.user_id = :user_id and p.verdict is null
order by p.created_at, p.call_id;

-- name: decide
-- Compare and set: the first decision stays.
update chat.pending_decision
set verdict = :verdict, reason = :reason, answer = :answer::jsonb, wait = :wait, decided_at = now()
where run_id = :run_id and call_id = :call_id and user_id = :user_id and verdict is null;

-- name: replace_item
update chat.message set item = :item::jsonb where message_id = :message_id and user_id = :user_id;

-- name: go_on
-- The time that it waited does not count as time that it took.
update chat.run r
set status = 'queued', requested_at = now(), requests_count = 1, waiting_since = null,
    seconds_waited = r.seconds_waited + extract(epoch from now() - r.waiting_since),
    cancel_requested = r.cancel_requested or :cancels
where r.run_id = :run_id and r.user_id = :user_id and r.status = 'waiting'
returning (select c.assistant_id from chat.conversation c where c.conversation_id = r.conversation_id) as assistant_id;

-- name: wait_on
update chat.run set waits_count = waits_count + 1 where run_id = :run_id and user_id = :user_id
returning waits_count;
