-- name: begin
-- Write the call, or find it; one that had come to a question is begun anew. The run's row is locked against a claim meanwhile: an attempt that was fenced writes none.
with fence as (
    select conversation_id from chat.run
    where run_id = :run_id and user_id = :user_id and epoch = :epoch and status = 'running' for share
)
insert into chat.tool_call as t (run_id, call_id, conversation_id, user_id, name, arguments, status, epoch)
select :run_id, :call_id, conversation_id, :user_id, :name, :arguments::jsonb, 'running', :epoch from fence
on conflict (run_id, call_id) do update set epoch = case when t.asks then excluded.epoch else t.epoch end, asks = false
returning t.call_id, t.name, t.arguments, t.status, t.result, t.attachments, t.epoch;

-- name: finish
-- The first result stays. `running`: it has come to a question.
with fence as (
    select run_id from chat.run
    where run_id = :run_id and user_id = :user_id and epoch = :epoch and status = 'running' for share
)
update chat.tool_call t
set status = case when t.finished_at is null then :status else t.status end,
    result = case when t.finished_at is null then :result::jsonb else t.result end,
    asks = t.finished_at is null and :status = 'running',
    attachments = case when t.finished_at is null then :attachments::jsonb else t.attachments end,
    finished_at = case when :status = 'running' then t.finished_at else coalesce(t.finished_at, now()) end
from fence where t.run_id = fence.run_id and t.call_id = :call_id and t.user_id = :user_id
returning t.call_id, t.name, t.arguments, t.status, t.result, t.attachments, t.epoch;
