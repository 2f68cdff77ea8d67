-- Statements of UnusedRows: idle partitions, groups that stopped waiting for a queue, offsets of old epochs.

-- name: idle-partitions
-- The next partitions, by id, that are empty and have had no push for :idle_ms. Reads the table in the order of its
-- key.
select id from sluice.partitions
where id > :after and tail > head and scheduled = 0
  and coalesce(last_push_at, created_at) < now() - :idle_ms * interval '1 millisecond'
order by id
limit :limit;

-- name: lock-idle-partitions
-- Locks the partitions that are still idle; skips locked ones. A push waits for the lock and then creates the
-- partition again.
select id from sluice.partitions
where id = any (:partitions::bigint[]) and tail > head and scheduled = 0
  and coalesce(last_push_at, created_at) < now() - :idle_ms * interval '1 millisecond'
order by id
for update skip locked;

-- name: unused-partitions
-- The partitions without segments, dead letters, leases, closed cursors (taking.sql) and stream state. The transaction holds the locks of
-- lock-idle-partitions.
select p.id from sluice.partitions p
where p.id = any (:partitions::bigint[])
  and (select 1 from sluice.stream_state t where t.partition_id = p.id limit 1) is null
  and (select 1 from sluice.dead_letters l where l.partition_id = p.id limit 1) is null
  and (select 1 from sluice.segments s where s.partition_id = p.id limit 1) is null
  and (select 1
       from (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
       cross join lateral (
         select c.lease_id, c.available_at from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
       ) c
       where c.available_at > now() and (c.lease_id is not null or c.available_at > now() + interval '50 years')
       limit 1) is null
order by p.id;

-- name: delete-cursors-of-partitions
-- Waits for running pops. The transaction holds the locks of lock-idle-partitions.
with locked as (
  select c.group_id, c.partition_id
  from (
    select g.id as group_id, p.id as partition_id
    from unnest(:partitions::bigint[]) as wanted (id)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = wanted.id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for update of c
)
delete from sluice.cursors c
using locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id;

-- name: delete-partitions-by-id
-- Notes the partitions in deletions, as every deletion of a partition does. Returns how many were deleted by queue.
with deleted as (
  delete from sluice.partitions where id = any (:partitions::bigint[]) returning id, queue_id
), noted as (
  insert into sluice.deletions (partition_id) select id from deleted
  on conflict (partition_id) do update set before_seq = null, requested_at = now()
)
select q.name as queue, count(*) as partitions
from deleted
cross join lateral (select q.name from sluice.queues q where q.id = deleted.queue_id offset 0) q
group by q.name;

-- name: delete-pending-subscriptions
-- Deletes at most :limit subscriptions of groups whose last pop is older than :age_ms. Skips locked ones.
delete from sluice.pending_subscriptions p
using (
  select queue_name, group_name from sluice.pending_subscriptions
  where asked_at < now() - :age_ms * interval '1 millisecond'
  limit :limit
  for update skip locked
) old
where p.queue_name = any (array[old.queue_name]) and p.group_name = old.group_name;

-- name: delete-offsets-of-old-epochs
-- The source of a local log is its id; its topics consist of the prefix, the id and the number of the epoch. The
-- newest epoch of a lane stays at any age. An epoch counts as newer once it has been draining for :settled_ms: by
-- then the log has deleted its records of earlier epochs, and no longer compares them with their offset.
with epochs as (
  select source, topic, partition, updated_at, epoch,
         max(epoch) filter (where updated_at > started_at + :settled_ms * interval '1 millisecond')
           over (partition by source, partition) as newest_settled
  from (
    select source, topic, partition, started_at, updated_at, right(topic, -length(:prefix || source || '-'))::bigint as epoch
    from (
      select * from sluice.sink_offsets
      where starts_with(topic, :prefix || source || '-')
        and right(topic, -length(:prefix || source || '-')) ~ '^[0-9]{1,18}$'
      offset 0 -- Without it the planner may cast text that is not a number.
    ) of_logs
  ) numbered
), old as (
  select o.source, o.topic, o.partition
  from (
    select * from epochs e
    where e.updated_at < now() - :age_ms * interval '1 millisecond' and e.epoch < e.newest_settled
    offset 0
  ) e
  join sluice.sink_offsets o
    on o.source = any (array[e.source]) and o.topic = e.topic and o.partition = e.partition
  limit :limit
  for update of o skip locked
)
delete from sluice.sink_offsets o
using old
where o.source = any (array[old.source]) and o.topic = old.topic and o.partition = old.partition;
