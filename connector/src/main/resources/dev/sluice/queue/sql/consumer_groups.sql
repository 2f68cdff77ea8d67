-- Statements of ConsumerGroups: lists with lag, seeks, and the deletion of groups.
--
-- A seek locks the rows of its partitions `for key share`: tails cannot advance, and flushes can continue.

-- name: groups
-- A row for each group and queue with its lag, after :after_group and :after_queue. Computes the lag only for this
-- page.
select page.group_name, page.queue, page.subscription_mode, page.subscription_from, page.created_at, held.*,
       coalesce(extract(epoch from now() - held.oldest_unread_at) * 1000, 0)::bigint as time_lag_ms
from (
  select g.id, g.name as group_name, q.name as queue, g.subscription_mode, g.subscription_from, g.created_at
  from sluice.consumer_groups g
  join sluice.queues q on q.id = g.queue_id
  where (:group::text is null or g.name = :group) and (:queue::text is null or q.name = :queue)
    and (:after_group::text is null or (g.name, q.name) > (:after_group, :after_queue))
  order by g.name, q.name
  limit :limit
) page
cross join lateral (
  select count(*) as partitions,
         count(*) filter (where l.lag > 0) as partitions_with_lag,
         coalesce(sum(l.lag), 0)::bigint as lag,
         coalesce(bool_or(l.head - l.lag > 0), false) as has_read,
         min(l.oldest_unread_at) as oldest_unread_at
  from sluice.group_lag l
  where l.group_id = page.id
) held
order by page.group_name, page.queue;

-- name: group-partitions
-- The positions of a group in all its queues, in one queue, or in one partition, after :after_queue and
-- :after_partition.
select l.*, coalesce(extract(epoch from now() - l.oldest_unread_at) * 1000, 0)::bigint as time_lag_ms
from sluice.group_lag l
where l.group_name = :group and (:queue::text is null or l.queue = :queue)
  and (:partition::text is null or l.partition = :partition)
  and (:after_queue::text is null or (l.queue, l.partition) > (:after_queue, :after_partition))
order by l.queue, l.partition
limit :limit;

-- name: lagging
-- The partitions whose oldest unread message is at least :min_lag_ms old, oldest first, after the row of the :after
-- parameters.
select late.*, (extract(epoch from now() - late.oldest_unread_at) * 1000)::bigint as time_lag_ms
from (select l.* from sluice.group_lag l where l.lag > 0 offset 0) late
where late.oldest_unread_at <= now() - :min_lag_ms * interval '1 millisecond'
  and (:after_at::timestamptz is null
    or (late.oldest_unread_at, late.group_name, late.queue, late.partition)
      > (:after_at::timestamptz, :after_group, :after_queue, :after_partition))
order by late.oldest_unread_at, late.group_name, late.queue, late.partition
limit :limit;

-- name: group-ids
-- The queues that a group is registered on.
select g.id as group_id, q.name as queue, g.subscription_mode, g.subscription_from, g.created_at
from sluice.consumer_groups g
cross join lateral (select q.id, q.name from sluice.queues q where q.id = g.queue_id offset 0) q
where g.name = :group and (:queue::text is null or q.name = :queue)
order by q.id;

-- name: hold-tails
-- Until the commit no tail advances and no partition is deleted. Flushes do not wait.
select count(*) from (
  select id from sluice.partitions where id = any (:partitions::bigint[]) order by id for key share
) held;

-- name: hold-cursors
select count(*) from (
  select c.partition_id
  from (select :group::bigint as group_id, held.id from unnest(:partitions::bigint[]) as held (id) offset 0) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.id
  order by of.id
  for no key update of c
) held;

-- name: seek
-- The transaction holds the locks of hold-tails and hold-cursors. The statement finds the seq of a time by bisecting
-- (low, high]: every message up to low was written at or before the time, every message after high was written later.
-- The cursor becomes ready, unless it is closed (taking.sql); a pop that finds no message makes it idle. It gets the most
-- urgent lane that waits behind its new position. A partition without a segment in that range stays as it is.
with recursive search as (
  select p.id,
         case :target when 'end' then p.head else p.tail - 1 end as low,
         case :target when 'beginning' then p.tail - 1 else p.head end as high
  from sluice.partitions p
  where p.id = any (:partitions::bigint[])
  union all
  select search.id,
         case when s.created_at <= :time::timestamptz then s.last_seq else search.low end,
         case when s.created_at <= :time::timestamptz then search.high else s.first_seq - 1 end
  from search
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = search.id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) s
  where search.low < search.high
), found as materialized (
  select :group::bigint as group_id, id, low as position from search where low >= high
)
update sluice.cursors c
set position = found.position,
    lane = case when p.lane_heads is null then c.lane when p.lane_heads[1] > found.position then 0
                when p.lane_heads[2] > found.position then 1 when p.lane_heads[3] > found.position then 2
                when p.lane_heads[4] > found.position then 3 else c.lane end,
    acked = '{}',
    failed_seqs = null,
    failed_counts = null,
    deliveries = 0,
    lease_id = null,
    lease_end = null,
    available_at = case when c.available_at > now() + interval '50 years' then c.available_at
                        else clock_timestamp() end
from found
cross join lateral (select p.lane_heads from sluice.partitions p where p.id = found.id offset 0) p
where c.group_id = any (array[found.group_id]) and c.partition_id = found.id;

-- name: delete-group-cursors
-- Waits for running acknowledgements.
with locked as (
  select group_id, partition_id from sluice.cursors where group_id = :group order by partition_id for update
)
delete from sluice.cursors c
using locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id;

-- name: lock-queue
-- Until the commit no other transaction can create partitions of the queue or register groups on it.
select id from sluice.queues where name = :queue for no key update;

-- name: lock-group
select id from sluice.consumer_groups where queue_id = :queue_id and name = :group for update;

-- name: delete-group
delete from sluice.consumer_groups where id = :group;

-- name: delete-pending
-- The subscriptions to queues that do not exist yet, and to namespaces if the group is deleted on all queues.
with across as (
  delete from sluice.pending_subscriptions_across where group_name = :group and :queue::text is null
)
delete from sluice.pending_subscriptions
where group_name = :group and (:queue::text is null or queue_name = :queue);

-- name: change-subscription
update sluice.consumer_groups set subscription_mode = 'from', subscription_from = :from where name = :group;
