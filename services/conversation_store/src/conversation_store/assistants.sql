-- name: register
-- In the order of the ids, so that two runners that start at once do not wait for each other in a circle.
insert into chat.assistant as a (assistant_id, card)
select n.assistant_id, n.card from unnest(:assistant_ids::text[], :cards::text[]::jsonb[]) n (assistant_id, card)
on conflict (assistant_id) do update set card = excluded.card, registered_at = now();

-- name: cards
select a.card from unnest(:assistant_ids::text[]) with ordinality o (assistant_id, at)
join chat.assistant a on a.assistant_id = o.assistant_id order by o.at;
