-- Statements of CancelRows: works that are to be cancelled.

-- name: add
insert into sluice.work_cancels (queue_id, message_id) values (:queue, :id) on conflict (queue_id, message_id) do nothing;

-- name: take
-- Deletes the requests to cancel these works, and returns the works.
delete from sluice.work_cancels c where c.queue_id = :queue and c.message_id = any ( :ids::uuid[]) returning c.message_id;

-- name: page
-- The requests behind a place, and whether they are older than a week.
select c.queue_id, c.message_id, c.requested_at < now() - interval '7 days' as is_old
from sluice.work_cancels c
where (c.queue_id, c.message_id) > (:queue, :id)
order by c.queue_id, c.message_id
limit :limit;

-- name: delete
delete from sluice.work_cancels c where c.queue_id = :queue and c.message_id = any ( :ids::uuid[]);
