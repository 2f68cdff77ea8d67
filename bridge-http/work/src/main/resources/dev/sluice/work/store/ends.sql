-- Statements of EndRows: works that were cancelled or replayed.

-- name: add
insert into sluice.work_ends (queue_id, message_id, replayed_as)
select e.queue_id, e.message_id, e.replayed_as
from unnest(:queues::bigint[], :ids::uuid[], :replays::uuid[]) as e (queue_id, message_id, replayed_as)
order by e.queue_id, e.message_id
on conflict (queue_id, message_id) do update set replayed_as = excluded.replayed_as, ended_at = clock_timestamp();

-- name: lock-scheduled
-- Locks the partition of a scheduled message, as those do that move it to its queue.
select p.id
from sluice.partitions p
where p.id = any (array(select s.partition_id from sluice.scheduled s where s.message_id = :id)) and p.queue_id + 0 = :queue
for update of p;

-- name: cancel-scheduled
-- Removes a scheduled message. Runs under the lock of its partition.
with gone as (
  delete from sluice.scheduled s
  where s.message_id = :id and s.partition_id + 0 = :partition
  returning s.partition_id, s.headers
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - 1
  from gone
  where p.id = any (array[gone.partition_id])
)
select gone.partition_id, gone.headers from gone;

-- name: cancel-outbox
-- Removes a work that no engine has moved to its queue.
delete from sluice.work_outbox o where o.id > 0 and o.message_id = :id and o.queue = :queue returning o.headers;

-- name: forget-waiting
-- A work that was cancelled while it waited for another one of its conflation key. That one is the newest again.
update sluice.work_latest l
set message_id = l.running, partition_id = l.running_partition, idempotency_key = null
where l.queue_id = :queue and l.conflates and l.key = :key and l.message_id = :id and l.running <> l.message_id;

-- name: delete-old
-- Deletes at most :limit rows that are older than a week.
delete from sluice.work_ends e
using (
  select e.queue_id, e.message_id from sluice.work_ends e
  where e.ended_at < now() - interval '7 days'
  order by e.ended_at
  limit :limit
) old
where e.queue_id = any (array[old.queue_id]) and e.message_id = old.message_id;
