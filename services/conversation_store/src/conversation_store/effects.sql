-- name: handle
-- Of two with the same key, one waits for the other's commit and then gets no row.
insert into chat.handled_message (run_id, call_id, user_id, message)
select run_id, :call_id, user_id, :message from chat.run where run_id = :run_id and user_id = :user_id
on conflict (run_id, call_id) do nothing returning 1;

-- name: handled
select message, reply from chat.handled_message
where run_id = :run_id and call_id = :call_id and user_id = :user_id;

-- name: keep_reply
update chat.handled_message set reply = :reply::jsonb
where run_id = :run_id and call_id = :call_id and user_id = :user_id;
