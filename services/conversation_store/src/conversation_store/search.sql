-- name: titles
-- A few at most: who searches for a word wants to see where it was said.
select c.conversation_id, c.title, null as message_id, null as role, c.updated_at as created_at, c.title as content
from chat.conversation c
where c.user_id = :user_id and c.search @@ (select chat.search_query(:user_id, :search))
  and (:only_this::text is null or c.conversation_id = :only_this)
order by c.updated_at desc, c.conversation_id desc limit 5;

-- name: messages
-- The ids are found by an index (`chat.search_messages`), the rows read under the policies.
select m.conversation_id, c.title, m.message_id, m.role, m.created_at, left(m.content, 100000) as content
from chat.message m join chat.conversation c using (conversation_id)
where m.user_id = :user_id and c.user_id = :user_id
  and m.message_id = any(array(select chat.search_messages(:search, :limit)))
  and (:only_this::text is null or m.conversation_id = :only_this)
order by m.created_at desc, m.position desc limit :limit;
