-- name: due
-- The longest overdue first, and of each user a few: the index has active ones alone.
select schedule_id, user_id from (
    select schedule_id, user_id, next_due_at, row_number() over (partition by user_id order by next_due_at) as number
    from chat.schedule where status = 'active' and next_due_at <= now() and schedule_id <> all(:tried::text[])
) due where number <= :due_of_user_max order by next_due_at limit :due_max;

-- name: lock_user
-- Whoever is at it (another replica, or a turn of the user's) is not waited for: the next sweep comes soon. A user who
-- was erased meanwhile is not made again.
select 1 from chat."user" where user_id = :user_id for no key update skip locked;

-- name: still_due
-- Looked at again under the lock. A conversation that was deleted meanwhile is none.
select s.*, now() as now, c.conversation_id as known_conversation_id
from chat.schedule s
left join chat.conversation c on c.conversation_id = s.conversation_id and c.user_id = s.user_id
where s.schedule_id = :schedule_id and s.user_id = :user_id and s.status = 'active' and s.next_due_at <= now();

-- name: name_conversation
update chat.conversation set title = :title where conversation_id = :conversation_id and user_id = :user_id;

-- name: advance
update chat.schedule
set status = case when :next_due_at::timestamptz is null then 'done' else status end, next_due_at = :next_due_at,
    last_due_at = :due_at, last_run_id = coalesce(:run_id, last_run_id), last_error_code = :error_code,
    conversation_id = coalesce(:conversation_id, conversation_id)
where schedule_id = :schedule_id and user_id = :user_id and status = 'active' and next_due_at = :due_at;
