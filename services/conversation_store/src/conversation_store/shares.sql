-- name: create
-- No row: the user has as many links as may be, or this one was made before. What a turn that has not ended may still
-- write is not shared: it would change under the reader.
insert into chat.share (share_id, user_id, conversation_id, token_hash, title, path)
select :share_id, c.user_id, c.conversation_id, :token_hash, c.title,
       c.path * int8multirange(int8range(null, 1000000 * coalesce(
           (select min(r.turn) from chat.run r where r.conversation_id = c.conversation_id and r.user_id = c.user_id
            and r.status not in ('completed', 'failed', 'cancelled')), c.turns_count + 1)))
from chat.conversation c
where c.conversation_id = :conversation_id and c.user_id = :user_id
  and (select count(*) from chat.share o where o.user_id = :user_id) < :shares_max::text::int
on conflict (token_hash) do nothing;

-- name: made
select share_id, conversation_id, title, created_at from chat.share
where token_hash = :token_hash and conversation_id = :conversation_id and user_id = :user_id;

-- name: says_something
select exists (
    select from chat.share s join chat.message m on m.conversation_id = s.conversation_id and m.user_id = s.user_id
    where s.share_id = :share_id and s.user_id = :user_id and s.path @> m.position
      and m.type in ('user_message', 'assistant_message')
);

-- name: list
select share_id, conversation_id, title, created_at from chat.share
where user_id = :user_id and (:conversation_id::text is null or conversation_id = :conversation_id)
order by created_at desc, share_id desc;

-- name: revoke
delete from chat.share where share_id = :share_id and conversation_id = :conversation_id and user_id = :user_id;

-- name: find
-- Of whom and of what a link is: asked by the system, because who has it is nobody whom we know.
select share_id, user_id, conversation_id, title, path::text as path, created_at from chat.share
where token_hash = :token_hash;

-- name: items
-- Read as the user whose link it is, under the policies.
select m.item, m.content, '' as tool_calls, m.position, m.created_at from chat.message m
where m.conversation_id = :conversation_id and m.user_id = :user_id
  and :path::text::int8multirange @> m.position and m.position > :position and m.type = any(:types::text[])
order by m.position limit :limit;
