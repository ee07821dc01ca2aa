-- name: write
-- Check the epoch and take the positions, then store items and session items at them: a stale attempt takes none and
-- writes nothing. Items of ids that are there replace them, and keep their positions; also those of earlier turns, as
-- far as they are on the branch that one is on.
with reserved as (
    update chat.run
    set items_count = items_count + cardinality(:message_ids::text[]),
        session_items_count = session_items_count + cardinality(:session_items::text[]),
        checkpoints_count = case when :step::int is null then checkpoints_count else :step + 1 end,
        usage = coalesce(:usage::jsonb, usage), agent_name = coalesce(:agent_name, agent_name)
    where run_id = :run_id and user_id = :user_id and epoch = :epoch and status = 'running'
      and (:step::int is null or checkpoints_count <= :step)
    returning conversation_id, turn * :positions_per_turn::bigint as turn_position,
        items_count - cardinality(:message_ids::text[]) as items_before,
        session_items_count - cardinality(:session_items::text[]) as session_items_before
), saved as (
    insert into chat.message as m
        (message_id, conversation_id, user_id, run_id, role, type, content, tool_calls, item, position)
    select i.message_id, r.conversation_id, :user_id, :run_id, i.role, i.type, i.content, i.tool_calls, i.item,
           r.turn_position + r.items_before + i.at
    from reserved r, unnest(
        :message_ids::text[], :roles::text[], :types::text[], :contents::text[], :tool_calls::text[]::jsonb[],
        :items::text[]::jsonb[]
    ) with ordinality i (message_id, role, type, content, tool_calls, item, at)
    on conflict (message_id) do update
    set role = excluded.role, type = excluded.type, content = excluded.content, item = excluded.item,
        tool_calls = case when m.run_id = excluded.run_id then excluded.tool_calls else m.tool_calls end
    where m.conversation_id = excluded.conversation_id and m.user_id = excluded.user_id and m.role = 'assistant'
      and (m.run_id = excluded.run_id or m.position <@ (
          select c.path from chat.conversation c
          where c.conversation_id = m.conversation_id and c.user_id = m.user_id
      ))
    returning m.message_id
), appended as (
    insert into chat.session_item (conversation_id, position, user_id, run_id, message_id, is_message, item)
    select r.conversation_id, r.turn_position + r.session_items_before + s.at - 1, :user_id, :run_id, s.message_id,
           s.is_message, s.item
    from reserved r, unnest(:session_items::text[]::jsonb[], :are_messages::text[]::boolean[], :session_ids::text[])
        with ordinality s (item, is_message, message_id, at)
)
select conversation_id, (select count(*) from saved) as saved_count from reserved;

-- name: withdraw_items
-- Of the run, or of earlier turns of its branch.
delete from chat.message m using chat.conversation c, chat.run r
where m.message_id = any(:message_ids::text[]) and m.user_id = :user_id and m.role = 'assistant'
  and r.run_id = :run_id and r.user_id = :user_id
  and c.conversation_id = r.conversation_id and c.user_id = :user_id
  and m.conversation_id = r.conversation_id and (m.run_id = r.run_id or c.path @> m.position);

-- name: use_pictures
-- What an item shows is no longer an orphan.
update chat.attachment set used_at = coalesce(used_at, now())
where attachment_id = any(:attachment_ids::text[]) and run_id = :run_id and user_id = :user_id;

-- name: delete_unshown_pictures
-- What was taken back is not to be had by its address either. A trigger sees to the files.
delete from chat.attachment a
where a.run_id = :run_id and a.user_id = :user_id and a.source <> 'user'
  and not exists (
    select from chat.message m
    where m.conversation_id = a.conversation_id and m.user_id = :user_id and m.item -> 'image' ->> 'id' = a.attachment_id
  );

-- name: patch_metadata
-- Changes by key; null removes one.
update chat.conversation
set metadata = (metadata || :changes::jsonb)
    - array(select key from jsonb_each(:changes::jsonb) where value = 'null'::jsonb)
where conversation_id = :conversation_id and user_id = :user_id
returning octet_length(metadata::text) as bytes;

-- name: set_status
update chat.conversation set status = :status::jsonb
where conversation_id = :conversation_id and user_id = :user_id;

-- name: name_conversation
update chat.conversation set title = :title
where user_id = :user_id
  and conversation_id = (select conversation_id from chat.run where run_id = :run_id and user_id = :user_id);

-- name: truncate_session
-- Of the branch that one is on: the others keep what the model saw there.
with shown as (
    select s.position from chat.session_item s join chat.conversation c using (conversation_id, user_id)
    where s.conversation_id = :conversation_id and s.user_id = :user_id
      and c.path @> (s.position / 1000000 * 1000000 + 1)
)
delete from chat.session_item
where conversation_id = :conversation_id and user_id = :user_id and position in (select position from shown)
  and position >= coalesce((select position from shown order by position desc offset :offset limit 1), 0);

-- name: link_openai_conversation
update chat.conversation c set openai_conversation_id = :openai_conversation_id
from (
    select conversation_id from chat.run
    where run_id = :run_id and user_id = :user_id and epoch = :epoch and status = 'running' for share
) r
where c.conversation_id = r.conversation_id and c.user_id = :user_id;
