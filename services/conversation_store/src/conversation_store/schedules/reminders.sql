-- name: find
select now() as now, s.schedule_id, s.due_at
from (select) one left join chat.schedule s on s.task_id = :task_id and s.user_id = :user_id;

-- name: make
insert into chat.schedule (
    schedule_id, user_id, task_id, kind, text, due_at, time_zone, conversation_id, assistant_id, requester, status,
    next_due_at
)
select :schedule_id, :user_id, :task_id, 'reminder', :text, :due_at::timestamptz, :time_zone, r.conversation_id,
       c.assistant_id, coalesce(r.requester, '{}'), 'active', :due_at::timestamptz
from (select) one
left join chat.run r on r.run_id = :run_id and r.user_id = :user_id
left join chat.conversation c on c.conversation_id = r.conversation_id and c.user_id = :user_id
on conflict (task_id) where task_id is not null do nothing;

-- name: change
-- Another time is waited for anew; one that has come stays as it is.
update chat.schedule
set text = :text, time_zone = :time_zone, due_at = :due_at,
    status = case when due_at = :due_at then status else 'active' end,
    next_due_at = case when due_at = :due_at then next_due_at else :due_at end
where task_id = :task_id and user_id = :user_id;

-- name: forget
delete from chat.schedule where task_id = :task_id and user_id = :user_id;
