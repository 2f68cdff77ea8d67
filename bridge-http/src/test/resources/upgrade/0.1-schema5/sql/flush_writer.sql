-- Statements of FlushWriter.

-- name: server
-- Identifies the server by its start. After a failover, the new server may lack the last commits and give out their
-- ids again. The server compresses payloads if the storage of their column is extended or main (x, m).
select extract(epoch from pg_postmaster_start_time())::text as started_at,
       (select attstorage in ('x', 'm') from pg_attribute
        where attrelid = 'sluice.segments'::regclass and attname = 'payloads') as compresses_payloads;

-- name: wake
-- Makes the idle cursors of the partitions ready. Relies on the index cursors_idle, which is on this sum. Runs under
-- the locks of claim. The rows are locked as idle, so they are idle when they are changed.
with idle as (
  select group_id, partition_id from sluice.cursors
  where partition_id + 0 = any (:partitions::bigint[]) and available_at is null
  order by group_id + 0, partition_id -- In the order of the primary key the server could read all of it.
  for no key update
)
update sluice.cursors c set available_at = clock_timestamp()
from idle
where c.group_id = any (array[idle.group_id]) and c.partition_id = idle.partition_id;
