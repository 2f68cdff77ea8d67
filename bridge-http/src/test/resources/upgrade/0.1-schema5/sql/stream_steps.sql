-- The steps of a cycle, which changes state, cursor and sink queue in one transaction.

-- name: lock-cycle
-- Admits one cycle of a query and partition at a time. A transaction takes this lock before all row locks.
select pg_advisory_xact_lock(hashtextextended( :cycle , 0));

-- name: keep-query
-- Keeps other transactions from resetting the query until the commit.
select id from sluice.stream_queries where id = :query for share;

-- name: keep-partitions
-- Keeps the partition of the state, and the partitions that the cycle pushes to, from being deleted. Locks them in the
-- order of their ids, as all transactions do.
select p.id, q.name as queue, q.encryption_enabled
from sluice.partitions p
cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
where p.id = any (:partitions::bigint[])
order by p.id
for key share of p;

-- name: put-state
insert into sluice.stream_state (partition_id, query_id, key, value, window_end)
select :partition, :query, put.key, put.value, put.window_end
from unnest(:keys::text[], :values::text[], :window_ends::double precision[]) as put (key, value, window_end)
order by put.key collate "C"
on conflict (partition_id, query_id, key)
do update set value = excluded.value, window_end = excluded.window_end, updated_at = now();

-- name: delete-state
delete from sluice.stream_state
where partition_id = :partition and query_id = :query and key = any (:keys::text[]);
