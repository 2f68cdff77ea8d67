-- Leases cursors, or holds them back. These statements share a round trip with each other, with release and with
-- next-ready, so no parameter has the name of one of theirs.

-- name: lease
-- Gives each cursor a lease on the seqs (position, lease_end]. The caller holds their locks. The commit follows in the
-- same round trip, so the server itself checks that no cursor is missing: it divides by zero and commits nothing.
with leased as (
  update sluice.cursors c
  set lease_id = claimed.lease_id,
      lease_end = claimed.lease_end,
      position = claimed.position,
      acked = claimed.acked::int8multirange,
      deliveries = claimed.deliveries,
      available_at = now() + claimed.lease_time_s * interval '1 second'
  from unnest(:lease_groups::bigint[], :lease_partitions::bigint[], :lease_ids::uuid[], :lease_ends::bigint[],
              :lease_positions::bigint[], :lease_acked::text[], :lease_deliveries::integer[], :lease_times_s::integer[])
    as claimed (group_id, partition_id, lease_id, lease_end, position, acked, deliveries, lease_time_s)
  where c.group_id = any (array[claimed.group_id]) and c.partition_id = claimed.partition_id
  returning 1
)
select 1 / (count(*) = cardinality(:lease_groups::bigint[]))::integer as all_leased from leased;

-- name: hold-back
-- Delays cursors whose messages are too young.
update sluice.cursors c
set lease_id = null, lease_end = null, available_at = now() + held.delay_ms * interval '1 millisecond'
from unnest(:held_groups::bigint[], :held_partitions::bigint[], :held_ms::bigint[]) as held (group_id, partition_id, delay_ms)
where c.group_id = any (array[held.group_id]) and c.partition_id = held.partition_id;
