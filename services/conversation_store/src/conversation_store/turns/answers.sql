-- name: find
select m.message_id, m.type, m.content, m.item, m.position, r.turn
from chat.message m left join chat.run r using (run_id)
where m.message_id = :message_id and m.conversation_id = :conversation_id and m.user_id = :user_id;

-- name: last_shown
select message_id, type, item from chat.message
where conversation_id = :conversation_id and user_id = :user_id and not type = any(:hidden_types::text[])
order by position desc limit 1;

-- name: replace_item
update chat.message set item = :item::jsonb where message_id = :message_id and user_id = :user_id;

-- name: delete_after
-- A retried message stays where it is, though the run that answers it is a later turn.
delete from chat.message
where conversation_id = :conversation_id and user_id = :user_id and position > :position
returning message_id, type, position;

-- name: forget_from
-- What the model saw and said from there on.
delete from chat.session_item
where conversation_id = :conversation_id and user_id = :user_id and position >= :position;

-- name: adopt
-- A retried message belongs to the run that answers it now.
update chat.message set run_id = :run_id where message_id = :message_id and user_id = :user_id;
