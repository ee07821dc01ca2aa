-- Of the branch that one is on; or, whichever that is, of one run, with the message that it answers. `case`: the planner
-- takes a half of the rows for it, and so reads a page in the order of the index.

-- name: oldest_first
select m.message_id, m.conversation_id, m.run_id, m.role, m.type, m.content, m.tool_calls, m.item, m.position,
       m.created_at
from chat.message m
where m.conversation_id = :conversation_id and m.user_id = :user_id and m.position > :position
  and not m.type = any(:hidden_types::text[])
  and case when :run_id::text is null
      then (select path from chat.conversation where conversation_id = :conversation_id and user_id = :user_id)
           @> m.position
      else m.run_id = :run_id or m.message_id = (
          select user_message_id from chat.run where run_id = :run_id and user_id = :user_id
      ) and m.type = 'user_message' end
  and (not :messages_only or m.type in ('user_message', 'assistant_message') or m.tool_calls <> '[]')
order by m.position limit :limit;

-- name: newest_first
select m.message_id, m.conversation_id, m.run_id, m.role, m.type, m.content, m.tool_calls, m.item, m.position,
       m.created_at
from chat.message m
where m.conversation_id = :conversation_id and m.user_id = :user_id and m.position < :position
  and not m.type = any(:hidden_types::text[])
  and case when :run_id::text is null
      then (select path from chat.conversation where conversation_id = :conversation_id and user_id = :user_id)
           @> m.position
      else m.run_id = :run_id or m.message_id = (
          select user_message_id from chat.run where run_id = :run_id and user_id = :user_id
      ) and m.type = 'user_message' end
  and (not :messages_only or m.type in ('user_message', 'assistant_message') or m.tool_calls <> '[]')
order by m.position desc limit :limit;

-- name: one
select m.message_id, m.conversation_id, m.run_id, m.role, m.type, m.content, m.tool_calls, m.item, m.position,
       m.created_at
from chat.message m join chat.conversation c using (conversation_id, user_id)
where m.message_id = :message_id and m.conversation_id = :conversation_id and m.user_id = :user_id
  and not m.type = any(:hidden_types::text[]) and c.path @> m.position;

-- name: position_of
select position from chat.message
where message_id = :message_id and conversation_id = :conversation_id and user_id = :user_id;
