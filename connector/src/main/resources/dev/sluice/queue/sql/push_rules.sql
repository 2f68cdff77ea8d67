-- Statements of PushRule.Reader: what a bridge must know of a queue before it accepts a push.

-- name: push-rules
-- The queues with a limit, with encryption or with priorities of items, and those of types of work with a limit key.
-- Counts the messages of queues with a limit that are stored or scheduled, without those that every group has
-- completed. Costs one index probe for each partition and group of such a queue.
select q.name, q.encryption_enabled, q.max_size, q.item_priority, coalesce(held.messages, 0) as messages, keyed.limit_key
from sluice.queues q
left join lateral (
  select t.limit_key from sluice.work_types t where t.queue = q.name and t.limit_key is not null offset 0
) keyed on true
left join lateral (
  select sum(p.head - greatest(p.tail - 1, done.position) + p.scheduled)::bigint as messages
  from (
    select p.id, p.head, p.tail, p.scheduled from sluice.partitions p where p.queue_id = q.id and q.max_size > 0 offset 0
  ) p
  cross join lateral (
    select min(c.position) as position
    from (select g.id from sluice.consumer_groups g where g.queue_id = q.id offset 0) g
    cross join lateral (
      select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
    ) c
  ) done
) held on true
where q.max_size > 0 or q.encryption_enabled or q.item_priority or keyed.limit_key is not null;
