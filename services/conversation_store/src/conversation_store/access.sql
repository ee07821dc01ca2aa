-- name: find_run
select run_id, conversation_id, status, is_active, epoch, runner_id, turn, user_message_id, cancel_requested,
       waits_count, epoch_waited,
       greatest(0, extract(epoch from lease_expires_at - now()))::float8 as lease_seconds
from chat.run where run_id = :run_id and user_id = :user_id;

-- name: own_message
select 1 from chat.message where message_id = :row_id and user_id = :user_id;

-- name: own_task
select 1 from chat.task where task_id = :row_id and user_id = :user_id;

-- name: exists_for_anyone
select chat.exists_for_anyone(:kind, :row_id);

-- name: own_conversation
select 1 from chat.conversation where conversation_id = :conversation_id and user_id = :user_id;

-- name: lock_conversation
-- Nobody else changes its runs until the commit.
select 1 from chat.conversation where conversation_id = :conversation_id and user_id = :user_id for no key update;

-- name: lock_conversation_of_run
select c.conversation_id from chat.run r join chat.conversation c using (conversation_id)
where r.run_id = :run_id and r.user_id = :user_id for no key update of c;
