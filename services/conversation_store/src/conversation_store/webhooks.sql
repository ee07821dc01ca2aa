-- name: know_user
insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do nothing;

-- name: create
-- A repeated transaction brings the same id.
insert into chat.webhook as h (webhook_id, user_id, url, events, secret)
select :webhook_id, :user_id, :url, :events::text[], :secret
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
-- Of each webhook the last deliveries are kept. Runners of before say of no run which one it was.
with told as (
    update chat.webhook set last_attempt_at = now(), last_error = :error
    where webhook_id = :webhook_id and user_id = :user_id returning webhook_id
), forgotten as (
    delete from chat.webhook_delivery where webhook_id = :webhook_id and run_id <> :run_id::text and run_id in (
        select run_id from chat.webhook_delivery where webhook_id = :webhook_id
        order by last_attempt_at desc offset :deliveries_max
    )
)
insert into chat.webhook_delivery as d (webhook_id, run_id, user_id, status, attempts_count, error, last_attempt_at)
select webhook_id, :run_id::text, :user_id, :status, :attempt, :error, now() from told where :run_id::text is not null
on conflict (webhook_id, run_id) do update
set status = excluded.status, attempts_count = excluded.attempts_count, error = excluded.error,
    last_attempt_at = excluded.last_attempt_at;

-- name: owned
select 1 from chat.webhook where webhook_id = :webhook_id and user_id = :user_id;

-- name: deliveries
select d.run_id, r.conversation_id, 'run.' || r.status as event, d.status, d.attempts_count, d.last_attempt_at, d.error
from chat.webhook_delivery d
left join chat.run r on r.run_id = d.run_id and r.user_id = d.user_id
where d.webhook_id = :webhook_id and d.user_id = :user_id
order by d.last_attempt_at desc, d.run_id desc limit :limit;

-- name: retry_delivery
-- What it was before: what is on its way is not sent on its way again.
with found as (
    select d.run_id, d.status from chat.webhook_delivery d
    where d.webhook_id = :webhook_id and d.run_id = :run_id and d.user_id = :user_id for update of d
), changed as (
    update chat.webhook_delivery d set status = 'retrying' from found
    where d.webhook_id = :webhook_id and d.run_id = found.run_id and d.user_id = :user_id
)
select status from found;
