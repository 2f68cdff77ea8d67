-- Statements of FindRows: where a work is, and in which state.

-- name: types
-- The queues of works, with what operators have set. Reads the names of all queues: a work may be pushed to a queue of
-- another namespace.
select q.id, q.name, q.encryption_enabled, t.paused_at, t.concurrency, t.limit_key, t.breaker is not null as is_breaker_forced
from sluice.queues q
left join lateral (select * from sluice.work_types t where t.queue = q.name offset 0) t on true
where q.id > 0 and starts_with(q.name, :prefix) and (:queue::text is null or q.name = :queue)
order by q.name;

-- name: rows
-- The rows that hold a work, or say what became of it, in one snapshot. The first row is the one that counts.
select found.*
from (
  select 1 as rank, 'item' as source, i.queue_id, i.partition_name, i.lane, i.payload, i.headers, i.producer_sub, i.created_at,
         case when i.owner is null and i.available_at > now() then i.available_at end as due_at,
         case when i.owner is not null then i.available_at end as lease_until, i.owner as engine,
         case when i.owner is not null and i.available_at > now() then 'running'
              when i.snoozed and i.owner is null then 'snoozed'
              when i.attempts > 0 or i.crashes > 0 or i.owner is not null then 'retrying'
              else 'waiting' end as state,
         i.attempts, i.crashes, i.snoozes, i.errors, null::text as report, null::text as result, null::text as reason,
         null::timestamptz as ended_at, null::uuid as replayed_as, null::bigint as letter
  from unnest(:queues::bigint[]) as wanted (id)
  cross join lateral (
    select * from sluice.work_items i where i.queue_id = wanted.id and i.message_id = :id offset 0
  ) i
  union all
  select 2, 'outbox', q.id, o.partition, coalesce(o.lane, 2), o.payload, o.headers, null, o.enqueued_at,
         case when o.deliver_at is not null or o.delay_ms is not null
              then greatest(o.deliver_at, o.enqueued_at + coalesce(o.delay_ms, 0) * interval '1 millisecond') end,
         null, null, case when o.deliver_at is not null or o.delay_ms is not null then 'scheduled' else 'waiting' end,
         0, 0, 0, null, null, null, null, null, null, null
  from (select * from sluice.work_outbox o where o.id > 0 and o.message_id = :id offset 0) o
  cross join lateral (select q.id from sluice.queues q where q.name = o.queue offset 0) q
  union all
  select 3, 'scheduled', p.queue_id, p.name, coalesce(s.lane, p.lane), s.payload, s.headers, s.producer_sub, s.created_at, s.due_at,
         null, null, 'scheduled', 0, 0, 0, null, null, null, null, null, null, null
  from (select * from sluice.scheduled s where s.message_id = :id offset 0) s
  cross join lateral (select * from sluice.partitions p where p.id = s.partition_id offset 0) p
  union all
  select 4, 'parked', q.id, k.partition, coalesce(k.lane, 2), k.payload, k.headers, k.producer_sub, k.parked_at, k.deliver_at,
         null, null, 'waiting', 0, 0, 0, null, null, null, null, null, null, null
  from unnest(:names::text[]) as wanted (name)
  cross join lateral (
    select * from sluice.parked k where k.queue = wanted.name and k.message_id = :id offset 0
  ) k
  cross join lateral (select q.id from sluice.queues q where q.name = k.queue offset 0) q
  union all
  select 5, 'dead', d.queue_id, d.partition_name, 2, d.payload, d.headers, d.producer_sub, d.created_at, null, null, null,
         'dead', case when d.history is null then 0 else d.retries + 1 end, 0, 0, d.history, d.progress, null, d.error, d.failed_at, null, d.id
  from (
    select * from sluice.dead_letters d where d.message_id = :id and d.group_name = :group offset 0
  ) d
  union all
  select 6, 'end', e.queue_id, null, 2, null, null, null, null, null, null, null,
         case when e.replayed_as is null then 'cancelled' else 'replayed' end, 0, 0, 0, null, null, null, null, e.ended_at,
         e.replayed_as, null
  from unnest(:queues::bigint[]) as wanted (id)
  cross join lateral (
    select * from sluice.work_ends e where e.queue_id = wanted.id and e.message_id = :id offset 0
  ) e
  union all
  select 7, 'key', k.queue_id, null, 2, null, null, null, k.created_at, null, null, null,
         case when k.finished_at is null then null else 'done' end, 0, 0, 0, null, null, k.result, null, k.finished_at, null, null
  from (select * from sluice.work_keys k where k.message_id = :id offset 0) k
) found
where found.queue_id = any (:queues::bigint[])
order by found.rank, found.letter desc nulls last;

-- name: replayed-at
-- When a work was put back from the dead letters, if it was and has not begun since. Its message is newer than its id.
select p.updated_at
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select * from sluice.work_progress p where p.queue_id = wanted.id and p.message_id = :id offset 0
) p
where p.history is not null;

-- name: near
-- The newest place of a message in segments that were written from :from to :to. Bisects the partitions of the queues.
-- If a partition is given, reads only that one, and those of the same name with a limit key.
with recursive candidates as (
  select p.id, p.tail, p.head
  from unnest(:queues::bigint[]) as wanted (id)
  cross join lateral (
    select p.id, p.tail, p.head from sluice.partitions p
    where p.queue_id = wanted.id and (:partition::text is null or p.name = :partition
        or (p.name like '~@%' and right(p.name, length(:partition) + 1) = '/' || :partition))
      and p.head >= p.tail and p.last_push_at >= :from::timestamptz
    offset 0
  ) p
), search as (
  select c.id, edge.first, edge.time, c.tail - 1 as low, c.head as high
  from candidates c
  cross join (values (true, :from::timestamptz), (false, :to::timestamptz)) as edge (first, time)
  union all
  select search.id, search.first, search.time,
         case when middle.before then middle.last_seq else search.low end,
         case when middle.before then search.high else middle.first_seq - 1 end
  from search
  cross join lateral (
    select s.first_seq, s.last_seq,
           case when search.first then s.created_at < search.time else s.created_at <= search.time end as before
    from sluice.segments s
    where s.partition_id = search.id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) middle
  where search.low < search.high
), ranges as (
  select search.id, max(low) filter (where first) + 1 as first_seq, max(low) filter (where not first) as last_seq
  from search
  where low >= high
  group by search.id
)
select ranges.id as partition_id, at.seq
from ranges
cross join lateral (
  select s.first_seq, s.ids, s.payloads, s.has_deletions from sluice.segments s
  where s.partition_id = ranges.id and s.first_seq between ranges.first_seq and ranges.last_seq
  offset 0
) s
cross join lateral (select array_position(s.ids, :id) as i) found
cross join lateral (select s.first_seq + found.i - 1 as seq) at
where found.i is not null and (not s.has_deletions or s.payloads[found.i] is not null)
order by at.seq desc
limit 1;

-- name: anywhere
-- The newest place of a message in the newest :segments segments of all partitions of the queues. Also returns whether
-- there are more segments.
select max(s.partition_id) filter (where s.i is not null) as partition_id,
       max(s.first_seq + s.i - 1) filter (where s.i is not null) as seq,
       count(*) > :segments as has_more
from (
  select s.partition_id, s.first_seq, s.ids,
         case when not s.has_deletions or s.payloads[at.i] is not null then at.i end as i
  from (
    select s.*
    from unnest(:queues::bigint[]) as wanted (id)
    cross join lateral (
      select p.id from sluice.partitions p
      where p.queue_id = wanted.id and (:partition::text is null or p.name = :partition
        or (p.name like '~@%' and right(p.name, length(:partition) + 1) = '/' || :partition)) and p.head >= p.tail
      offset 0
    ) p
    cross join lateral (
      select * from sluice.segments s where s.partition_id = p.id order by s.first_seq desc limit :segments + 1
    ) s
    limit :segments + 1
  ) s
  cross join lateral (select array_position(s.ids, :id) as i) at
) s;

-- name: stored
-- A work in a segment, and what the engines have done with it. `has_moved`: other rows hold the work now.
select p.queue_id, p.name as partition_name, p.lane, s.payloads[at.i] as payload, s.headers[at.i] as headers,
       s.producer_subs[at.i] as producer_sub, coalesce(s.created_ats[at.i], s.created_at) as created_at,
       c.lease_until, c.owner as engine,
       case when c.lease_until > now() then 'running'
            when c.lease_until is not null then 'waiting'
            when cursor.position is null or (:seq > cursor.position and not cursor.acked @> :seq::bigint) then 'waiting'
            else 'done' end as state,
       exists (select from sluice.work_items i where i.partition_id = :partition and i.seq = :seq)
         or exists (select from sluice.dead_letters d where d.message_id = :id and d.group_name = :group)
         or exists (select from sluice.work_ends e where e.queue_id = p.queue_id and e.message_id = :id) as has_moved
from sluice.partitions p
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = p.id and s.first_seq <= :seq
  order by s.first_seq desc
  limit 1
) s
cross join lateral (select (:seq - s.first_seq + 1)::integer as i) at
left join lateral (
  select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0
) g on true
left join lateral (
  select c.position, c.acked from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
) cursor on true
left join lateral (
  select c.lease_until, c.owner from sluice.work_claims c
  where c.partition_id = p.id and c.first_seq <= :seq and c.last_seq >= :seq and not c.done @> :seq::bigint
  limit 1
) c on true
where p.id = :partition and s.last_seq >= :seq and s.payloads[at.i] is not null;

-- name: again
-- The newest place of a message behind :seq in its partition, among what engines have not done: a dead letter that was
-- put back. Reads at most :segments segments, and also returns whether there are more.
select max(s.first_seq + s.i - 1) filter (where s.i is not null) as seq, count(*) > :segments as has_more
from (
  select s.first_seq, case when not s.has_deletions or s.payloads[at.i] is not null then at.i end as i
  from (
    select s.*
    from (
      select least(c.position + 1, (
               select w.first_seq from sluice.work_claims w where w.partition_id = p.id order by w.first_seq limit 1
             )) as first_seq
      from (select p.id, p.queue_id from sluice.partitions p where p.id = :partition offset 0) p
      cross join lateral (
        select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0
      ) g
      cross join lateral (
        select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
      ) c
    ) open
    cross join lateral (
      select * from sluice.segments s
      where s.partition_id = :partition and s.last_seq > :seq
        and s.first_seq >= coalesce((
          select b.first_seq from sluice.segments b
          where b.partition_id = :partition and b.first_seq <= open.first_seq
          order by b.first_seq desc
          limit 1
        ), 0)
      order by s.first_seq
      limit :segments + 1
    ) s
  ) s
  cross join lateral (select array_position(s.ids, :id) as i) at
  where at.i is null or s.first_seq + at.i - 1 > :seq
) s;

-- name: is-cancel-requested
select exists (select from sluice.work_cancels c where c.queue_id = :queue and c.message_id = :id) as requested;
