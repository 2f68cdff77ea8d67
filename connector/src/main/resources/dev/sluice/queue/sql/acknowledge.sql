-- Finds the messages of acknowledgements, and moves cursors whose leases go on or are remembered.

-- name: transaction-ids
-- Returns the transaction ids of the runs [first, last], as slices of segments.
select run.ordinal, s.first_seq + slice.low - 1 as slice_seq, s.transaction_ids[slice.low:slice.high] as transaction_ids
from unnest(:partitions::bigint[], :firsts::bigint[], :lasts::bigint[]) with ordinality
  as run (partition_id, first_seq, last_seq, ordinal)
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = run.partition_id
    and s.first_seq >= coalesce(
      (select max(b.first_seq) from sluice.segments b
       where b.partition_id = run.partition_id and b.first_seq <= run.first_seq), 0)
    and s.first_seq <= run.last_seq
  offset 0
) s
cross join lateral (
  select greatest(run.first_seq - s.first_seq, 0)::integer + 1 as low,
         least(run.last_seq - s.first_seq, s.last_seq - s.first_seq)::integer + 1 as high
) slice
where s.last_seq >= run.first_seq
order by run.ordinal, s.first_seq;

-- name: find
-- Returns those of the transaction ids that the runs [first, last] have, with their seqs. Run i looks for the ids
-- numbered from low to high. If these are few, the statement takes only segments apart that have one of them. `is true` keeps the planner from comparing the ids pair by pair: it makes a hash table.
-- Java leaves out the ids of other runs.
select run.ordinal, at.seq, known.transaction_id
from unnest(:partitions::bigint[], :firsts::bigint[], :lasts::bigint[], :lows::bigint[], :highs::bigint[]) with ordinality
  as run (partition_id, first_seq, last_seq, low, high, ordinal)
cross join lateral (select (:transaction_ids::text[])[run.low::integer:run.high::integer] as ids offset 0) wanted
cross join lateral (
  select s.first_seq, s.transaction_ids from sluice.segments s
  where s.partition_id = run.partition_id
    and s.first_seq >= coalesce(
      (select max(b.first_seq) from sluice.segments b
       where b.partition_id = run.partition_id and b.first_seq <= run.first_seq), 0)
    and s.first_seq <= run.last_seq
    and (run.high - run.low >= :few or s.transaction_ids && wanted.ids)
  offset 0
) s
cross join lateral unnest(s.transaction_ids) with ordinality as known (transaction_id, index)
cross join lateral (select s.first_seq + known.index - 1 as seq) at
where (known.transaction_id in (select unnest(:transaction_ids::text[]))) is true
  and at.seq between run.first_seq and run.last_seq
order by run.ordinal, at.seq;

-- name: partitions-without-cursor
select p.id, q.name as queue, p.name as partition, p.head, p.tail
from (select distinct partition_id from unnest(:partitions::bigint[]) as wanted (partition_id)) wanted
cross join lateral (select * from sluice.partitions p where p.id = wanted.partition_id offset 0) p
cross join lateral (select q.name from sluice.queues q where q.id = p.queue_id offset 0) q;

-- name: complete-leases
-- Completes leases as this process remembers them: moves a cursor to the end of its lease if the cursor still is as the
-- pop left it and the lease is live. Returns the ordinals of the leases that it completed, and the id of the
-- transaction. The list is in the order of the ids, and so are the locks. `is not distinct from` and coalesce keep the
-- server from using the indexes cursors_lease and cursors_ready, with which it would read all cursors of a lease, or
-- all leased ones, for each of them. See release in locked_cursors.sql for the partitions.
with done as (
  select * from unnest(:groups::bigint[], :partitions::bigint[], :leases::uuid[], :positions::bigint[], :ends::bigint[])
    with ordinality as done (group_id, partition_id, lease_id, position, lease_end, ordinal)
), drained as (
  select p.id, p.head
  from (select distinct partition_id, lease_end from done) read
  join sluice.partitions p on p.id = any (array[read.partition_id]) and p.head = read.lease_end
  for share of p skip locked
), completed as (
  update sluice.cursors c
  set position = done.lease_end,
      deliveries = 0,
      consumed_at = now(),
      lease_id = null,
      lease_end = null,
      available_at = case when (done.partition_id, done.lease_end) in (select id, head from drained) then null
                          else clock_timestamp() end
  from done
  where c.group_id = any (array[done.group_id]) and c.partition_id = done.partition_id
    and c.lease_id is not distinct from done.lease_id and c.lease_end = done.lease_end and c.position = done.position
    and c.acked = '{}' and c.failed_seqs is null and coalesce(c.available_at, '-infinity') > now()
  returning done.ordinal
)
select array_agg(ordinal) as ordinals, pg_current_xact_id_if_assigned()::text as id, clock_timestamp()::text as at,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline
from completed
having count(*) > 0;

-- name: keep-lease
-- Moves cursors whose leases go on. Returns the id of the transaction too.
with kept as (
  update sluice.cursors c
  set position = moved.position,
      acked = moved.acked::int8multirange,
      consumed_at = case when moved.position > c.position then now() else c.consumed_at end,
      deliveries = 0
  from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[])
    as moved (group_id, partition_id, position, acked)
  where c.group_id = any (array[moved.group_id]) and c.partition_id = moved.partition_id
  returning 1
)
select count(*) as cursors, pg_current_xact_id_if_assigned()::text as id, clock_timestamp()::text as at,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline
from kept;
