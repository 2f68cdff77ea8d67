-- Statements of ListRows. Each reads the next works of one table behind a key, in an order that its index has. The
-- caller leaves those out that it does not want, so a page may be short.

-- name: claimed
-- Works of claims, in the order of their places.
select c.queue_id, s.ids[at.i] as message_id, p.name as partition_name, p.lane, c.state, 0 as attempts, 0 as crashes,
       0::bigint as snoozes, coalesce(s.created_ats[at.i], s.created_at) as created_at, null::timestamptz as due_at,
       c.lease_until, null::timestamptz as ended_at, c.partition_id::text as key_1, c.seq::text as key_2, '' as key_3
from (
  select c.queue_id, c.partition_id, c.lease_until, run.seq,
         case when c.lease_until > now() then 'running' else 'waiting' end as state
  from unnest(:queues::bigint[]) as wanted (id)
  cross join lateral (select * from sluice.work_claims c where c.queue_id = wanted.id offset 0) c
  cross join lateral generate_series(c.first_seq, c.last_seq) as run (seq)
  where not c.done @> run.seq and (c.partition_id, run.seq) > (:key_1::bigint, :key_2::bigint)
  order by c.partition_id, run.seq
  limit :limit
) c
cross join lateral (select p.name, p.lane from sluice.partitions p where p.id = c.partition_id offset 0) p
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = c.partition_id and s.first_seq <= c.seq
  order by s.first_seq desc
  limit 1
) s
cross join lateral (select (c.seq - s.first_seq + 1)::integer as i) at
where s.last_seq >= c.seq
order by c.partition_id, c.seq;

-- name: items
-- Works with a history: newest first within a queue.
select i.queue_id, i.message_id, i.partition_name, i.lane,
       case when i.owner is not null and i.available_at > now() then 'running'
            when i.snoozed and i.owner is null then 'snoozed'
            when i.attempts > 0 or i.crashes > 0 or i.owner is not null then 'retrying'
            else 'waiting' end as state,
       i.attempts, i.crashes, i.snoozes, i.created_at,
       case when i.owner is null and i.available_at > now() then i.available_at end as due_at,
       case when i.owner is not null then i.available_at end as lease_until, null::timestamptz as ended_at,
       i.queue_id::text as key_1, i.message_id::text as key_2, '' as key_3
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select * from sluice.work_items i
  where i.queue_id = wanted.id
    and i.message_id < case when wanted.id = :key_1::bigint then :key_2::uuid else 'ffffffff-ffff-ffff-ffff-ffffffffffff' end
  order by i.message_id desc
  limit :limit
) i
where wanted.id >= :key_1::bigint
order by i.queue_id, i.message_id desc
limit :limit;

-- name: outbox
-- Works that no engine has moved to their queues, in the order in which they were enqueued.
select q.id as queue_id, o.message_id, o.partition as partition_name, coalesce(o.lane, 2) as lane,
       case when o.deliver_at is not null or o.delay_ms is not null then 'scheduled' else 'waiting' end as state,
       0 as attempts, 0 as crashes, 0::bigint as snoozes, o.enqueued_at as created_at,
       case when o.deliver_at is not null or o.delay_ms is not null
            then greatest(o.deliver_at, o.enqueued_at + coalesce(o.delay_ms, 0) * interval '1 millisecond') end as due_at,
       null::timestamptz as lease_until, null::timestamptz as ended_at, o.id::text as key_1, '' as key_2, '' as key_3
from (select * from sluice.work_outbox o where o.id > :key_1::bigint order by o.id limit :limit) o
cross join lateral (select q.id from sluice.queues q where q.name = o.queue offset 0) q
order by o.id;

-- name: scheduled
-- Works that are not due, in the order of their partitions.
select s.queue_id, s.message_id, s.partition_name, s.urgency as lane, 'scheduled' as state, 0 as attempts, 0 as crashes,
       0::bigint as snoozes, s.created_at, s.due_at, null::timestamptz as lease_until, null::timestamptz as ended_at,
       s.partition_id::text as key_1, s.transaction_id as key_2, '' as key_3
from (
  select p.queue_id, p.name as partition_name, coalesce(s.lane, p.lane) as urgency, s.*
  from (
    select p.*
    from unnest(:queues::bigint[]) as wanted (id)
    cross join lateral (
      select p.id, p.queue_id, p.name, p.lane from sluice.partitions p where p.queue_id = wanted.id and p.scheduled > 0 offset 0
    ) p
    where p.id >= :key_1::bigint
    order by p.id
    limit :limit
  ) p
  cross join lateral (
    select s.* from sluice.scheduled s
    where s.partition_id = p.id
      and s.transaction_id > case when p.id = :key_1::bigint then :key_2::text else '' end
    order by s.transaction_id
    limit :limit
  ) s
  order by p.id, s.transaction_id
  limit :limit
) s
order by s.partition_id, s.transaction_id;

-- name: unread
-- Of the next :rows cursors of a queue, from the partition :key on, those that may have works that no engine has claimed.
-- The last row, without a name, says how many cursors were read, and up to which partition.
with read as materialized (
  select c.partition_id, c.position, c.acked, c.available_at
  from (select g.id from sluice.consumer_groups g where g.queue_id = :queue and g.name = :group offset 0) g
  cross join lateral (
    select c.partition_id, c.position, c.acked, c.available_at from sluice.cursors c
    where c.group_id = g.id and c.partition_id >= :key::bigint
    order by c.partition_id
    limit :rows
  ) c
)
select u.*
from (
  select c.partition_id, p.name as partition_name, p.lane, greatest(c.position, p.tail - 1) as position, c.acked::text as acked
  from (
    select * from read r where r.available_at is not null order by r.partition_id limit :partitions
  ) c
  cross join lateral (select * from sluice.partitions p where p.id = c.partition_id offset 0) p
  union all
  select coalesce(max(r.partition_id), 0), null, 0, count(*), '' from read r
) u
order by u.partition_name is null, u.partition_id;

-- name: waiting
-- Works of these partitions of a queue behind their cursors and the key, in the order of their places. Reads at most
-- :segments segments, and no more than have :limit works. If there are more, a row without a name says up to where it
-- has read. Messages that were deleted or acknowledged are in segments too, so few works may be in many of them.
with found as materialized (
  select f.*, sum(f.last_seq - f.first_seq + 1) over (order by f.partition_id, f.first_seq) - (f.last_seq - f.first_seq + 1) as before,
         count(*) over () as segments
  from (
    select w.partition_id, w.name, w.lane, w.acked, after.seq as after, s.first_seq, s.last_seq
    from unnest(:partitions::bigint[], :names::text[], :lanes::integer[], :positions::bigint[], :acked::text[])
      as w (partition_id, name, lane, position, acked)
    cross join lateral (
      select case when w.partition_id = :key_2::bigint then greatest(w.position, :key_3::bigint) else w.position end as seq
    ) after
    cross join lateral (
      select s.first_seq, s.last_seq from sluice.segments s
      where s.partition_id = w.partition_id
        and s.first_seq >= coalesce((
          select max(b.first_seq) from sluice.segments b where b.partition_id = w.partition_id and b.first_seq <= after.seq + 1
        ), 0)
      order by s.first_seq
      limit :segments
    ) s
    order by w.partition_id, s.first_seq
    limit :segments
  ) f
)
select :queue::bigint as queue_id, m.id as message_id, m.name as partition_name, m.lane, 'waiting' as state, 0 as attempts,
       0 as crashes, 0::bigint as snoozes, m.created_at, null::timestamptz as due_at, null::timestamptz as lease_until,
       null::timestamptz as ended_at, :queue::text as key_1, m.partition_id::text as key_2, m.seq::text as key_3
from (
  select f.partition_id, f.name, f.lane, u.id, f.first_seq + u.place - 1 as seq, coalesce(u.created_at, s.created_at) as created_at
  from found f
  cross join lateral (
    select * from sluice.segments s where s.partition_id = f.partition_id and s.first_seq = f.first_seq offset 0
  ) s
  cross join lateral unnest(s.ids, s.created_ats, case when s.has_deletions then s.payloads end)
    with ordinality as u (id, created_at, payload, place)
  where f.before < :limit and f.first_seq + u.place - 1 > f.after and not f.acked::int8multirange @> f.first_seq + u.place - 1
    and (not s.has_deletions or u.payload is not null)
  union all
  (
    select f.partition_id, null, f.lane, '00000000-0000-0000-0000-000000000000', greatest(f.last_seq, f.after), null
    from found f
    where f.before < :limit and (f.segments = :segments or exists (select from found more where more.before >= :limit))
    order by f.partition_id desc, f.first_seq desc
    limit 1
  )
) m
order by m.partition_id, m.seq, m.name is null
limit :limit;

-- name: dead
-- Dead letters: newest failure first within a queue.
select d.queue_id, d.message_id, d.partition_name, 2 as lane, 'dead' as state, case when d.history is null then 0 else d.retries + 1 end as attempts, 0 as crashes,
       0::bigint as snoozes, d.created_at, null::timestamptz as due_at, null::timestamptz as lease_until, d.failed_at as ended_at,
       d.queue_id::text as key_1, d.failed_at::text as key_2, d.id::text as key_3
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select case when wanted.id = :key_1::bigint then :key_2::timestamptz else 'infinity' end as at,
         case when wanted.id = :key_1::bigint then :key_3::bigint else 0 end as id
) before
cross join lateral (
  select * from sluice.dead_letters d
  where d.queue_id = wanted.id and d.failed_at <= before.at and (d.failed_at, d.id) < (before.at, before.id)
    and d.group_name = :group
  order by d.failed_at desc, d.id desc
  limit :limit
) d
where wanted.id >= :key_1::bigint
order by d.queue_id, d.failed_at desc, d.id desc
limit :limit;

-- name: ended
-- Works that were cancelled or replayed: newest first within a queue.
select e.queue_id, e.message_id, null::text as partition_name, 2 as lane,
       case when e.replayed_as is null then 'cancelled' else 'replayed' end as state, 0 as attempts, 0 as crashes,
       0::bigint as snoozes, null::timestamptz as created_at, null::timestamptz as due_at, null::timestamptz as lease_until,
       e.ended_at, e.queue_id::text as key_1, e.message_id::text as key_2, '' as key_3
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select * from sluice.work_ends e
  where e.queue_id = wanted.id
    and e.message_id < case when wanted.id = :key_1::bigint then :key_2::uuid else 'ffffffff-ffff-ffff-ffff-ffffffffffff' end
  order by e.message_id desc
  limit :limit
) e
where wanted.id >= :key_1::bigint
order by e.queue_id, e.message_id desc
limit :limit;
