-- Statements of PartitionCreation. They run under the locks of the queues.

-- name: register-pending
-- Registers the groups that wait for these queues, by name or by namespace and task. Only if a queue has no partition
-- yet.
with fresh as materialized (
  select q.id, q.name, q.namespace, q.task
  from sluice.queues q
  where q.name = any (:queues::text[])
    and (select 1 from sluice.partitions x where x.queue_id = q.id limit 1) is null
), asked as materialized (
  select fresh.id as queue_id, p.queue_name, p.group_name
  from fresh
  cross join lateral (
    select p.queue_name, p.group_name from sluice.pending_subscriptions p where p.queue_name = fresh.name offset 0
  ) p
), waited as (
  delete from sluice.pending_subscriptions p
  using asked
  where p.queue_name = any (array[asked.queue_name]) and p.group_name = asked.group_name
  returning asked.queue_id, p.group_name, coalesce(p.subscription_from, p.created_at) as start
), across as (
  select fresh.id as queue_id, w.group_name, coalesce(w.subscription_from, w.created_at) as start
  from fresh
  join sluice.pending_subscriptions_across w
    on (w.namespace is null or w.namespace = fresh.namespace) and (w.task is null or w.task = fresh.task)
)
insert into sluice.consumer_groups (queue_id, name, subscription_mode, subscription_from)
select queue_id, group_name, 'from', min(start)
from (select * from waited union all select * from across) subscriptions
group by queue_id, group_name
order by queue_id, group_name
on conflict (queue_id, name) do nothing;

-- name: create-partitions
-- Creates partitions, each with a cursor for each group of its queue. A lane of -1 stands for the lane of the queue.
with created as (
  insert into sluice.partitions (queue_id, name, lane)
  select q.id, wanted.partition, coalesce(nullif(wanted.lane, -1), q.lane)
  from unnest(:queues::text[], :partitions::text[], :lanes::integer[]) as wanted (queue, partition, lane)
  cross join lateral (select q.id, q.lane from sluice.queues q where q.name = wanted.queue offset 0) q
  order by q.id, wanted.partition
  on conflict (queue_id, name) do nothing
  returning id, queue_id, lane
)
insert into sluice.cursors (group_id, partition_id, lane, position)
select g.id, c.id, c.lane, 0
from created c
cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = c.queue_id offset 0) g;
