-- Statements of PartitionPages: the partitions of a queue by name.

-- name: partitions-of-queue
-- The next partitions by name. The subquery lets the planner use the unique index (queue_id, name); with a join it
-- would sort.
select p.id, p.name
from sluice.partitions p
where p.queue_id = (select id from sluice.queues where name = :queue)
  and p.name > :after and (:partition::text is null or p.name = :partition)
order by p.name
limit :limit;
