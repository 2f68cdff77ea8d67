-- Finds the messages of acknowledgements.

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

-- name: newest-of-ids
-- Returns those of the messages that are among the newest :reach messages of their partitions. Compares the ids of a
-- partition as two sets, so that no plan compares them pair by pair.
select p.id, q.name as queue, p.name as partition, found.transaction_id
from (
  select wanted.partition_id, array_agg(wanted.transaction_id) as transaction_ids
  from unnest(:partitions::bigint[], :transaction_ids::text[]) as wanted (partition_id, transaction_id)
  group by wanted.partition_id
) wanted
cross join lateral (select * from sluice.partitions p where p.id = wanted.partition_id offset 0) p
cross join lateral (select q.name from sluice.queues q where q.id = p.queue_id offset 0) q
cross join lateral (
  select known.transaction_id
  from (
    select s.transaction_ids from sluice.segments s
    where s.partition_id = p.id and s.first_seq > p.head - :reach and s.last_seq >= p.tail
    offset 0
  ) s
  cross join lateral unnest(s.transaction_ids) as known (transaction_id)
  intersect
  select unnest(wanted.transaction_ids)
) found;

-- name: keep-lease
-- Moves cursors whose leases go on.
update sluice.cursors c
set position = moved.position,
    acked = moved.acked::int8multirange,
    consumed_at = case when moved.position > c.position then now() else c.consumed_at end,
    deliveries = 0
from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[])
  as moved (group_id, partition_id, position, acked)
where c.group_id = any (array[moved.group_id]) and c.partition_id = moved.partition_id;
