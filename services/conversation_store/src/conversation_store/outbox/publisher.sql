-- name: take
-- The oldest rows whose keys nobody else holds. A key's lock is asked for once, so a key is taken whole or not at all:
-- who holds it publishes its rows in order, and nobody else does meanwhile. A row that was removed meanwhile is skipped.
with oldest as materialized (
    select outbox_id, ordering_key from chat.outbox order by outbox_id limit :rows_max
), ours as materialized (
    select ordering_key from (select distinct ordering_key from oldest) keys
    where pg_try_advisory_xact_lock(hashtextextended(ordering_key, 0))
)
select o.outbox_id, o.ordering_key, o.subject, o.headers, o.payload, o.message_id,
       extract(epoch from clock_timestamp() - o.created_at)::float8 as age_when_read_seconds
from oldest join ours using (ordering_key) join chat.outbox o using (outbox_id)
order by o.outbox_id for update of o skip locked;

-- name: remove
delete from chat.outbox where outbox_id = any(:outbox_ids::text[]::bigint[]);

-- name: lag
-- How many rows wait, and the age of the oldest.
select count(*) as waiting, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as lag_seconds
from chat.outbox;
