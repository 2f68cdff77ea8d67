-- Statements of readers that keep their own positions and take no leases. None of them locks anything.

-- name: queues
select id, name from sluice.queues order by id;

-- name: partitions
-- Of these queues, the partitions of one share: their ids have the remainder :index by :count. A row a partition.
select p.id, q.name as queue, p.name as partition, p.lane, p.head, p.tail
from sluice.queues q
join sluice.partitions p on p.queue_id = q.id
where q.id = any (:queues::bigint[]) and mod(p.id, :count) = :index
order by p.id;

-- name: positions-at
-- After the last message of each partition that was written before a time. Reads the keys of its segments up to there.
select p.id,
       coalesce(
         (select min(s.first_seq) - 1 from sluice.segments s where s.partition_id = p.id and s.created_at >= :time),
         p.head) as position
from sluice.partitions p
where p.id = any (:partitions::bigint[]);

-- name: remember-start
-- Changes nothing when the reader has started before.
insert into sluice.state (key, value)
values (:key, jsonb_build_object('startedAt', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
on conflict (key) do nothing;

-- name: start
select value ->> 'startedAt' as started_at from sluice.state where key = :key;
