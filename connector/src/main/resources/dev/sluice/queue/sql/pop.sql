-- Leases cursors, or holds them back.

-- name: lease
-- Gives each cursor a lease on the seqs (position, lease_end]. Returns the id of the transaction too.
with leased as (
  update sluice.cursors c
  set lease_id = claimed.lease_id,
      lease_end = claimed.lease_end,
      position = claimed.position,
      acked = claimed.acked::int8multirange,
      deliveries = claimed.deliveries,
      available_at = now() + claimed.lease_time_s * interval '1 second'
  from unnest(:groups::bigint[], :partitions::bigint[], :leases::uuid[], :ends::bigint[], :positions::bigint[],
              :acked::text[], :deliveries::integer[], :lease_times_s::integer[])
    as claimed (group_id, partition_id, lease_id, lease_end, position, acked, deliveries, lease_time_s)
  where c.group_id = any (array[claimed.group_id]) and c.partition_id = claimed.partition_id
  returning 1
)
select count(*) as cursors, pg_current_xact_id_if_assigned()::text as id, clock_timestamp()::text as at,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline
from leased;

-- name: hold-back
-- Delays cursors whose messages are too young.
update sluice.cursors c
set lease_id = null, lease_end = null, available_at = now() + held.delay_ms * interval '1 millisecond'
from unnest(:groups::bigint[], :partitions::bigint[], :delays_ms::bigint[]) as held (group_id, partition_id, delay_ms)
where c.group_id = any (array[held.group_id]) and c.partition_id = held.partition_id;
