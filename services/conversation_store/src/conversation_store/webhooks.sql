-- name: know_user
insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do nothing;

-- name: create
-- A repeated transaction brings the same id.
insert into chat.webhook as h (webhook_id, user_id, url, secret)
select :webhook_id, :user_id, :url, :secret
where (select count(*) from chat.webhook o where o.user_id = :user_id and o.webhook_id <> :webhook_id)
      < :webhooks_max::bigint
on conflict (webhook_id) do update set url = excluded.url returning h.*;

-- name: list
select h.* from chat.webhook h where h.user_id = :user_id order by h.created_at desc, h.webhook_id desc;

-- name: rotate
update chat.webhook h
set previous_secret = case when h.secret = :secret then h.previous_secret else h.secret end, rotated_at = now(),
    secret = :secret
where h.webhook_id = :webhook_id and h.user_id = :user_id returning h.*;

-- name: delete
delete from chat.webhook where webhook_id = :webhook_id and user_id = :user_id;

-- name: prepare
select now() as now, h.url, h.secret, h.previous_secret,
       h.previous_secret is not null and h.rotated_at > now() - interval '1 day' as previous_holds,
       r.run_id, r.conversation_id, r.user_id, r.status, r.error_code, r.schedule_id, r.usage, r.finished_at,
       c.assistant_id
from chat.webhook h
join chat.run r on r.run_id = :run_id and r.user_id = :user_id and r.finished_at is not null
join chat.conversation c on c.conversation_id = r.conversation_id and c.user_id = :user_id
where h.webhook_id = :webhook_id and h.user_id = :user_id;

-- name: record
update chat.webhook set last_attempt_at = now(), last_error = :error
where webhook_id = :webhook_id and user_id = :user_id;
