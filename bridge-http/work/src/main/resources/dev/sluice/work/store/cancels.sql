-- Statements of CancelRows: works that are to be cancelled.

-- name: add
insert into sluice.work_cancels (queue_id, message_id) values (:queue, :id) on conflict (queue_id, message_id) do nothing;

-- name: take
-- Deletes the requests to cancel these works, and returns the works.
delete from sluice.work_cancels c where c.queue_id = :queue and c.message_id = any ( :ids::uuid[]) returning c.message_id;

-- name: delete-old
-- Deletes at most :limit requests that no engine has found within a week, and whose works wait for no time to come:
-- they were done before.
delete from sluice.work_cancels c
using (
  select c.queue_id, c.message_id from sluice.work_cancels c
  where c.requested_at < now() - interval '7 days'
    and not exists (select from sluice.work_items i where i.queue_id = c.queue_id and i.message_id = c.message_id)
    and not exists (select from sluice.scheduled s where s.message_id = c.message_id)
  order by c.requested_at
  limit :limit
) old
where c.queue_id = any (array[old.queue_id]) and c.message_id = old.message_id;
