-- name: lock_user
-- Of a user's uploads one after the other is let in, so that the quota holds.
insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do update set user_id = excluded.user_id
returning user_id;

-- name: stored
select count(*) as files, coalesce(sum(size_bytes), 0)::bigint as bytes from chat.attachment where user_id = :user_id;

-- name: create
insert into chat.attachment (attachment_id, user_id, conversation_id, source, state, name, mime_type, size_bytes)
values (:attachment_id, :user_id, :conversation_id, 'user', 'pending', :name, :mime_type, :size_bytes)
on conflict (attachment_id) do update set attachment_id = excluded.attachment_id
returning *;

-- name: finish
update chat.attachment set state = 'stored', file_key = :file_key, mime_type = :mime_type, size_bytes = :size_bytes,
    sha256 = :sha256, width = :width, height = :height, stored_at = now()
where attachment_id = :attachment_id and user_id = :user_id and state = 'pending'
returning *;

-- name: keep
-- Only while the run is this attempt's; what a dead attempt has kept under the same id is that of this one too. It is
-- in use once an item shows it.
insert into chat.attachment as a (
    attachment_id, user_id, conversation_id, run_id, source, state, name, mime_type, size_bytes, sha256, width, height,
    file_key, stored_at
)
select :attachment_id, r.user_id, r.conversation_id, r.run_id, :source, 'stored', :name, :mime_type, :size_bytes::bigint,
       :sha256, :width::int, :height::int, :file_key, now()
from chat.run r
where r.run_id = :run_id and r.user_id = :user_id and r.epoch = :epoch and r.status = 'running'
on conflict (attachment_id) do update set attachment_id = excluded.attachment_id where a.run_id = excluded.run_id
returning *;

-- name: get
select * from chat.attachment where attachment_id = :attachment_id and user_id = :user_id;

-- name: list
select * from chat.attachment
where user_id = :user_id and attachment_id < :after and (:conversation_id::text is null or conversation_id = :conversation_id)
order by attachment_id desc limit :limit;

-- name: named
select * from chat.attachment
where attachment_id = any(:attachment_ids::text[]) and user_id = :user_id and state = 'stored';

-- name: lock_named
select * from chat.attachment where attachment_id = any(:attachment_ids::text[]) and user_id = :user_id
for no key update;

-- name: use
update chat.attachment set conversation_id = :conversation_id, used_at = coalesce(used_at, now())
where attachment_id = any(:attachment_ids::text[]) and user_id = :user_id;

-- name: use_elsewhere
update chat.attachment set used_at = coalesce(used_at, now())
where attachment_id = any(:attachment_ids::text[]) and user_id = :user_id;

-- name: delete
delete from chat.attachment where attachment_id = :attachment_id and user_id = :user_id;

-- name: delete_file_later
insert into chat.due_file_deletion (file_key, due_at) values (:file_key, now()) on conflict do nothing;

-- name: delete_unused
-- An upload that was never finished, a file that was never sent, a picture of a run that no item shows.
with unused as (
    select attachment_id, user_id from chat.attachment
    where used_at is null and (
        (state = 'pending' and created_at < now() - make_interval(secs => :pending_seconds))
        or (state = 'stored' and created_at < now() - make_interval(secs => :unused_seconds))
    )
    order by created_at limit :limit for update skip locked
), deleted as (
    delete from chat.attachment a using unused u
    where a.attachment_id = u.attachment_id and a.user_id = u.user_id returning 1
)
select count(*) from deleted;

-- name: take_due_deletions
-- They are forgotten when the transaction commits.
delete from chat.due_file_deletion where (file_key, due_at) in (
    select file_key, due_at from chat.due_file_deletion where due_at <= now() order by due_at limit :limit
    for update skip locked
) returning file_key;

-- name: known
select attachment_id, file_key from chat.attachment where attachment_id = any(:attachment_ids::text[]);
