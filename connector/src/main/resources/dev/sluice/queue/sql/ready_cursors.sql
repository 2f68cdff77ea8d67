-- Locks ready cursors for pops. No statement here waits for the lock of a partition: if a flush holds the partition,
-- the cursor stays ready for the messages of that flush. The statements that lock return the id of the transaction with
-- each row, as read-transaction-id in transaction_id.sql does: the writes of a pop go to the server with its commit.

-- name: ready
-- Locks up to :limit ready cursors of the group, lane by lane, longest ready first. Skips cursors that another pop has
-- locked. Relies on the index cursors_ready.
select c.group_id, c.partition_id, q.id as queue_id, q.name as queue, p.name as partition, c.position, p.head, c.acked::text as acked,
       c.deliveries, c.lease_id is not null as lease_expired,
       c.lane,
       case when p.lane_heads is null then c.lane when p.lane_heads[1] > c.position then 0
            when p.lane_heads[2] > c.position then 1 when p.lane_heads[3] > c.position then 2
            when p.lane_heads[4] > c.position then 3 else c.lane end as lane_waiting,
       q.redelivery_limit, q.delayed_processing_s, q.lease_time_s,
       case when q.window_buffer_s = 0 then 0
            else (extract(epoch from p.last_push_at - now() + q.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms,
       (select array[pg_current_xact_id()::text, clock_timestamp()::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)])
         as transaction
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
cross join lateral (select * from sluice.partitions p where p.id = c.partition_id offset 0) p
where q.name = :queue;

-- name: ready-lanes
-- Like ready, with a limit of its own for each lane.
select c.group_id, c.partition_id, q.id as queue_id, q.name as queue, p.name as partition, c.position, p.head, c.acked::text as acked,
       c.deliveries, c.lease_id is not null as lease_expired,
       c.lane,
       case when p.lane_heads is null then c.lane when p.lane_heads[1] > c.position then 0
            when p.lane_heads[2] > c.position then 1 when p.lane_heads[3] > c.position then 2
            when p.lane_heads[4] > c.position then 3 else c.lane end as lane_waiting,
       q.redelivery_limit, q.delayed_processing_s, q.lease_time_s,
       case when q.window_buffer_s = 0 then 0
            else (extract(epoch from p.last_push_at - now() + q.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms,
       (select array[pg_current_xact_id()::text, clock_timestamp()::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)])
         as transaction
from sluice.queues q
cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0) g
cross join lateral (
  select ready.*
  from unnest(:limits::bigint[]) with ordinality as priority (cursors, number)
  cross join lateral (
    select * from sluice.cursors c
    where c.group_id = g.id and c.lane = priority.number - 1 and c.available_at <= now()
    order by c.available_at
    limit priority.cursors
    for no key update skip locked
  ) ready
) c
cross join lateral (select * from sluice.partitions p where p.id = c.partition_id offset 0) p
where q.name = :queue;

-- name: ready-partition
-- Like ready, for one partition. The coalesce keeps the server from using cursors_ready, with which it would read all
-- ready cursors.
select c.group_id, c.partition_id, of.queue_id, of.queue, of.partition, c.position, of.head, c.acked::text as acked,
       c.deliveries, c.lease_id is not null as lease_expired,
       c.lane, c.lane as lane_waiting,
       of.redelivery_limit, of.delayed_processing_s, of.lease_time_s,
       case when of.window_buffer_s = 0 then 0
            else (extract(epoch from of.last_push_at - now() + of.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms,
       (select array[pg_current_xact_id()::text, clock_timestamp()::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)])
         as transaction
from (
  select q.id as queue_id, q.name as queue, q.redelivery_limit, q.delayed_processing_s, q.lease_time_s, q.window_buffer_s,
         g.id as group_id, p.id as partition_id, p.name as partition, p.head, p.last_push_at
  from sluice.queues q
  cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0) g
  cross join lateral (select * from sluice.partitions p where p.queue_id = q.id and p.name = :partition offset 0) p
  where q.name = :queue
  offset 0
) of
join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
where coalesce(c.available_at, 'infinity') <= now()
for no key update of c skip locked;

-- name: plan-across
-- Makes the server plan the statements of this transaction for their values: only a plan that knows whether the
-- namespace is null can use the index queues_by_namespace.
select set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: ready-across
-- Like ready, over all queues of a namespace and task. First reads without locks which cursors have been ready
-- longest, then locks that many of each queue and lane. If other transactions hold some of them, also looks at the
-- other ready cursors of all queues. For each queue and lane, reads at most :limit index entries, whatever the number
-- of partitions.
with sources as materialized (
  select priority.lane, g.id as group_id
  from sluice.queues q
  cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0) g
  cross join generate_series(0, 3) as priority (lane)
  where (:namespace::text is null or q.namespace = :namespace) and (:task::text is null or q.task = :task)
), longest as materialized (
  select lane, group_id, count(*) as cursors
  from (
    select s.lane, s.group_id
    from sources s
    cross join lateral (
      select c.available_at from sluice.cursors c
      where c.group_id = s.group_id and c.lane = s.lane and c.available_at <= now()
      order by c.available_at
      limit :limit
    ) c
    order by s.lane, c.available_at
    limit :limit
  ) ready
  group by lane, group_id
), chosen as materialized (
  select ready.*
  from longest
  cross join lateral (
    select * from sluice.cursors c
    where c.group_id = longest.group_id and c.lane = longest.lane and c.available_at <= now()
    order by c.available_at
    limit longest.cursors
    for no key update skip locked
  ) ready
), others as materialized (
  select ready.*
  from (select * from sources order by lane) s
  cross join lateral (
    select * from sluice.cursors c
    where c.group_id = s.group_id and c.lane = s.lane and c.available_at <= now()
    order by c.available_at
    limit 2 * :limit
    for no key update skip locked
  ) ready
  where (select count(*) from chosen) < (select sum(cursors) from longest)
  limit 2 * :limit -- The chosen cursors may be among them.
)
select c.group_id, c.partition_id, q.id as queue_id, q.name as queue, p.name as partition, c.position, p.head, c.acked::text as acked,
       c.deliveries, c.lease_id is not null as lease_expired,
       c.lane,
       case when p.lane_heads is null then c.lane when p.lane_heads[1] > c.position then 0
            when p.lane_heads[2] > c.position then 1 when p.lane_heads[3] > c.position then 2
            when p.lane_heads[4] > c.position then 3 else c.lane end as lane_waiting,
       q.redelivery_limit, q.delayed_processing_s, q.lease_time_s,
       case when q.window_buffer_s = 0 then 0
            else (extract(epoch from p.last_push_at - now() + q.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms,
       (select array[pg_current_xact_id()::text, clock_timestamp()::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)])
         as transaction
from (select * from chosen union select * from others) c
cross join lateral (select * from sluice.partitions p where p.id = c.partition_id offset 0) p
cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
order by c.lane, c.available_at, c.partition_id
limit :limit;

-- name: delayed
-- Returns, for each run [first, last], the last seq that is old enough to be delivered (null if none is), and how long
-- until the next seq is old enough.
select run.ordinal,
       max(s.last_seq) filter (where s.created_at <= now() - run.delay_s * interval '1 second') as visible,
       (extract(epoch from min(s.created_at) filter (where s.created_at > now() - run.delay_s * interval '1 second')
                           - now() + max(run.delay_s) * interval '1 second') * 1000)::bigint as next_ms
from unnest(:partitions::bigint[], :firsts::bigint[], :lasts::bigint[], :delays_s::bigint[]) with ordinality
  as run (partition_id, first_seq, last_seq, delay_s, ordinal)
cross join lateral (
  select s.last_seq, s.created_at from sluice.segments s
  where s.partition_id = run.partition_id
    and s.first_seq >= coalesce(
      (select max(b.first_seq) from sluice.segments b
       where b.partition_id = run.partition_id and b.first_seq <= run.first_seq), 0)
    and s.first_seq <= run.last_seq
  offset 0
) s
group by run.ordinal;

-- name: next-ready
-- Returns how many ms from now the first lease or delay of the group ends, so that it can read without a push; null if
-- none does. Relies on the index cursors_ready.
select q.id as queue_id, g.id as group_id,
       (select extract(epoch from min(lane_next.at) - now()) * 1000
        from generate_series(0, 3) as priority (lane)
        cross join lateral (
          select c.available_at as at from sluice.cursors c
          where c.group_id = g.id and c.lane = priority.lane and c.available_at is not null
          order by c.available_at
          limit 1
        ) lane_next) as next_ms
from sluice.queues q
left join lateral (
  select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0
) g on true
where q.name = :queue;

-- name: next-ready-partition
-- Like next-ready, for one partition, and whether the partition is leased.
select q.id as queue_id, p.id as partition_id, g.id as group_id,
       extract(epoch from c.available_at - now()) * 1000 as next_ms,
       c.lease_id is not null and c.available_at > now() as leased
from sluice.queues q
left join lateral (
  select p.id from sluice.partitions p where p.queue_id = q.id and p.name = :partition offset 0
) p on true
left join lateral (
  select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0
) g on true
left join lateral (
  select * from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
) c on true
where q.name = :queue;

-- name: next-ready-across
-- Like next-ready, over all queues of a namespace and task. Returns no row if there are no such queues.
select min(g.id) as group_id,
       min(extract(epoch from (
         select min(lane_next.at)
         from generate_series(0, 3) as priority (lane)
         cross join lateral (
           select c.available_at as at from sluice.cursors c
           where c.group_id = g.id and c.lane = priority.lane and c.available_at is not null
           order by c.available_at
           limit 1
         ) lane_next
       ) - now()) * 1000) as next_ms
from sluice.queues q
left join lateral (
  select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0
) g on true
where (:namespace::text is null or q.namespace = :namespace) and (:task::text is null or q.task = :task)
having count(*) > 0;

-- name: fall-back
-- Moves cursors, which the transaction has locked, to the most urgent lane that waits in their partitions.
update sluice.cursors c
set lane = case when p.lane_heads[1] > c.position then 0 when p.lane_heads[2] > c.position then 1
                when p.lane_heads[3] > c.position then 2 when p.lane_heads[4] > c.position then 3 else c.lane end
from unnest(:groups::bigint[], :partitions::bigint[]) as wanted (group_id, partition_id)
cross join lateral (select p.lane_heads from sluice.partitions p where p.id = wanted.partition_id offset 0) p
where c.group_id = any (array[wanted.group_id]) and c.partition_id = wanted.partition_id and p.lane_heads is not null;
