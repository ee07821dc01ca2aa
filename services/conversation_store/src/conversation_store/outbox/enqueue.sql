-- name: enqueue
-- Whoever enqueues for a key holds the lock of what it stands for, so nothing can come between this look at what waits
-- and the commit.
with waiting as (
    select distinct ordering_key from chat.outbox where ordering_key = any(:ordering_keys::text[])
)
insert into chat.outbox (user_id, ordering_key, subject, headers, payload, message_id)
select :user_id, * from unnest(
    :ordering_keys::text[], :subjects::text[], :headers::text[]::jsonb[], :payloads::text[], :message_ids::text[]
)
returning outbox_id, message_id, ordering_key in (select ordering_key from waiting) as has_others_before;
