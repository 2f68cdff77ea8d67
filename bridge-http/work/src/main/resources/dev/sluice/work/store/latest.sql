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
-- Sets the newest works of keys whose rows this transaction has locked. looked_at is when a work began to wait: a work
-- that replaces the one that waits does not change it.
update sluice.work_latest l
set message_id = newest.id, partition_id = newest.partition_id, idempotency_key = newest.idempotency_key,
    first_at = newest.first_at, running = newest.running, running_partition = nullif(newest.running_partition, 0),
    running_until = case when l.running = newest.running then l.running_until end,
    looked_at = case when l.running <> l.message_id and l.running = newest.running then l.looked_at else clock_timestamp() end
from unnest(:queues::bigint[], :conflates::boolean[], :keys::text[], :ids::uuid[], :partitions::bigint[],
            :idempotency_keys::text[], :first_ats::timestamptz[], :running::uuid[], :running_partitions::bigint[])
  as newest (queue_id, conflates, key, id, partition_id, idempotency_key, first_at, running, running_partition)
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
  update sluice.work_latest l set running = l.message_id, running_partition = l.partition_id, running_until = null
  from ended e
  where l.queue_id = any (array[e.queue_id]) and l.conflates and l.key = e.key and l.running = e.id and l.message_id <> e.id
  returning l.partition_id, l.message_id
)
update sluice.scheduled s set due_at = clock_timestamp()
from next
where s.partition_id = any (array[next.partition_id]) and s.transaction_id = next.message_id::text;

-- name: release-forgotten
-- Makes works due that wait for works which are gone without an engine, such as messages that somebody deleted. A work is
-- gone if it is not scheduled, the engines have passed what was in its partition at the first look, no claim has any of
-- that, and it is no item. Looks at :limit works that have waited for :seconds, and at others the next time.
with held as (
  select l.queue_id, l.conflates, l.key, l.partition_id, l.message_id, l.running, l.running_partition, l.running_until
  from sluice.work_latest l
  where l.running <> l.message_id and l.looked_at < now() - :seconds * interval '1 second'
  order by l.looked_at
  limit :limit
  for update skip locked
), looked_at as (
  select h.*, case when running.is_scheduled then null else coalesce(h.running_until, p.head) end as until,
         not running.is_scheduled
         and (p.id is null or greatest(p.tail - 1, coalesce(c.position, 0)) >= coalesce(h.running_until, p.head))
         and (
           select w.first_seq from sluice.work_claims w
           where w.partition_id = h.running_partition and w.first_seq <= coalesce(h.running_until, p.head)
           limit 1
         ) is null
         and (
           select i.seq from sluice.work_items i where i.queue_id = h.queue_id and i.message_id = h.running limit 1
         ) is null as is_gone
  from held h
  cross join lateral (
    select (
      select s.partition_id from sluice.scheduled s
      where s.partition_id = h.running_partition and s.transaction_id = h.running::text
      limit 1
    ) is not null as is_scheduled
  ) running
  left join lateral (
    select p.id, p.queue_id, p.head, p.tail from sluice.partitions p where p.id = h.running_partition offset 0
  ) p on true
  left join lateral (
    select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0
  ) g on true
  left join lateral (
    select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
  ) c on true
), noted as (
  update sluice.work_latest l
  set looked_at = clock_timestamp(),
      running = case when seen.is_gone then l.message_id else l.running end,
      running_partition = case when seen.is_gone then l.partition_id else l.running_partition end,
      running_until = case when seen.is_gone then null else seen.until end
  from looked_at seen
  where l.queue_id = any (array[seen.queue_id]) and l.conflates = seen.conflates and l.key = seen.key
)
update sluice.scheduled s set due_at = clock_timestamp()
from looked_at seen
where seen.is_gone and s.partition_id = any (array[seen.partition_id]) and s.transaction_id = seen.message_id::text;

-- name: delete-old
-- Looks at most at :limit keys that nobody has used for a day. Deletes those whose newest work does not wait, and whose
-- running work is gone as in release-forgotten. Looks at the others again a day later.
with held as (
  select l.queue_id, l.conflates, l.key, l.partition_id, l.message_id, l.running, l.running_partition, l.running_until
  from sluice.work_latest l
  where l.updated_at < now() - interval '1 day'
  order by l.updated_at
  limit :limit
  for update skip locked
), looked_at as (
  select h.*, case when running.is_scheduled then null else coalesce(h.running_until, p.head) end as until,
         not running.is_scheduled
         and (p.id is null or greatest(p.tail - 1, coalesce(c.position, 0)) >= coalesce(h.running_until, p.head))
         and (
           select w.first_seq from sluice.work_claims w
           where w.partition_id = h.running_partition and w.first_seq <= coalesce(h.running_until, p.head)
           limit 1
         ) is null
         and (
           select i.seq from sluice.work_items i where i.queue_id = h.queue_id and i.message_id = h.running limit 1
         ) is null as is_gone
  from held h
  cross join lateral (
    select (
      select s.partition_id from sluice.scheduled s
      where s.partition_id = h.running_partition and s.transaction_id = h.running::text
      limit 1
    ) is not null as is_scheduled
  ) running
  left join lateral (
    select p.id, p.queue_id, p.head, p.tail from sluice.partitions p where p.id = h.running_partition offset 0
  ) p on true
  left join lateral (
    select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0
  ) g on true
  left join lateral (
    select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
  ) c on true
), old as (
  select seen.*,
         (seen.running is null or seen.is_gone)
         and (
           select s.partition_id from sluice.scheduled s
           where s.partition_id = seen.partition_id and s.transaction_id = seen.message_id::text
           limit 1
         ) is null as is_unused
  from looked_at seen
), kept as (
  update sluice.work_latest l
  set updated_at = clock_timestamp(), running_until = old.until
  from old
  where not old.is_unused and l.queue_id = any (array[old.queue_id]) and l.conflates = old.conflates and l.key = old.key
  returning 1
), gone as (
  delete from sluice.work_latest l
  using old
  where old.is_unused and l.queue_id = any (array[old.queue_id]) and l.conflates = old.conflates and l.key = old.key
  returning 1
)
select (select count(*) from kept) + (select count(*) from gone) as keys;
