-- Statements of Lining: cursors that wait in lines. Such a cursor is not ready for forty years, and one that is closed
-- for a hundred.

-- name: park
-- Parks up to :limit ready cursors of the group, as ready in ready_cursors.sql finds them. Returns their partitions.
with ready as (
  select c.group_id, c.partition_id, c.lane, q.id as queue_id
  from sluice.queues q
  cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0) g
  cross join lateral (
    select ready.*
    from generate_series(0, 3) as priority (lane)
    cross join lateral (
      select * from sluice.cursors c
      where c.group_id = g.id and c.lane = priority.lane and c.available_at <= now()
      order by c.available_at
      limit :limit
      for no key update skip locked
    ) ready
    limit :limit
  ) c
  where q.name = :queue
), parked as (
  update sluice.cursors c
  set available_at = clock_timestamp() + interval '40 years', lease_id = null, lease_end = null
  from ready
  where c.group_id = any (array[ready.group_id]) and c.partition_id = ready.partition_id
  returning ready.queue_id, ready.partition_id, ready.lane
)
select parked.partition_id, parked.lane, p.name as partition
from parked
cross join lateral (select p.name from sluice.partitions p where p.id = parked.partition_id offset 0) p;

-- name: lock
-- Locks the cursors of partitions, unless they are closed, or another transaction has locked them.
select c.group_id, c.partition_id, of.queue_id, of.queue, of.partition, c.position, of.head, c.acked::text as acked,
       c.deliveries, false as lease_expired, c.lane, c.lane as lane_waiting, of.redelivery_limit, of.delayed_processing_s, of.lease_time_s,
       case when of.window_buffer_s = 0 then 0
            else (extract(epoch from of.last_push_at - now() + of.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms
from (
  select q.id as queue_id, q.name as queue, q.redelivery_limit, q.delayed_processing_s, q.lease_time_s, q.window_buffer_s,
         g.id as group_id, p.id as partition_id, p.name as partition, p.head, p.last_push_at
  from unnest(:partitions::bigint[]) as wanted (id)
  cross join lateral (select * from sluice.partitions p where p.id = wanted.id offset 0) p
  cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
  cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0) g
  offset 0
) of
join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
where coalesce(c.available_at, '-infinity') < now() + interval '50 years'
for no key update of c skip locked;

-- name: move
-- Moves cursors, which the transaction has locked. A cursor that has read its partition becomes idle, as in taking.sql;
-- another one is ready, stays in its line, or is closed. Returns those that stay in their lines.
with taken as (
  select * from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[], :waits_years::integer[])
    as taken (group_id, partition_id, position, acked, waits_years)
), drained as (
  select p.id, p.head
  from (select distinct partition_id, position from taken where waits_years < 100) read
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
    available_at = case when taken.waits_years < 100 and (taken.partition_id, taken.position) in (select id, head from drained) then null
                        else clock_timestamp() + taken.waits_years * interval '1 year' end
from taken
cross join lateral (select p.lane_heads from sluice.partitions p where p.id = taken.partition_id offset 0) p
where c.group_id = any (array[taken.group_id]) and c.partition_id = taken.partition_id
returning c.partition_id, coalesce(c.available_at between now() + interval '30 years' and now() + interval '50 years', false) as stays;

-- name: unpark
-- Makes those of the cursors ready that are parked. Waits for the locks of all of them, in order.
with locked as (
  select c.group_id, c.partition_id
  from (
    select g.id as group_id, p.id as partition_id
    from unnest(:partitions::bigint[]) as wanted (id)
    cross join lateral (select p.id, p.queue_id from sluice.partitions p where p.id = wanted.id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c
)
update sluice.cursors c
set available_at = clock_timestamp()
from locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id
  and coalesce(c.available_at, '-infinity') between now() + interval '30 years' and now() + interval '50 years';
