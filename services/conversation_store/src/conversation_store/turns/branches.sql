-- name: turns
-- Every turn of a conversation: which one it follows, and where the item stands that it answers.
select r.turn, coalesce(r.parent_turn, r.turn - 1) as parent_turn, m.position as message_position
from chat.run r left join chat.message m on m.message_id = r.user_message_id and m.user_id = r.user_id
where r.conversation_id = :conversation_id and r.user_id = :user_id order by r.turn;

-- name: difference
-- What goes from the view and what comes into it where this path takes the place of the old one.
select m.message_id, m.item, c.path @> m.position as is_shown
from chat.message m join chat.conversation c using (conversation_id, user_id)
where m.conversation_id = :conversation_id and m.user_id = :user_id and not m.type = any(:hidden_types::text[])
  and c.path @> m.position <> :path::text::int8multirange @> m.position
order by m.position;

-- name: set_path
-- OpenAI's copy of a conversation has no branches: a new one is begun.
update chat.conversation set path = :path::text::int8multirange, last_turn = :last_turn, openai_conversation_id = null
where conversation_id = :conversation_id and user_id = :user_id;

-- name: active_run
select run_id from chat.run where conversation_id = :conversation_id and user_id = :user_id and is_active;

-- name: told_apart
-- The turns that failed or were stopped, and those that have siblings; a turn is on the branch where its answer is.
select t.* from (
    select r.run_id, r.turn, coalesce(r.parent_turn, r.turn - 1) as parent_turn, r.user_message_id, r.status,
           r.error_code, r.items_count, c.path @> (r.turn * 1000000::bigint + 1) as is_shown,
           count(*) over (partition by coalesce(r.parent_turn, r.turn - 1)) as versions
    from chat.run r join chat.conversation c using (conversation_id, user_id)
    where r.conversation_id = :conversation_id and r.user_id = :user_id
      and r.parent_turn is distinct from -1 and r.user_message_id is not null and r.action is null and r.schedule_id is null
) t
where t.versions > 1 or (t.is_shown and t.status in ('failed', 'cancelled'))
order by t.turn desc limit :limit;
