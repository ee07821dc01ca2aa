-- name: lock_overdue
-- A run that nobody works on though it is its conversation's turn. Requested, and not claimed in time; the waiting
-- doubles with each request, for a queue may just be long. Or claimed, and the lease ran out without another claim.
-- RUNS may have lost the message: Postgres is the record. A conversation that somebody works on right now is passed
-- over, so that it does not keep the sweep from the runs behind it.
select r.run_id, r.user_id, r.conversation_id, c.assistant_id
from chat.run r join chat.conversation c on c.conversation_id = r.conversation_id and c.user_id = r.user_id
where r.is_active and (
    (r.status = 'queued' and r.requested_at
        < now() - make_interval(secs => :overdue_seconds * power(2, least(r.requests_count, 6) - 1)))
    or (r.status = 'running'
        and greatest(r.lease_expires_at, r.requested_at) < now() - make_interval(secs => :overdue_seconds))
)
order by r.requested_at limit 1 for no key update of c skip locked;

-- name: state
-- Looked at again under the lock: the run may have ended, or been requested, since the search began.
select epoch, epoch_waited, status, cancel_requested from chat.run
where run_id = :run_id and user_id = :user_id and is_active
  and (status = 'queued' or lease_expires_at < now())
  and requested_at < now() - make_interval(secs => :overdue_seconds);

-- name: count_request
update chat.run set requested_at = now(), requests_count = requests_count + 1
where run_id = :run_id and user_id = :user_id;

-- name: waits_in_outbox
-- An unpublished request is on its way: asking again would only add to the queue.
select 1 from chat.outbox where ordering_key = :conversation_id limit 1;

-- name: lock_expired
-- A run of which nobody has decided in time what it waits for.
select r.run_id, r.user_id
from chat.pending_decision p
join chat.run r on r.run_id = p.run_id and r.status = 'waiting'
join chat.conversation c on c.conversation_id = r.conversation_id and c.user_id = r.user_id
where p.verdict is null and p.expires_at <= now()
order by p.expires_at limit 1 for no key update of c skip locked;

-- name: count_waiting
select count(*) from chat.run where status = 'waiting';

-- name: take_due_purges
-- They are forgotten when the transaction commits.
delete from chat.due_purge where (subject_filter, due_at) in (
    select subject_filter, due_at from chat.due_purge where due_at <= now() order by due_at limit 20
    for update skip locked
) returning subject_filter;

-- name: forget_token_floors
-- No token lives longer than a day.
delete from chat.token_floor where valid_from < now() - interval '25 hours';

-- name: forget_deleted_tasks
delete from chat.task where deleted_at < now() - make_interval(secs => :seconds);

-- name: delete_untouched
-- What the user was not at for so long, pinned or not; never what is being answered. Takes with it whatever a foreign
-- key ties to it.
with untouched as (
    select c.conversation_id, c.user_id from chat.conversation c
    where c.updated_at < now() - make_interval(secs => :seconds)
      and not exists (
          select from chat.run r
          where r.conversation_id = c.conversation_id and r.user_id = c.user_id
            and r.status not in ('completed', 'failed', 'cancelled')
      )
    order by c.updated_at limit :limit for update skip locked
), deleted as (
    delete from chat.conversation c using untouched u
    where c.conversation_id = u.conversation_id and c.user_id = u.user_id returning 1
)
select count(*) from deleted;

-- name: write_receipt
insert into chat.erasure_receipt (receipt_id, erased_at, counts) values (:receipt_id, now(), :counts::jsonb);
