-- name: create_token
-- A repeated transaction brings the same id.
insert into chat.service_token as t (token_id, name, token_hash, user_ids, assistant_ids, expires_at)
values (:token_id, :name, :token_hash, :user_ids::jsonb, :assistant_ids::jsonb,
        now() + make_interval(secs => :holds_seconds::float8))
on conflict (token_hash) do update set name = t.name where t.token_id = excluded.token_id
returning t.*;

-- name: know_user
insert into chat."user" (user_id) values (:user_id) on conflict (user_id) do nothing;

-- name: create_own
-- A repeated transaction brings the same id.
insert into chat.service_token as t (token_id, user_id, name, token_hash, user_ids, assistant_ids, expires_at)
select :token_id, :user_id, :name, :token_hash, jsonb_build_array(:user_id::text), :assistants::jsonb,
       now() + make_interval(secs => :holds_seconds::float8)
where (select count(*) from chat.service_token o where o.user_id = :user_id and o.token_id <> :token_id)
      < :tokens_max::bigint
on conflict (token_id) do update set name = t.name returning t.*;

-- name: list_own
select * from chat.service_token where user_id = :user_id order by created_at desc, token_id desc;

-- name: forget_own
delete from chat.service_token where token_id = :token_id and user_id = :user_id;

-- name: list_tokens
select * from chat.service_token order by created_at desc, token_id desc limit :limit;

-- name: revoke_token
update chat.service_token set revoked_at = coalesce(revoked_at, now()) where token_id = :token_id;

-- name: use_token
-- One that holds. When it was used is written once a minute: those who use it at the same time do not wait for a lock.
with held as (
    select * from chat.service_token
    where token_hash = :token_hash and revoked_at is null and (expires_at is null or expires_at > now())
), noted as (
    update chat.service_token t set last_used_at = now() from held
    where t.token_id = held.token_id and (held.last_used_at is null or held.last_used_at < now() - interval '1 minute')
)
select * from held;
