-- name: know_user
-- And how many todos the user has, counted as far as it matters.
with known as (insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do nothing)
select count(*) from (
    select from chat.task where user_id = :user_id and deleted_at is null limit :tasks_max::bigint
) counted;

-- name: add
-- On top. What one run adds stands together, in the order in which it was added: on top of what was there before it.
-- A repeated transaction brings the same id: what the first one stored is then returned.
insert into chat.task as t (
    task_id, user_id, title, description, attachment_ids, due_at, due_zone, due_all_day, recurrence, position
)
values (:task_id, :user_id, :title, :description, :attachment_ids::text[], (:due::jsonb ->> 'at')::timestamptz, :due::jsonb ->> 'zone',
    coalesce((:due::jsonb ->> 'all_day')::boolean, false), :due::jsonb ->> 'recurrence', coalesce((
        select -1 - extract(epoch from r.created_at) + least(extract(epoch from clock_timestamp() - r.created_at) / 3600, 0.9)
        from chat.run r where r.run_id = :run_id and r.user_id = :user_id
    ), -extract(epoch from clock_timestamp())))
on conflict (task_id) do update set task_id = excluded.task_id
returning t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at;

-- name: add_next
-- Of a todo that comes again: the same once more, in the same place.
insert into chat.task as t
    (task_id, user_id, title, description, attachment_ids, due_at, due_zone, due_all_day, recurrence, position)
select :next_task_id, user_id, coalesce(:title, title), coalesce(:description, description),
    coalesce(:attachment_ids::text[], attachment_ids),
    (:due::jsonb ->> 'at')::timestamptz, :due::jsonb ->> 'zone',
    coalesce((:due::jsonb ->> 'all_day')::boolean, false), :due::jsonb ->> 'recurrence', position
from chat.task where task_id = :task_id and user_id = :user_id
returning t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at;

-- name: take_back_next
-- Unless it was changed or completed since.
delete from chat.task t
where t.task_id = :next_task_id and t.user_id = :user_id and not t.completed and t.updated_at = t.created_at
  and t.deleted_at is null
returning t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at;

-- name: lock
select t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at, t.next_task_id
from chat.task t where t.task_id = :task_id and t.user_id = :user_id and t.deleted_at is null for update;

-- name: update
update chat.task t
set title = coalesce(:title, t.title), description = coalesce(:description, t.description),
    completed = coalesce(:completed, t.completed), next_task_id = :next_task_id,
    attachment_ids = coalesce(:attachment_ids::text[], t.attachment_ids),
    due_at = (:due::jsonb ->> 'at')::timestamptz, due_zone = :due::jsonb ->> 'zone',
    due_all_day = coalesce((:due::jsonb ->> 'all_day')::boolean, false), recurrence = :due::jsonb ->> 'recurrence',
    position = coalesce(:position::double precision, t.position), updated_at = now()
where t.task_id = :task_id and t.user_id = :user_id
returning t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at;

-- name: place_at_end
-- Nothing comes before what is put on top now, as with what is added.
select case when :is_first::boolean then -extract(epoch from clock_timestamp())::double precision
            else coalesce(max(position), 0) + 1 end
from chat.task where user_id = :user_id and task_id <> :task_id;

-- name: place_beside
-- The place beside another todo, halfway to its neighbour; null where no number lies between the two. Todos that are
-- deleted keep their place, to come back to.
select case when not o.is_found then null
            when o.neighbour is null then o.position + case when :is_before::boolean then -1 else 1 end
            when (o.position + o.neighbour) / 2 not in (o.position, o.neighbour) then (o.position + o.neighbour) / 2
       end as position, o.is_found
from (
    select other.position is not null as is_found, other.position, case when :is_before::boolean
        then (select max(t.position) from chat.task t
              where t.user_id = :user_id and t.task_id <> :task_id and t.position <= other.position
                and (t.position, t.task_id) < (other.position, :other_id))
        else (select min(t.position) from chat.task t
              where t.user_id = :user_id and t.task_id <> :task_id and t.position >= other.position
                and (t.position, t.task_id) > (other.position, :other_id)) end as neighbour
    from (select :other_id::text as task_id) asked
    left join chat.task other
        on other.task_id = asked.task_id and other.user_id = :user_id and other.deleted_at is null
) o;

-- name: spread
-- Gives all todos room again, in the order that they have; what is added from now on still comes before them.
update chat.task t set position = spread.position
from (
    select task_id, -extract(epoch from now())::double precision
        + 1024 * row_number() over (order by position, task_id) as position
    from chat.task where user_id = :user_id
) spread
where t.task_id = spread.task_id and t.user_id = :user_id;

-- name: delete
update chat.task t set deleted_at = now()
where t.task_id = :task_id and t.user_id = :user_id and t.deleted_at is null
returning t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at;

-- name: clear
with cleared as (
    update chat.task set deleted_at = now()
    where user_id = :user_id and completed and deleted_at is null returning 1
)
select count(*) as count, now() as cleared_at from cleared;

-- name: restore
update chat.task t set deleted_at = null
where t.task_id = :task_id and t.user_id = :user_id
  and (t.deleted_at is null or t.deleted_at > now() - make_interval(secs => :undo_seconds))
returning t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at;

-- name: restore_cleared
update chat.task set deleted_at = null
where user_id = :user_id and deleted_at = :cleared_at and deleted_at > now() - make_interval(secs => :undo_seconds);

-- name: get
select t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at
from chat.task t where t.task_id = :task_id and t.user_id = :user_id and t.deleted_at is null;

-- name: count
-- Where a page has no row that could bring them.
select chat.task_counts(u.user_id) from chat."user" u where u.user_id = :user_id;

-- name: oldest_first
select t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at,
    (select chat.task_counts(:user_id) where :is_first::boolean) as counts
from chat.task t
where t.user_id = :user_id and t.deleted_at is null and (t.created_at, t.task_id) > (:created_at, :task_id)
  and (:completed::boolean is null or t.completed = :completed) and (not :has_date::boolean or t.due_at is not null)
  and (:pattern::text is null or t.title ilike :pattern or t.description ilike :pattern)
order by t.created_at, t.task_id limit :limit;

-- name: newest_first
select t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at,
    (select chat.task_counts(:user_id) where :is_first::boolean) as counts
from chat.task t
where t.user_id = :user_id and t.deleted_at is null and (t.created_at, t.task_id) < (:created_at, :task_id)
  and (:completed::boolean is null or t.completed = :completed) and (not :has_date::boolean or t.due_at is not null)
  and (:pattern::text is null or t.title ilike :pattern or t.description ilike :pattern)
order by t.created_at desc, t.task_id desc limit :limit;

-- name: by_position
-- The list as its owner sees it.
select t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at,
    (select chat.task_counts(:user_id) where :is_first::boolean) as counts
from chat.task t
where t.user_id = :user_id and t.deleted_at is null
  and (t.completed, t.position, t.task_id) > (:after_completed::boolean, :after_position::double precision, :task_id)
  and (:completed::boolean is null or t.completed = :completed)
  and (:pattern::text is null or t.title ilike :pattern or t.description ilike :pattern)
order by t.completed, t.position, t.task_id limit :limit;

-- name: by_date
select t.task_id, t.title, t.description, t.completed, t.due_at, t.due_zone, t.due_all_day, t.recurrence,
    t.position, chat.attachments_of(t.user_id, t.attachment_ids) as attachments, t.created_at, t.updated_at,
    (select chat.task_counts(:user_id) where :is_first::boolean) as counts
from chat.task t
where t.user_id = :user_id and t.deleted_at is null and not t.completed and t.due_at is not null
  and (t.due_at, t.task_id) > (:due_at, :task_id)
  and (:pattern::text is null or t.title ilike :pattern or t.description ilike :pattern)
order by t.due_at, t.task_id limit :limit;
