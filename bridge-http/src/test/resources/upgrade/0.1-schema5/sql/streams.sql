-- Queries of stream processors and their state.

-- name: add-query
insert into sluice.stream_queries (name, source_queue, sink_queue, config_hash)
values (:name, :source, :sink, :hash)
on conflict (name) do nothing
returning id;

-- name: lock-query
-- Waits for the running cycles of the query.
select id, config_hash from sluice.stream_queries where name = :name for update;

-- name: update-query
update sluice.stream_queries
set source_queue = :source, sink_queue = :sink, config_hash = :hash, updated_at = now()
where id = :query;

-- name: drop-state
-- Reads the whole table. This is rare: it happens when the configuration of a query changes.
delete from sluice.stream_state where query_id = :query;

-- name: queue-of-partition
select q.name as queue
from sluice.partitions p
cross join lateral (select q.name from sluice.queues q where q.id = p.queue_id offset 0) q
where p.id = :partition;

-- name: state
-- Returns rows in the byte order of the keys. :above sorts after every key that begins with :prefix.
select s.key, s.value, s.updated_at
from sluice.stream_state s
where s.partition_id = :partition and s.query_id = :query
  and (:keys::text[] is null or s.key = any (:keys::text[]))
  and s.key >= :prefix and s.key <= :above and starts_with(s.key, :prefix)
  and (:ripe_at::double precision is null or s.window_end <= :ripe_at)
order by s.key
limit :limit;
