-- Statements of pop, ack and lease extension. None of them waits for a partition's lock: where one is held, a flush is
-- under way, and the cursor is left ready for what that flush brings.

-- name: ready
-- Locks up to :limit ready cursors of the group, lane by lane, longest ready first; skips those another pop is claiming.
-- Relies on cursors_ready.
select c.group_id, c.partition_id, q.id as queue_id, q.name as queue, p.name as partition, c.position, p.head, c.acked::text as acked,
       case when c.lease_id is null then c.deliveries else c.deliveries + 1 end as deliveries,
       q.redelivery_limit, q.delayed_processing_s,
       case when q.lease_time_s = 0 then 60 else q.lease_time_s end as lease_time_s,
       case when q.window_buffer_s = 0 then 0
            else (extract(epoch from p.last_push_at - now() + q.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms
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

-- name: ready-partition
-- As ready, for one partition. Where the time stands in coalesce, cursors_ready cannot be used: it would read all that is ready.
select c.group_id, c.partition_id, of.queue_id, of.queue, of.partition, c.position, of.head, c.acked::text as acked,
       case when c.lease_id is null then c.deliveries else c.deliveries + 1 end as deliveries,
       of.redelivery_limit, of.delayed_processing_s,
       case when of.lease_time_s = 0 then 60 else of.lease_time_s end as lease_time_s,
       case when of.window_buffer_s = 0 then 0
            else (extract(epoch from of.last_push_at - now() + of.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms
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

-- name: ready-across
-- As ready, over all queues of a namespace and task. Which cursors have been ready longest is read without locks; then that
-- many of each queue and lane are locked. Only when others held some of these are all queues asked for what else they have.
-- Reads, for each queue and lane, as many index entries as are ready, :limit at most; whatever the number of partitions.
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
  limit 2 * :limit -- Those already chosen are among them.
)
select c.group_id, c.partition_id, q.id as queue_id, q.name as queue, p.name as partition, c.position, p.head, c.acked::text as acked,
       case when c.lease_id is null then c.deliveries else c.deliveries + 1 end as deliveries,
       q.redelivery_limit, q.delayed_processing_s,
       case when q.lease_time_s = 0 then 60 else q.lease_time_s end as lease_time_s,
       case when q.window_buffer_s = 0 then 0
            else (extract(epoch from p.last_push_at - now() + q.window_buffer_s * interval '1 second') * 1000)::bigint
       end as window_ms
from (select * from chosen union select * from others) c
cross join lateral (select * from sluice.partitions p where p.id = c.partition_id offset 0) p
cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
order by c.lane, c.available_at, c.partition_id
limit :limit;

-- name: lease
-- Gives the runs (position, lease_end] to the leases.
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
where c.group_id = any (array[claimed.group_id]) and c.partition_id = claimed.partition_id;

-- name: delayed
-- Of each run [first, last], the last seq that is old enough to be delivered, null if none is; and how long until the
-- next one is.
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

-- name: settle
-- Moves cursors on and ends their leases. A cursor with nothing left becomes idle, if no flush holds its partition:
-- the share lock keeps the next flush from overlooking it. Otherwise it stays ready. Where more is to be read, the partition is
-- left alone. The quiet ones are asked by `in`, which looks each up in a hash table whatever the plan: joined, the two lists were
-- compared pair by pair, by a generic plan and on a writer's connection. (`skip locked` does wait for one thing, a newer version
-- of a row it has already passed; so a deadlock is possible, if rare, and the transaction is run again.)
with settled as (
  select * from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[],
                       :failed_seqs::text[], :failed_counts::text[], :deliveries::integer[], :delays_ms::bigint[])
    as settled (group_id, partition_id, position, acked, failed_seqs, failed_counts, deliveries, delay_ms)
), quiet as (
  select p.id, p.head
  from (select distinct partition_id, position from settled) done
  join sluice.partitions p on p.id = any (array[done.partition_id]) and p.head = done.position
  for share of p skip locked
)
update sluice.cursors c
set position = settled.position,
    acked = settled.acked::int8multirange,
    failed_seqs = settled.failed_seqs::bigint[],
    failed_counts = settled.failed_counts::integer[],
    deliveries = settled.deliveries,
    consumed_at = case when settled.position > c.position then now() else c.consumed_at end,
    lease_id = null,
    lease_end = null,
    available_at = case when (settled.partition_id, settled.position) in (select id, head from quiet) then null
                        else clock_timestamp() + settled.delay_ms * interval '1 millisecond' end
from settled
where c.group_id = any (array[settled.group_id]) and c.partition_id = settled.partition_id;

-- name: hold-back
-- Puts cursors off whose messages are too young.
update sluice.cursors c
set lease_id = null, lease_end = null, available_at = now() + held.delay_ms * interval '1 millisecond'
from unnest(:groups::bigint[], :partitions::bigint[], :delays_ms::bigint[]) as held (group_id, partition_id, delay_ms)
where c.group_id = any (array[held.group_id]) and c.partition_id = held.partition_id;

-- name: keep-lease
-- Moves cursors on whose leases go on.
update sluice.cursors c
set position = settled.position,
    acked = settled.acked::int8multirange,
    consumed_at = case when settled.position > c.position then now() else c.consumed_at end,
    deliveries = 0
from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[])
  as settled (group_id, partition_id, position, acked)
where c.group_id = any (array[settled.group_id]) and c.partition_id = settled.partition_id;

-- name: put-back
-- Moves cursors back. A lease that another pop got meanwhile stays.
update sluice.cursors c
set position = back.position,
    acked = back.acked::int8multirange,
    available_at = coalesce(c.available_at, clock_timestamp())
from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[])
  as back (group_id, partition_id, position, acked)
where c.group_id = any (array[back.group_id]) and c.partition_id = back.partition_id;

-- name: read
-- The messages of the runs [first, last], as slices of segments, in the order of the runs, until :max_bytes of payloads are
-- passed. Two index probes a run, then one row a segment; only the slices given are unpacked. What is sorted to count the bytes is
-- narrow: the rows of the segments, which may hold their payloads, are fetched for those that are returned.
select sliced.ordinal, s.first_seq + sliced.low - 1 as slice_seq, sliced.total_bytes,
       s.created_at,
       s.ids[sliced.low:sliced.high] as ids,
       s.transaction_ids[sliced.low:sliced.high] as transaction_ids,
       s.payloads[sliced.low:sliced.high] as payloads,
       s.trace_ids[sliced.low:sliced.high] as trace_ids,
       s.producer_subs[sliced.low:sliced.high] as producer_subs,
       s.created_ats[sliced.low:sliced.high] as created_ats
from (
  select run.ordinal, s.partition_id, s.first_seq, slice.low, slice.high,
         sum(s.payload_bytes * (slice.high - slice.low + 1) / (s.last_seq - s.first_seq + 1))
           over (order by run.ordinal, s.first_seq) as total_bytes,
         s.payload_bytes * (slice.high - slice.low + 1) / (s.last_seq - s.first_seq + 1) as slice_bytes
  from unnest(:partitions::bigint[], :firsts::bigint[], :lasts::bigint[]) with ordinality
    as run (partition_id, first, last, ordinal)
  cross join lateral (
    select s.partition_id, s.first_seq, s.last_seq, s.payload_bytes from sluice.segments s
    where s.partition_id = run.partition_id
      and s.first_seq >= coalesce(
        (select max(b.first_seq) from sluice.segments b
         where b.partition_id = run.partition_id and b.first_seq <= run.first), 0)
      and s.first_seq <= run.last
    offset 0
  ) s
  cross join lateral (
    select greatest(run.first - s.first_seq, 0)::integer + 1 as low,
           least(run.last - s.first_seq, s.last_seq - s.first_seq)::integer + 1 as high
  ) slice
  where s.last_seq >= run.first
) sliced
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = sliced.partition_id and s.first_seq = sliced.first_seq
  limit 1
) s
where sliced.total_bytes - sliced.slice_bytes <= :max_bytes
order by sliced.ordinal, sliced.first_seq;

-- name: next-ready
-- When the group has something to read again without a push: the end of a lease or of a delay, in ms from now.
-- Null: never. Relies on cursors_ready.
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
-- As next-ready, for one partition, with what keeps it.
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
-- As next-ready, over all queues of a namespace and task; no row when there are none.
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

-- name: unregistered-across
-- The queues of a namespace and task that the group does not read yet, and since when it waits for them, if it has said so.
select array(
         select q.name from sluice.queues q
         where (:namespace::text is null or q.namespace = :namespace) and (:task::text is null or q.task = :task)
           and (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group) is null
       ) as queues,
       (select coalesce(w.subscription_from, w.created_at) from sluice.pending_subscriptions_across w
        where w.group_name = :group
          and w.namespace is not distinct from :namespace and w.task is not distinct from :task) as waits_since;

-- name: wait-across
-- Notes that a group waits for queues of a namespace and task.
insert into sluice.pending_subscriptions_across (namespace, task, group_name, subscription_from)
values (:namespace, :task, :group, :from)
on conflict do nothing;

-- name: namespaces
-- Where queues are, of those that exist.
select name, namespace, task from sluice.queues where name = any (:queues::text[]);

-- name: wait-for-queue
-- Notes that a group waits for a queue that does not exist, or that it still does.
insert into sluice.pending_subscriptions (queue_name, group_name, subscription_from)
select :queue, :group, :from
where not exists (select from sluice.queues where name = :queue)
on conflict (queue_name, group_name) do update set asked_at = now();

-- name: waits-for-queue
-- Whether that is noted, and noted lately: the time is written once a day at most, not with every pop.
select from sluice.pending_subscriptions
where queue_name = :queue and group_name = :group and asked_at > now() - interval '1 day';

-- name: lock-queues
-- Keeps partitions from being created while a group is registered.
select id from sluice.queues
where id = any (array(select q.id from sluice.queues q where q.name = any (:queues::text[])))
order by id
for update;

-- name: register-group
insert into sluice.consumer_groups (queue_id, name, subscription_mode, subscription_from)
select queue_id, :group::text, :mode::text, :from::timestamptz from unnest(:queues::bigint[]) as wanted (queue_id)
on conflict (queue_id, name) do nothing
returning id;

-- name: lock-partitions-of-groups
-- Waits for the flushes under way, so that the heads read next are the ones the new cursors are set by.
select count(*) from (
  select id from sluice.partitions
  where id = any (array(
    select p.id
    from (select g.queue_id from sluice.consumer_groups g where g.id = any (:groups::bigint[])) g
    cross join lateral (select p.id from sluice.partitions p where p.queue_id = g.queue_id offset 0) p
  ))
  order by id
  for share
) locked;

-- name: create-cursors
-- Under the locks of lock-queues and lock-partitions-of-groups. The seq of a time is found by halving (low, high], as seek does:
-- everything up to low was written before it, everything after high was not, unless the clock went back meanwhile.
with recursive search as (
  select g.id as group_id, p.id, p.lane, p.head,
         case :mode::text when 'new' then p.head else p.tail - 1 end as low,
         case :mode::text when 'all' then p.tail - 1 else p.head end as high
  from (select g.id, g.queue_id from sluice.consumer_groups g where g.id = any (:groups::bigint[])) g
  cross join lateral (
    select p.id, p.lane, p.head, p.tail from sluice.partitions p where p.queue_id = g.queue_id offset 0
  ) p
  union all
  select search.group_id, search.id, search.lane, search.head,
         case when s.created_at is null then search.head
              when s.created_at < :from::timestamptz then s.last_seq
              else search.low end,
         case when s.created_at is null then search.head
              when s.created_at < :from::timestamptz then search.high
              else s.first_seq - 1 end
  from search
  left join lateral (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = search.id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) s on true
  where search.low < search.high
)
insert into sluice.cursors (group_id, partition_id, lane, position, available_at)
select group_id, id, lane, low, case when head > low then now() end
from search
where low >= high;

-- name: lock-cursors
-- The cursors that acks speak of, in the order of their ids.
select of.group_name, c.group_id, c.partition_id, of.queue_id, of.queue, of.partition,
       c.position, c.lease_id, c.lease_end, coalesce(c.available_at > now(), false) as held,
       (extract(epoch from c.available_at - now()) * 1000)::bigint as remaining_ms, c.acked::text as acked,
       c.failed_seqs, c.failed_counts, of.retry_limit, of.retry_delay_ms, of.head
from (
  select wanted.group_name, g.id as group_id, p.id as partition_id, p.name as partition, p.head,
         q.id as queue_id, q.name as queue, q.retry_limit, coalesce(q.retry_delay_ms, 0) as retry_delay_ms
  from (select distinct * from unnest(:groups::text[], :partitions::bigint[]) as wanted (group_name, partition_id)) wanted
  cross join lateral (select * from sluice.partitions p where p.id = wanted.partition_id offset 0) p
  cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
  cross join lateral (
    select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = wanted.group_name offset 0
  ) g
  offset 0
) of
join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
order by of.group_id, of.partition_id
for no key update of c;

-- name: transaction-ids
-- Transaction ids of the runs [first, last], as slices of segments.
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
-- Where these messages are, of those among the newest :reach of their partitions. The ids of a partition are compared as two
-- sets, which is neither pair by pair nor by a plan of the server's choice.
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

-- name: bury
-- Copies messages into the dead letters.
insert into sluice.dead_letters
  (queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, trace_id, producer_sub, error, retries, created_at)
select dead.queue_id, dead.partition_id, p.name, dead.seq, dead.group_name, s.ids[at.i], s.transaction_ids[at.i], s.payloads[at.i],
       s.trace_ids[at.i], s.producer_subs[at.i], dead.error, dead.retries, coalesce(s.created_ats[at.i], s.created_at)
from unnest(:queues::bigint[], :partitions::bigint[], :seqs::bigint[], :groups::text[], :errors::text[], :retries::integer[])
  as dead (queue_id, partition_id, seq, group_name, error, retries)
cross join lateral (select p.name from sluice.partitions p where p.id = dead.partition_id offset 0) p
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = dead.partition_id and s.first_seq <= dead.seq
  order by s.first_seq desc
  limit 1
) s
cross join lateral (select (dead.seq - s.first_seq + 1)::integer as i) at
where s.last_seq >= dead.seq and s.payloads[at.i] is not null;

-- name: extend
-- Lengthens the live leases of that id; never shortens one. Relies on cursors_lease; in coalesce the time leaves no other index.
update sluice.cursors
set available_at = greatest(available_at, now() + :extension_ms * interval '1 millisecond')
where lease_id = :lease and coalesce(available_at, '-infinity') > now()
returning available_at;

-- name: lease-expired
-- Relies on cursors_lease; in coalesce the time leaves no other index.
select exists (
  select from sluice.cursors where lease_id = :lease and coalesce(available_at, 'infinity') <= now()
) as expired;
