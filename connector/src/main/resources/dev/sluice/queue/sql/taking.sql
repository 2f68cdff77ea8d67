-- Statements of Taking: cursors that move past the messages that somebody takes.

-- name: move
-- Moves cursors, which the transaction has locked. Closes those of :closed: they are not ready for a hundred years.
-- Each gets the most urgent lane that waits in its partition behind its new position. The rest is like release in
-- locked_cursors.sql.
with taken as (
  select * from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[], :closed::boolean[])
    as taken (group_id, partition_id, position, acked, closed)
), drained as (
  select p.id, p.head
  from (select distinct partition_id, position from taken where not closed) read
  join sluice.partitions p on p.id = any (array[read.partition_id]) and p.head = read.position
  for share of p skip locked
)
update sluice.cursors c
set position = taken.position,
    lane = case when p.lane_heads is null then c.lane when p.lane_heads[1] > taken.position then 0
                when p.lane_heads[2] > taken.position then 1 when p.lane_heads[3] > taken.position then 2
                when p.lane_heads[4] > taken.position then 3 else c.lane end,
    acked = taken.acked::int8multirange,
    failed_seqs = null,
    failed_counts = null,
    deliveries = 0,
    consumed_at = case when taken.position > c.position then now() else c.consumed_at end,
    lease_id = null,
    lease_end = null,
    available_at = case when taken.closed then clock_timestamp() + interval '100 years'
                        when (taken.partition_id, taken.position) in (select id, head from drained) then null
                        else clock_timestamp() end
from taken
cross join lateral (select p.lane_heads from sluice.partitions p where p.id = taken.partition_id offset 0) p
where c.group_id = any (array[taken.group_id]) and c.partition_id = taken.partition_id;

-- name: lock-closed
-- Locks those of the cursors that are closed, in the order of their ids.
select c.group_id, c.partition_id, c.position, c.acked::text as acked
from (
  select g.id as group_id, p.id as partition_id
  from (select distinct * from unnest(:partitions::bigint[]) as wanted (partition_id)) wanted
  cross join lateral (select p.id, p.queue_id from sluice.partitions p where p.id = wanted.partition_id offset 0) p
  cross join lateral (
    select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0
  ) g
  offset 0
) of
join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
where coalesce(c.available_at, '-infinity') > now() + interval '50 years'
order by of.group_id, of.partition_id
for no key update of c;
