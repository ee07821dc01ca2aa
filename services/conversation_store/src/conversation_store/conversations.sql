-- name: get
select c.conversation_id, c.title, c.metadata, c.created_at, c.updated_at, c.assistant_id, c.pinned_at, c.archived_at,
    c.status,
    (select a.run_id from chat.run a where a.conversation_id = c.conversation_id and a.is_active) as active_run_id,
    exists (
        select from chat.run w where w.conversation_id = c.conversation_id and w.is_active and w.status = 'waiting'
    ) as is_waiting
from chat.conversation c where c.conversation_id = :conversation_id and c.user_id = :user_id;

-- name: newest_first
-- A page from behind a cursor; `only_this`: the conversation that a principal is bound to; `words`: to search for.
select c.conversation_id, c.title, c.metadata, c.created_at, c.updated_at, c.assistant_id, c.pinned_at, c.archived_at,
    c.status,
    (select a.run_id from chat.run a where a.conversation_id = c.conversation_id and a.is_active) as active_run_id,
    exists (
        select from chat.run w where w.conversation_id = c.conversation_id and w.is_active and w.status = 'waiting'
    ) as is_waiting
from chat.conversation c
where c.user_id = :user_id and (c.updated_at, c.conversation_id) < (:updated_at, :conversation_id)
  and (:only_this::text is null or c.conversation_id = :only_this)
  and (:pinned::boolean is null or (c.pinned_at is not null) = :pinned)
  and (:archived::boolean is null or (c.archived_at is not null) = :archived)
  and (:words::text is null
       or c.search @@ (select chat.search_query(:user_id, :words))
       or c.conversation_id in (
           select m.conversation_id from chat.message m
           where m.user_id = :user_id and m.message_id = any(array(select chat.search_messages(:words, 1000)))
       ))
order by c.updated_at desc, c.conversation_id desc limit :limit;

-- name: oldest_first
select c.conversation_id, c.title, c.metadata, c.created_at, c.updated_at, c.assistant_id, c.pinned_at, c.archived_at,
    c.status,
    (select a.run_id from chat.run a where a.conversation_id = c.conversation_id and a.is_active) as active_run_id,
    exists (
        select from chat.run w where w.conversation_id = c.conversation_id and w.is_active and w.status = 'waiting'
    ) as is_waiting
from chat.conversation c
where c.user_id = :user_id and (c.updated_at, c.conversation_id) > (:updated_at, :conversation_id)
  and (:only_this::text is null or c.conversation_id = :only_this)
  and (:pinned::boolean is null or (c.pinned_at is not null) = :pinned)
  and (:archived::boolean is null or (c.archived_at is not null) = :archived)
  and (:words::text is null
       or c.search @@ (select chat.search_query(:user_id, :words))
       or c.conversation_id in (
           select m.conversation_id from chat.message m
           where m.user_id = :user_id and m.message_id = any(array(select chat.search_messages(:words, 1000)))
       ))
order by c.updated_at, c.conversation_id limit :limit;

-- name: update
update chat.conversation c
set title = coalesce(:title, c.title), metadata = coalesce(:metadata::jsonb, c.metadata),
    updated_at = case when :title::text is null and :metadata::jsonb is null then c.updated_at else now() end,
    pinned_at = case when :pinned::boolean is null then c.pinned_at when :pinned then coalesce(c.pinned_at, now()) end,
    archived_at = case when :archived::boolean is null then c.archived_at
                       when :archived then coalesce(c.archived_at, now()) end
where c.conversation_id = :conversation_id and c.user_id = :user_id
returning c.conversation_id, c.title, c.metadata, c.created_at, c.updated_at, c.assistant_id, c.pinned_at, c.archived_at,
    c.status,
    (select a.run_id from chat.run a where a.conversation_id = c.conversation_id and a.is_active) as active_run_id,
    exists (
        select from chat.run w where w.conversation_id = c.conversation_id and w.is_active and w.status = 'waiting'
    ) as is_waiting;

-- name: unfinished_runs
-- The active one last: so that ending the others starts none.
select run_id, status from chat.run
where conversation_id = :conversation_id and user_id = :user_id and status in ('queued', 'running', 'waiting')
order by turn desc;

-- name: delete
delete from chat.conversation where conversation_id = :conversation_id and user_id = :user_id;

-- name: record_feedback
-- The newest one counts.
insert into chat.feedback (message_id, user_id, kind)
select message_id, :user_id, :kind from chat.message
where conversation_id = :conversation_id and user_id = :user_id and message_id = any(:message_ids::text[])
on conflict (message_id) do update set kind = excluded.kind, created_at = now();
