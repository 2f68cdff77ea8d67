-- A cycle, which moves state, cursor and results on in one transaction.

-- name: serialize
-- One cycle of a query and partition at a time. Taken before all row locks, and one a transaction.
select pg_advisory_xact_lock(hashtextextended( :cycle , 0));

-- name: keep-query
-- Keeps it from being reset until the commit.
select id from sluice.stream_queries where id = :query for share;

-- name: keep-partitions
-- Keeps the partition of the state, and those that are about to be locked, from being deleted. In the order of everybody.
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
