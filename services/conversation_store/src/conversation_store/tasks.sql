-- name: know_user
-- And how many todos the user has, counted as far as it matters.
with known as (insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do nothing)
select count(*) from (select from chat.task where user_id = :user_id limit :tasks_max::bigint) counted;

-- name: add
-- A repeated transaction brings the same id: what the first one stored is then returned.
insert into chat.task as t (task_id, user_id, title, description) values (:task_id, :user_id, :title, :description)
on conflict (task_id) do update set task_id = excluded.task_id
returning t.task_id, t.title, t.description, t.completed, t.created_at, t.updated_at;

-- name: update
update chat.task t
set title = coalesce(:title, t.title), description = coalesce(:description, t.description),
    completed = coalesce(:completed, t.completed), updated_at = now()
where t.task_id = :task_id and t.user_id = :user_id
returning t.task_id, t.title, t.description, t.completed, t.created_at, t.updated_at;

-- name: delete
delete from chat.task t where t.task_id = :task_id and t.user_id = :user_id
returning t.task_id, t.title, t.description, t.completed, t.created_at, t.updated_at;

-- name: get
select t.task_id, t.title, t.description, t.completed, t.created_at, t.updated_at
from chat.task t where t.task_id = :task_id and t.user_id = :user_id;

-- name: oldest_first
select t.task_id, t.title, t.description, t.completed, t.created_at, t.updated_at from chat.task t
where t.user_id = :user_id and (t.created_at, t.task_id) > (:created_at, :task_id)
  and (:completed::boolean is null or t.completed = :completed)
  and (:pattern::text is null or t.title ilike :pattern or t.description ilike :pattern)
order by t.created_at, t.task_id limit :limit;

-- name: newest_first
select t.task_id, t.title, t.description, t.completed, t.created_at, t.updated_at from chat.task t
where t.user_id = :user_id and (t.created_at, t.task_id) < (:created_at, :task_id)
  and (:completed::boolean is null or t.completed = :completed)
  and (:pattern::text is null or t.title ilike :pattern or t.description ilike :pattern)
order by t.created_at desc, t.task_id desc limit :limit;
