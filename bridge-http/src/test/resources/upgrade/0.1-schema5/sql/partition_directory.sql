-- Statements of PartitionDirectory: find partitions by name, and create the queues that are missing.

-- name: find-partitions
-- The ids of the named partitions that exist.
select wanted.queue, wanted.partition, p.id
from unnest(:queues::text[], :partitions::text[]) as wanted (queue, partition)
cross join lateral (select q.id from sluice.queues q where q.name = wanted.queue offset 0) q
cross join lateral (select p.id from sluice.partitions p where p.queue_id = q.id and p.name = wanted.partition offset 0) p;

-- name: create-queues
-- In order of name, so that two writers that create the same queues do not deadlock.
insert into sluice.queues (name, namespace, task)
select name, split_part(name, '.', 1), split_part(name, '.', 2)
from unnest(:queues::text[]) as wanted (name)
order by name
on conflict (name) do nothing;

-- name: lock-queues
-- Blocks the registration of groups while partitions are created, so that every group gets a cursor for every
-- partition.
select id from sluice.queues
where id = any (array(select q.id from sluice.queues q where q.name = any (:queues::text[])))
order by id
for update;
