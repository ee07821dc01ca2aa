-- Each statement gives a part of the export in the order of its key, from behind `after` on: the key, a JSON object,
-- and its size in bytes.

-- name: user
select key, body, octet_length(body::text) as bytes from (
    select user_id as key, json_build_object(
        'user_id', user_id, 'created_at', created_at, 'usage', (
            select coalesce(json_agg(json_build_object(
                'day', d.day, 'assistant_id', d.assistant_id, 'model', d.model, 'runs', d.runs,
                'input_tokens', d.input_tokens, 'output_tokens', d.output_tokens
            ) order by d.day, d.assistant_id, d.model), '[]')
            from chat.usage_day d where d.user_id = :user_id
        )
    ) as body
    from chat."user" where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: conversations
select key, body, octet_length(body::text) as bytes from (
    select conversation_id as key, json_build_object(
        'conversation_id', conversation_id, 'title', title, 'metadata', metadata,
        'openai_conversation_id', openai_conversation_id, 'assistant_id', assistant_id, 'status', status,
        'last_turn', coalesce(last_turn, turns_count),
        'standing_approvals', (
            select coalesce(json_agg(s.tool order by s.tool), '[]') from chat.standing_approval s
            where s.conversation_id = c.conversation_id and s.user_id = :user_id
        ), 'created_at', created_at, 'updated_at', updated_at
    ) as body from chat.conversation c where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: messages
select key, body, octet_length(body::text) as bytes from (
    select conversation_id || ' ' || lpad(position::text, 19, '0') as key, json_build_object(
        'message_id', message_id, 'conversation_id', conversation_id, 'run_id', run_id, 'role', role,
        'type', type, 'content', content, 'tool_calls', tool_calls, 'item', item, 'position', position,
        'created_at', created_at
    ) as body from chat.message where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: tasks
select key, body, octet_length(body::text) as bytes from (
    select task_id as key, json_build_object(
        'task_id', task_id, 'title', title, 'description', description, 'completed', completed,
        'due_at', due_at, 'due_zone', due_zone, 'due_all_day', due_all_day, 'recurrence', recurrence,
        'attachment_ids', attachment_ids,
        'position', position, 'created_at', created_at, 'updated_at', updated_at, 'deleted_at', deleted_at
    ) as body from chat.task where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: feedback
select key, body, octet_length(body::text) as bytes from (
    select message_id as key, json_build_object(
        'message_id', message_id, 'kind', kind, 'created_at', created_at
    ) as body from chat.feedback where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: runs
select key, body, octet_length(body::text) as bytes from (
    select run_id as key, json_build_object(
        'run_id', run_id, 'conversation_id', conversation_id, 'turn', turn, 'parent_turn', coalesce(parent_turn, turn - 1),
        'user_message_id', user_message_id, 'status', status, 'epoch', epoch, 'model', model,
        'usage', usage, 'error_code', error_code, 'error_detail', error_detail, 'created_at', created_at,
        'started_at', started_at, 'finished_at', finished_at, 'requester', requester, 'action', action,
        'session_items', (
            select coalesce(json_agg(s.item order by s.position), '[]') from chat.session_item s
            where s.run_id = r.run_id and s.user_id = :user_id
        ),
        'tool_calls', (
            select coalesce(json_agg(json_build_object(
                'call_id', t.call_id, 'name', t.name, 'arguments', t.arguments, 'status', t.status,
                'result', t.result, 'attachments', t.attachments, 'begun_at', t.begun_at,
                'finished_at', t.finished_at
            ) order by t.begun_at, t.call_id), '[]')
            from chat.tool_call t where t.run_id = r.run_id and t.user_id = :user_id
        ),
        'decisions', (
            select coalesce(json_agg(json_build_object(
                'call_id', p.call_id, 'kind', p.kind, 'tool', p.tool, 'arguments', p.arguments, 'form', p.form,
                'verdict', p.verdict, 'reason', p.reason, 'answer', p.answer, 'created_at', p.created_at,
                'decided_at', p.decided_at
            ) order by p.created_at, p.call_id), '[]')
            from chat.pending_decision p where p.run_id = r.run_id and p.user_id = :user_id
        )
    ) as body from chat.run r where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: connections
-- Without what is sealed, and without a code that may still be good.
select key, body, octet_length(body::text) as bytes from (
    select server as key, json_build_object(
        'server', server, 'label', label, 'status', status, 'scope', scope, 'connected_at', connected_at,
        'created_at', created_at
    ) as body from chat.connection where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: shares
-- Without the hashes of their tokens.
select key, body, octet_length(body::text) as bytes from (
    select share_id as key, json_build_object(
        'share_id', share_id, 'conversation_id', conversation_id, 'title', title, 'created_at', created_at
    ) as body from chat.share where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: schedules
-- Those of todos as well.
select key, body, octet_length(body::text) as bytes from (
    select schedule_id as key, json_build_object(
        'schedule_id', schedule_id, 'task_id', task_id, 'kind', kind, 'text', text, 'status', status, 'due_at', due_at,
        'cron', cron, 'time_zone', time_zone, 'conversation_id', conversation_id, 'assistant_id', assistant_id,
        'requester', requester, 'next_due_at', next_due_at, 'last_due_at', last_due_at, 'last_run_id', last_run_id,
        'last_error_code', last_error_code, 'created_at', created_at
    ) as body from chat.schedule where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: attachments
-- Their bytes are had one by one, each at its address.
select key, body, octet_length(body::text) as bytes from (
    select attachment_id as key, json_build_object(
        'attachment_id', attachment_id, 'conversation_id', conversation_id, 'run_id', run_id, 'source', source,
        'state', state, 'name', name, 'mime_type', mime_type, 'size_bytes', size_bytes, 'sha256', sha256,
        'width', width, 'height', height, 'created_at', created_at
    ) as body from chat.attachment where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: webhooks
-- Without their secrets.
select key, body, octet_length(body::text) as bytes from (
    select webhook_id as key, json_build_object(
        'webhook_id', webhook_id, 'url', url, 'events', events, 'created_at', created_at,
        'last_attempt_at', last_attempt_at, 'last_error', last_error, 'deliveries', (
            select coalesce(json_agg(json_build_object(
                'run_id', d.run_id, 'status', d.status, 'attempts_count', d.attempts_count, 'error', d.error,
                'last_attempt_at', d.last_attempt_at
            ) order by d.last_attempt_at desc), '[]') from chat.webhook_delivery d where d.webhook_id = h.webhook_id
        )
    ) as body from chat.webhook h where user_id = :user_id
) part where key > :after order by key limit :limit;

-- name: service_tokens
-- Those that the user has made, without what they are known by.
select key, body, octet_length(body::text) as bytes from (
    select token_id as key, json_build_object(
        'token_id', token_id, 'name', name, 'assistant_ids', assistant_ids, 'created_at', created_at,
        'expires_at', expires_at, 'last_used_at', last_used_at
    ) as body from chat.service_token where user_id = :user_id
) part where key > :after order by key limit :limit;
