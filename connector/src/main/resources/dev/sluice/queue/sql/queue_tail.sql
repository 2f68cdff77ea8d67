-- Follows the end of a queue, without leases. No statement locks a row.

-- name: mark
-- The start of this transaction, and its id, which is given out after that start.
select now() as at, pg_current_xact_id()::text::bigint as transaction;

-- name: heads
-- The partitions of a queue, and the oldest transaction that the snapshot of this statement does not see as ended. A
-- queue without partitions has one row.
select p.id, q.name as queue, p.name as partition, p.lane, p.head, p.tail, p.last_push_at,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest
from sluice.queues q
left join lateral (select * from sluice.partitions p where p.queue_id = q.id offset 0) p on true
where q.name = :queue
order by p.id;
