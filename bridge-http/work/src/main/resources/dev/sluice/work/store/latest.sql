-- Statements of LatestRows: the newest work of each debounce key and conflation key.

-- name: enter
-- Locks the rows of keys, in order, and returns them as they are; a key without a row gets one, with the new work.
insert into sluice.work_latest as l (queue_id, conflates, key, message_id, partition_id, idempotency_key, first_at, running)
select wanted.queue_id, wanted.conflates, wanted.key, wanted.id, 0, wanted.idempotency_key, clock_timestamp(),
       case when wanted.conflates then wanted.id end
from unnest(:queues::bigint[], :conflates::boolean[], :keys::text[], :ids::uuid[], :idempotency_keys::text[])
  as wanted (queue_id, conflates, key, id, idempotency_key)
order by wanted.queue_id, wanted.conflates, wanted.key
on conflict (queue_id, conflates, key) do update set updated_at = clock_timestamp()
returning l.*, clock_timestamp() as now;

-- name: put
-- Sets the newest works of keys whose rows this transaction has locked.
update sluice.work_latest l
set message_id = newest.id, partition_id = newest.partition_id, idempotency_key = newest.idempotency_key,
    first_at = newest.first_at, running = newest.running
from unnest(:queues::bigint[], :conflates::boolean[], :keys::text[], :ids::uuid[], :partitions::bigint[],
            :idempotency_keys::text[], :first_ats::timestamptz[], :running::uuid[])
  as newest (queue_id, conflates, key, id, partition_id, idempotency_key, first_at, running)
where l.queue_id = any (array[newest.queue_id]) and l.conflates = newest.conflates and l.key = newest.key;

-- name: lock
-- Locks the rows of conflation keys, in order. The next statement sees them as their last transactions left them.
select l.message_id
from (select * from unnest(:queues::bigint[], :keys::text[]) as f (queue_id, key) order by f.queue_id, f.key) ended
cross join lateral (
  select l.message_id from sluice.work_latest l
  where l.queue_id = ended.queue_id and l.conflates and l.key = ended.key
  for update
) l;

-- name: finish
-- Ends works with conflation keys: the works that wait for them are due. Returns how many these are.
with ended as (
  select * from unnest(:queues::bigint[], :keys::text[], :ids::uuid[]) as f (queue_id, key, id)
), last as (
  delete from sluice.work_latest l using ended e
  where l.queue_id = any (array[e.queue_id]) and l.conflates and l.key = e.key and l.message_id = e.id
), next as (
  update sluice.work_latest l set running = l.message_id
  from ended e
  where l.queue_id = any (array[e.queue_id]) and l.conflates and l.key = e.key and l.running = e.id and l.message_id <> e.id
  returning l.partition_id, l.message_id
)
update sluice.scheduled s set due_at = clock_timestamp()
from next
where s.partition_id = any (array[next.partition_id]) and s.transaction_id = next.message_id::text;

-- name: release-forgotten
-- Makes works due that wait for works which are gone without an engine, such as messages that somebody deleted: nothing of
-- their partitions waits or runs. Looks at :limit works that have waited for :seconds, and at others the next time.
with held as (
  select l.queue_id, l.conflates, l.key, l.partition_id, l.message_id
  from sluice.work_latest l
  where l.running <> l.message_id and l.updated_at < now() - :seconds * interval '1 second'
  order by l.updated_at
  limit :limit
  for update skip locked
), forgotten as (
  select h.*
  from held h
  cross join lateral (
    select q.id as group_id from sluice.consumer_groups q where q.queue_id = h.queue_id and q.name = :group offset 0
  ) g
  cross join lateral (select p.head, p.tail from sluice.partitions p where p.id = h.partition_id offset 0) p
  left join lateral (
    select c.position from sluice.cursors c where c.group_id = g.group_id and c.partition_id = h.partition_id offset 0
  ) c on true
  where greatest(p.tail - 1, coalesce(c.position, 0)) >= p.head
    and not exists (select from sluice.work_claims w where w.partition_id = h.partition_id)
    and not exists (select from sluice.work_items i where i.partition_id = h.partition_id and i.seq > 0)
), looked_at as (
  update sluice.work_latest l
  set updated_at = clock_timestamp(),
      running = case when exists (select from forgotten f where f.message_id = l.message_id) then l.message_id else l.running end
  from held h
  where l.queue_id = any (array[h.queue_id]) and l.conflates = h.conflates and l.key = h.key
)
update sluice.scheduled s set due_at = clock_timestamp()
from forgotten f
where s.partition_id = any (array[f.partition_id]) and s.transaction_id = f.message_id::text;

-- name: delete-old
-- Deletes at most :limit keys that nobody has used for a day and whose newest work is not scheduled.
delete from sluice.work_latest l
using (
  select l.queue_id, l.conflates, l.key from sluice.work_latest l
  where l.updated_at < now() - interval '1 day'
    and not exists (
      select from sluice.scheduled s where s.partition_id = l.partition_id and s.transaction_id = l.message_id::text
    )
  order by l.updated_at
  limit :limit
  for update skip locked
) old
where l.queue_id = any (array[old.queue_id]) and l.conflates = old.conflates and l.key = old.key;
