-- name: find
select m.message_id, m.type, m.content, m.item, m.position, c.path @> m.position as is_shown
from chat.message m join chat.conversation c using (conversation_id, user_id)
where m.message_id = :message_id and m.conversation_id = :conversation_id and m.user_id = :user_id;

-- name: last_shown
select m.message_id, m.type, m.item
from chat.message m join chat.conversation c using (conversation_id, user_id)
where m.conversation_id = :conversation_id and m.user_id = :user_id and not m.type = any(:hidden_types::text[])
  and c.path @> m.position
order by m.position desc limit 1;

-- name: replace_item
update chat.message set item = :item::jsonb where message_id = :message_id and user_id = :user_id;
