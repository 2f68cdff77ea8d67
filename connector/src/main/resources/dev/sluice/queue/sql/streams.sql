-- Statements of streams: registration, state, and the cycle that moves state, cursor and results on together.

-- name: add-query
insert into sluice.stream_queries (name, source_queue, sink_queue, config_hash)
values (:name, :source, :sink, :hash)
on conflict (name) do nothing
returning id;

-- name: lock-query
-- Waits for the cycles of the query that are under way.
select id, config_hash from sluice.stream_queries where name = :name for update;

-- name: update-query
update sluice.stream_queries
set source_queue = :source, sink_queue = :sink, config_hash = :hash, updated_at = now()
where id = :query;

-- name: drop-state
-- Reads the whole table: that happens when somebody changes how a query computes.
delete from sluice.stream_state where query_id = :query;

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

-- name: queue-of-partition
select q.name as queue
from sluice.partitions p
cross join lateral (select q.name from sluice.queues q where q.id = p.queue_id offset 0) q
where p.id = :partition;

-- name: state
-- By key, byte by byte. :above is above every key that begins with :prefix.
select s.key, s.value, s.updated_at
from sluice.stream_state s
where s.partition_id = :partition and s.query_id = :query
  and (:keys::text[] is null or s.key = any (:keys::text[]))
  and s.key >= :prefix and s.key <= :above and starts_with(s.key, :prefix)
  and (:ripe_at::double precision is null or s.window_end <= :ripe_at)
order by s.key
limit :limit;
