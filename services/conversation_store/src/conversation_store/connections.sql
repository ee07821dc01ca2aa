-- name: get
-- What a run needs, while it is its user's and this attempt's.
select c.server, c.label, c.status, c.sealed, c.version, c.scope, c.authorization_url, c.asked_until, c.code, c.issuer,
       c.error, c.connected_at, c.created_at, coalesce(c.status = 'asked' and c.asked_until > now(), false) as is_open
from chat.run r left join chat.connection c on c.user_id = r.user_id and c.server = :server
where r.run_id = :run_id and r.user_id = :user_id and r.epoch = :epoch and r.status = 'running';

-- name: keep
-- A code is good once: whatever is kept after it ends it. No row: the epoch or the version was another.
insert into chat.connection as c (
    user_id, server, label, status, sealed, version, scope, state_hash, authorization_url, asked_until, connected_at
)
select r.user_id, :server, :label, case when :state_hash::text is null then 'connected' else 'asked' end, :sealed, 1,
       :scope, :state_hash::text, :authorization_url, now() + make_interval(secs => :asked_seconds::text::float8),
       case when :state_hash::text is null then now() end
from chat.run r
where r.run_id = :run_id and r.user_id = :user_id and r.epoch = :epoch and r.status = 'running'
  and (:version = 0 or exists (select from chat.connection o where o.user_id = r.user_id and o.server = :server))
on conflict (user_id, server) do update set
    label = excluded.label, status = excluded.status, sealed = excluded.sealed, version = c.version + 1,
    scope = excluded.scope, state_hash = excluded.state_hash, authorization_url = excluded.authorization_url,
    asked_until = excluded.asked_until, code = null, issuer = null, error = null,
    connected_at = case when excluded.status = 'connected' then coalesce(c.connected_at, now()) end, updated_at = now()
where c.version = :version
returning version;

-- name: record_consent
-- Of this user's own question alone, once, while it is open.
update chat.connection
set status = case when :code::text is null then 'declined' else 'consented' end, code = :code, issuer = :issuer,
    error = :error, state_hash = null, authorization_url = null, version = version + 1, updated_at = now()
where user_id = :user_id and state_hash = :state_hash and status = 'asked' and asked_until > now()
returning server, label, status, scope, authorization_url, asked_until, connected_at, created_at;

-- name: list
-- A question whose time is over is no connection.
select server, label, status, scope, authorization_url, asked_until, connected_at, created_at from chat.connection
where user_id = :user_id and (status = 'connected' or asked_until > now()) order by server;

-- name: delete
delete from chat.connection where user_id = :user_id and server = :server;
