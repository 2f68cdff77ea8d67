-- Statements of ItemLanes: the lanes of messages, in queues where they count. They run under the locks of claim.

-- name: note
-- Notes the newest message of each lane (:criticals to :lows, 0: none) in partitions that have or get messages of
-- several lanes. Until then, the messages up to the old head are of the lane of the partition. :singles has the lane of all
-- new messages of a partition, -1: they have several. Returns the partitions.
update sluice.partitions p
set lane_heads = array[
      greatest(new.critical, case when p.lane_heads is not null then p.lane_heads[1] when p.lane = 0 then new.head else 0 end),
      greatest(new.high, case when p.lane_heads is not null then p.lane_heads[2] when p.lane = 1 then new.head else 0 end),
      greatest(new.normal, case when p.lane_heads is not null then p.lane_heads[3] when p.lane = 2 then new.head else 0 end),
      greatest(new.low, case when p.lane_heads is not null then p.lane_heads[4] when p.lane = 3 then new.head else 0 end)]
from unnest(:partitions::bigint[], :heads::bigint[], :singles::integer[], :criticals::bigint[], :highs::bigint[],
            :normals::bigint[], :lows::bigint[])
  as new (id, head, single, critical, high, normal, low)
where p.id = any (array[new.id]) and (p.lane_heads is not null or p.lane <> new.single)
returning p.id;

-- name: raise-items
-- Raises the works of the partitions that wait for a retry and let nothing of their partition pass. Comes before raise:
-- an engine that stores outcomes locks its items before the cursors.
update sluice.work_items i
set lane = raised.lane
from unnest(:partitions::bigint[], :lanes::integer[]) as raised (partition_id, lane)
where i.partition_id = any (array[raised.partition_id]) and i.closes and i.lane > raised.lane;

-- name: raise
-- Moves the cursors of the partitions to the most urgent lane that waits in them. Locks all of them, also those that are
-- in that lane: somebody who holds one of them may be about to move it to another lane without having seen the new
-- messages.
with locked as (
  select c.group_id, c.partition_id, of.lane_heads
  from (
    select g.id as group_id, p.id as partition_id, p.lane_heads
    from (select distinct id from unnest(:partitions::bigint[]) as wanted (id)) wanted
    cross join lateral (select p.id, p.queue_id, p.lane_heads from sluice.partitions p where p.id = wanted.id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c
)
update sluice.cursors c
set lane = case when locked.lane_heads[1] > c.position then 0 when locked.lane_heads[2] > c.position then 1
                when locked.lane_heads[3] > c.position then 2 when locked.lane_heads[4] > c.position then 3
                else c.lane end
from locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id;

-- name: raise-lines
-- Raises the partitions that wait in the lines of limit keys. Comes behind raise: who puts a partition into a line, or
-- takes it out, has locked its cursor first. So this statement sees every line that was made before that lock was free.
update sluice.work_lines n
set lane = raised.lane
from unnest(:partitions::bigint[], :lanes::integer[]) as raised (partition_id, lane)
where n.partition_id = any (array[raised.partition_id]) and n.lane > raised.lane;
