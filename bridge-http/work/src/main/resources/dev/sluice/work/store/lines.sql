-- Statements of LineRows: the table work_lines, and works in work_items that wait in lines. A flush that raises a
-- partition locks its cursor, and then its row in work_lines. So these statements change rows whose cursors the
-- transaction has locked, or do not wait for rows that others have locked.

-- name: add
-- A partition that is in its line already may have got a more urgent lane by a seek.
insert into sluice.work_lines as n (partition_id, queue_id, name, lane)
select added.partition_id, :queue, added.name, added.lane
from unnest(:partitions::bigint[], :names::text[], :lanes::integer[]) as added (partition_id, name, lane)
order by added.partition_id
on conflict (partition_id) do update set lane = excluded.lane where n.lane > excluded.lane;

-- name: next
-- The first partitions of lines, at most :most of each: lane by lane, in the order of :lanes.
select wanted.ordinal, line.partition_id
from unnest(:names::text[], :most::integer[]) with ordinality as wanted (name, most, ordinal)
cross join lateral (
  select in_lane.partition_id
  from unnest(:lanes::integer[]) as priority (lane)
  cross join lateral (
    select n.partition_id from sluice.work_lines n
    where n.queue_id = :queue and n.name = wanted.name and n.lane = priority.lane
    order by n.rank
    limit wanted.most
  ) in_lane
  limit wanted.most
) line;

-- name: to-the-end
-- Takes partitions too whose cursors others have locked. Leaves out rows that others have locked: they are raised.
update sluice.work_lines n
set rank = clock_timestamp()
where n.partition_id = any (array(
  select w.partition_id from sluice.work_lines w where w.partition_id = any ( :partitions::bigint[])
  for no key update skip locked
));

-- name: remove
delete from sluice.work_lines n where n.partition_id = any ( :partitions::bigint[]);

-- name: some
-- Returns at most :limit partitions that wait in lines.
select w.partition_id from sluice.work_lines w where w.queue_id = :queue order by w.name, w.lane, w.rank limit :limit;

-- name: end-expired
-- Ends the leases of works with room that engines ran that died: each has one crash more. Leaves out the leases :held,
-- which the caller still has. Returns the names of the room.
update sluice.work_items i
set owner = null, lease_id = null, limited = null, crashes = i.crashes + 1
from (
  select e.partition_id, e.seq, e.limited from sluice.work_items e
  where e.queue_id = :queue and e.limited is not null and e.available_at <= now()
    and not coalesce(e.lease_id = any (:held::uuid[]), false)
  order by e.available_at
  limit :limit
  for update skip locked
) e
where i.partition_id = any (array[e.partition_id]) and i.seq = e.seq
returning e.limited as name;

-- name: due-items
-- Locks works that are due, without those that must run alone, and without the leases :held, which the caller still has.
select due.partition_id, due.seq, due.partition_name
from generate_series(0, 3) as priority (lane)
cross join lateral (
  select i.partition_id, i.seq, i.partition_name from sluice.work_items i
  where i.queue_id = :queue and i.lane = priority.lane and i.available_at <= now() and i.line is null
    and i.crashes + case when i.owner is null then 0 else 1 end < :alone
    and not coalesce(i.lease_id = any (:held::uuid[]), false)
  order by i.available_at
  limit :limit
  for update skip locked
) due
limit :limit;

-- name: add-items
update sluice.work_items i
set line = added.name, crashes = i.crashes + case when i.owner is null then 0 else 1 end, owner = null, lease_id = null
from unnest(:partitions::bigint[], :seqs::bigint[], :names::text[]) as added (partition_id, seq, name)
where i.partition_id = any (array[added.partition_id]) and i.seq = added.seq;

-- name: claim-items
-- Leases the first works of lines, at most :most of each.
with ready as (
  select first.partition_id, first.seq
  from unnest(:names::text[], :most::integer[]) as wanted (name, most)
  cross join lateral (
    select i.partition_id, i.seq from sluice.work_items i
    where i.queue_id = :queue and i.line = wanted.name
    order by i.available_at
    limit wanted.most
    for update skip locked
  ) first
)
update sluice.work_items i
set owner = :owner, lease_id = gen_random_uuid(), limited = i.line, line = null, available_at = clock_timestamp() + :lease_ms * interval '1 millisecond'
from ready
where i.partition_id = any (array[ready.partition_id]) and i.seq = ready.seq
returning i.*, false as took_over;

-- name: remove-items
-- Takes all works of a queue out of their lines.
update sluice.work_items i set line = null where i.queue_id = :queue and i.line is not null;

-- name: alone-items
-- Locks works that are due and must run alone, without the leases :held, which the caller still has.
select due.partition_id, due.seq, due.partition_name
from generate_series(0, 3) as priority (lane)
cross join lateral (
  select i.partition_id, i.seq, i.partition_name from sluice.work_items i
  where i.queue_id = :queue and i.lane = priority.lane and i.available_at <= now() and i.line is null
    and i.crashes + case when i.owner is null then 0 else 1 end >= :alone
    and not coalesce(i.lease_id = any (:held::uuid[]), false)
  order by i.available_at
  limit :limit
  for update skip locked
) due
limit :limit;

-- name: claim-item
-- Leases a work that this transaction has locked.
update sluice.work_items i
set owner = :owner, lease_id = gen_random_uuid(), limited = :name, available_at = clock_timestamp() + :lease_ms * interval '1 millisecond',
    crashes = i.crashes + case when i.owner is null then 0 else 1 end
from (select l.owner from sluice.work_items l where l.partition_id = :partition and l.seq = :seq offset 0) locked
where i.partition_id = :partition and i.seq = :seq
returning i.*, locked.owner is not null as took_over;
