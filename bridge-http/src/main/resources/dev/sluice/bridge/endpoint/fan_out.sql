-- Statements of FanOutRows: the groups of endpoints on the queues that they read.

-- name: queues
-- Returns the queues that endpoints may read, and the groups of endpoints on them.
select q.name as queue,
       array(select g.name from sluice.consumer_groups g where g.queue_id = q.id and g.name like 'endpoint.%') as groups
from sluice.queues q
where q.name not like 'work.endpoint.%';

-- name: ready
-- Returns the queues in which a group may have something to read.
select g.name as group_name, q.name as queue, q.encryption_enabled as encrypted
from unnest(:groups::text[]) as wanted (name)
cross join lateral (
  select g.id, g.queue_id, g.name from sluice.consumer_groups g
  where g.name = wanted.name and g.name like 'endpoint.%'
  offset 0
) g
cross join lateral (
  select c.group_id from sluice.cursors c where c.group_id = g.id and c.available_at <= now() limit 1
) c
cross join lateral (
  select q.name, q.encryption_enabled from sluice.queues q where q.id = g.queue_id offset 0
) q;

-- name: waiting
-- Counts the works that no engine has claimed.
select wanted.queue, coalesce(sum(p.head - coalesce(c.position, p.tail - 1)), 0) as waiting
from unnest(:queues::text[]) as wanted (queue)
cross join lateral (select q.id from sluice.queues q where q.name = wanted.queue offset 0) q
cross join lateral (select p.id, p.head, p.tail from sluice.partitions p where p.queue_id = q.id offset 0) p
left join lateral (
  select c.position from sluice.consumer_groups g
  join sluice.cursors c on c.group_id = g.id and c.partition_id = p.id
  where g.queue_id = q.id and g.name = 'work'
) c on true
group by wanted.queue;

-- name: lag
-- Counts what the group of an endpoint has not read, queue by queue.
select q.name as queue, coalesce(sum(p.head - c.position), 0) as messages
from sluice.consumer_groups g
join sluice.queues q on q.id = g.queue_id
join sluice.cursors c on c.group_id = g.id
join sluice.partitions p on p.id = c.partition_id
where g.name = :group and g.name like 'endpoint.%'
group by q.name
order by q.name;
