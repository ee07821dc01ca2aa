-- name: waiting
-- In the order of their conversations, which are locked one after the other.
select p.run_id from chat.pending_decision p
where p.user_id = :user_id and p.kind = 'consent' and p.tool = :server and p.verdict is null
order by p.conversation_id, p.run_id;

-- name: lock_connections
-- Who records an answer meanwhile is waited for; who does it after this commit finds the run waiting.
select server, status from chat.connection where user_id = :user_id and server = any(:servers::text[])
order by server for share;
