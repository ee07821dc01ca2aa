-- name: find
select p.run_id, p.call_id, p.kind, p.form, p.standing_name, p.message_id, p.verdict, p.answer, p.wait, m.item
from chat.pending_decision p left join chat.message m on m.message_id = p.message_id and m.user_id = p.user_id
where p.run_id = :run_id and p.call_id = :call_id and p.user_id = :user_id;

-- name: find_by_item
select p.run_id, p.call_id, p.kind, p.form, p.standing_name, p.message_id, p.verdict, p.answer, p.wait, m.item
from chat.pending_decision p left join chat.message m on m.message_id = p.message_id and m.user_id = p.user_id
where p.message_id = :message_id and p.conversation_id = :conversation_id and p.user_id = :user_id;

-- name: find_client_tool
-- ChatKit does not say which call an output is of. One that waits; else the last one of the conversation's last run,
-- whose output another page has given.
select p.run_id, p.call_id, p.kind, p.form, p.standing_name, p.message_id, p.verdict, p.answer, p.wait, m.item
from chat.pending_decision p left join chat.message m on m.message_id = p.message_id and m.user_id = p.user_id
where p.conversation_id = :conversation_id and p.user_id = :user_id and p.kind = 'client_tool'
  and (p.verdict is null or (
      p.run_id = (
          select r.run_id from chat.run r where r.conversation_id = :conversation_id and r.user_id = :user_id
          order by r.turn desc limit 1
      )
      and not exists (
          select from chat.message w where w.conversation_id = :conversation_id and w.user_id = :user_id
            and w.type = 'client_tool_call' and w.item->>'status' = 'pending'
      )
  ))
order by p.verdict is null desc, p.decided_at desc, p.created_at limit 1;

-- name: remember
insert into chat.standing_approval (conversation_id, tool, user_id) values (:conversation_id, :tool, :user_id)
on conflict do nothing;
