-- name: get
select r.run_id, r.conversation_id, r.status, r.epoch, r.cancel_requested, r.model, r.error_code, r.error_detail,
       r.usage, r.created_at, r.started_at, r.finished_at,
       case when r.status = 'waiting' then (
           select json_agg(json_build_object(
               'call_id', p.call_id, 'kind', p.kind, 'tool', p.tool, 'arguments', p.arguments, 'form', p.form,
               'message_id', p.message_id, 'expires_at', p.expires_at
           ) order by p.created_at, p.call_id)
           from chat.pending_decision p
           where p.run_id = r.run_id and p.user_id = :user_id and p.verdict is null
       ) end as waiting_for
from chat.run r where r.run_id = :run_id and r.user_id = :user_id;

-- name: newest_first
-- Their ids are in the order in which they were made.
select r.run_id, r.conversation_id, r.status, r.epoch, r.cancel_requested, r.model, r.error_code, r.error_detail,
       r.usage, r.created_at, r.started_at, r.finished_at,
       case when r.status = 'waiting' then (
           select json_agg(json_build_object(
               'call_id', p.call_id, 'kind', p.kind, 'tool', p.tool, 'arguments', p.arguments, 'form', p.form,
               'message_id', p.message_id, 'expires_at', p.expires_at
           ) order by p.created_at, p.call_id)
           from chat.pending_decision p
           where p.run_id = r.run_id and p.user_id = :user_id and p.verdict is null
       ) end as waiting_for
from chat.run r
where r.user_id = :user_id and (:after::text is null or r.run_id < :after)
  and (:status::text is null or r.status = :status)
  and (:only_this::text is null or r.conversation_id = :only_this)
order by r.run_id desc limit :limit;

-- name: end_run
-- The end, and what a finished run leaves at its conversation: a title where there was none, or a new one.
-- `has_next`: a turn waits. `webhook_ids`: whom to tell.
with ended as (
    update chat.run r
    set status = :status, is_active = false, finished_at = now(), lease_expires_at = null, error_code = :error_code,
        error_detail = :error_detail, usage = coalesce(:usage::jsonb, usage), model = coalesce(:model, model)
    where r.run_id = :run_id and r.user_id = :user_id and r.status in ('queued', 'running', 'waiting')
    returning r.run_id, r.conversation_id, r.status, r.epoch, r.cancel_requested, r.model, r.error_code,
        r.error_detail, r.usage, r.created_at, r.started_at, r.finished_at, (r.action is not null or r.schedule_id is not null) as is_without_message
), touched as (
    update chat.conversation
    set updated_at = now(), title = case when :replaces_title then coalesce(:title, title) else coalesce(title, :title) end,
        openai_conversation_id = coalesce(:openai_conversation_id, openai_conversation_id)
    where conversation_id = (select conversation_id from ended) and user_id = :user_id
)
select ended.*, exists (
    select from chat.run w
    where w.conversation_id = ended.conversation_id and w.user_id = :user_id and w.status = 'queued' and not w.is_active
) as has_next, (
    select array_agg(h.webhook_id) from chat.webhook h
    where h.user_id = :user_id and 'run.' || ended.status = any(h.events)
) as webhook_ids from ended;

-- name: activate_next
-- The oldest turn that waits, unless one is active.
update chat.run r set is_active = true, requested_at = now(), requests_count = r.requests_count + 1
from (
    select run_id from chat.run
    where conversation_id = :conversation_id and user_id = :user_id and status = 'queued' and not is_active
      and not exists (
          select from chat.run where conversation_id = :conversation_id and user_id = :user_id and is_active
      )
    order by turn limit 1
) next
where r.run_id = next.run_id and r.user_id = :user_id
returning r.run_id, r.user_message_id,
    (select c.assistant_id from chat.conversation c where c.conversation_id = r.conversation_id) as assistant_id;

-- name: request_cancel
update chat.run set cancel_requested = true where run_id = :run_id and user_id = :user_id;

-- name: user_item
-- The message of a turn. An action has none: it is about a widget, which is shown already.
select item from chat.message where message_id = :message_id and user_id = :user_id and type = 'user_message';
