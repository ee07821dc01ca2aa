-- name: know_user
-- How many schedules the user has that are not done, and what is known of who asks where a run's tool does it. What was
-- done a month ago is forgotten.
with known as (insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do nothing),
forgotten as (
    delete from chat.schedule o
    where o.user_id = :user_id and o.status = 'done' and o.task_id is null and o.last_due_at < now() - interval '30 days'
)
select now() as now,
       (select count(*) from chat.schedule s
        where s.user_id = :user_id and s.task_id is null and s.status <> 'done') as schedules_count,
       r.requester, r.assistant_id
from (select) one left join lateral (
    select r.requester, c.assistant_id from chat.run r
    join chat.conversation c on c.conversation_id = r.conversation_id and c.user_id = r.user_id
    where r.run_id = :run_id and r.user_id = :user_id
) r on true;

-- name: create
-- A repeated transaction brings the same id: what the first one stored is then returned.
insert into chat.schedule as s (
    schedule_id, user_id, kind, text, due_at, cron, time_zone, conversation_id, assistant_id, requester, status, next_due_at
) values (
    :schedule_id, :user_id, :kind, :text, :due_at, :cron, :time_zone, case when not :is_own_conversation then :conversation_id end, :assistant_id,
    :requester::jsonb, 'active', :next_due_at
)
on conflict (schedule_id) do update set schedule_id = excluded.schedule_id
returning s.*;

-- name: list
select s.* from chat.schedule s where s.user_id = :user_id and s.task_id is null
order by s.created_at desc, s.schedule_id desc limit :limit;

-- name: lock
select s.*, now() as now from chat.schedule s
where s.schedule_id = :schedule_id and s.user_id = :user_id and s.task_id is null for update;

-- name: change
update chat.schedule s set status = :status, next_due_at = :next_due_at
where s.schedule_id = :schedule_id and s.user_id = :user_id returning s.*;

-- name: delete
delete from chat.schedule where schedule_id = :schedule_id and user_id = :user_id and task_id is null returning *;
