-- Reads partitions by position, without leases. No statement locks a row.

-- name: queues
select id, name from sluice.queues order by id;

-- name: partitions
-- Returns the partitions of the queues whose ids have the remainder :index when divided by :count.
select p.id, q.name as queue, p.name as partition, p.lane, p.head, p.tail
from sluice.queues q
join sluice.partitions p on p.queue_id = q.id
where q.id = any (:queues::bigint[]) and mod(p.id, :count) = :index
order by p.id;

-- name: partitions-by-id
select p.id, q.name as queue, p.name as partition, p.lane, p.head, p.tail
from unnest(:ids::bigint[]) as wanted (id)
cross join lateral (select * from sluice.partitions p where p.id = wanted.id offset 0) p
cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q;

-- name: positions-at
-- Returns, for each partition, the last seq that was written before a time. Bisects (low, high]: all segments up to
-- low were written before the time, and all after high were not. If a segment is missing, returns the head.
with recursive search as (
  select p.id, p.head, p.tail - 1 as low, p.head as high
  from sluice.partitions p
  where p.id = any (:partitions::bigint[])
  union all
  select search.id, search.head,
         case when s.created_at is null then search.head
              when s.created_at < :time::timestamptz then s.last_seq
              else search.low end,
         case when s.created_at is null then search.head
              when s.created_at < :time::timestamptz then search.high
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
select id, low as position from search where low >= high;

-- name: remember-start
-- Changes nothing if the reader has started before.
insert into sluice.state (key, value)
values (:key, jsonb_build_object('startedAt', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
on conflict (key) do nothing;

-- name: start
select value ->> 'startedAt' as started_at from sluice.state where key = :key;
