-- Statements of ScheduledMessages. They find a message by its id or its row, and pages by the index scheduled_due.

-- name: page
-- The next messages in the order of their times. Looks at :scanned messages, until :limit match. Also returns how many
-- it looked at and the last of these, even if none matches. The page ends with the message whose payload and headers
-- exceed :max_bytes together with those before it. octet_length does not decompress a payload.
with scanned as (
  select s.id, s.due_at, s.partition_id
  from sluice.scheduled s
  where s.due_at >= coalesce(:from::timestamptz, '-infinity') and s.due_at < coalesce(:to::timestamptz, 'infinity')
    and (s.due_at, s.id) > (coalesce(:after_at::timestamptz, '-infinity'), coalesce(:after_row::bigint, 0))
  order by s.due_at, s.id
  limit :scanned
), matching as (
  select s.id, s.due_at, s.partition_id, p.partition, p.lane, q.queue
  from scanned s
  cross join lateral (
    select p.queue_id, p.name as partition, p.lane from sluice.partitions p where p.id = s.partition_id offset 0
  ) p
  cross join lateral (select q.name as queue from sluice.queues q where q.id = p.queue_id offset 0) q
  where (:queue::text is null or q.queue = :queue) and (:partition::text is null or p.partition = :partition)
  order by s.due_at, s.id
  limit :limit
)
select edge.scanned, edge.last_at, edge.last_row, page.*
from (
  select count(*) as scanned, max(s.due_at) as last_at,
         (select l.id from scanned l order by l.due_at desc, l.id desc limit 1) as last_row
  from scanned s
) edge
left join lateral (
  select * from (
    select found.*, count(*) over () as found,
           sum(found.bytes) over (order by found.due_at, found.row) - found.bytes as bytes_before
    from (
      select m.id as row, m.due_at, m.partition_id, m.partition, m.queue, s.message_id, s.transaction_id, s.trace_id,
             s.producer_sub, s.headers, s.created_at, coalesce(s.lane, m.lane) as lane,
             case when :payloads then s.payload end as payload,
             coalesce(octet_length(s.headers), 0) + case when :payloads then octet_length(s.payload) else 0 end as bytes
      from matching m
      cross join lateral (select * from sluice.scheduled s where s.id = m.id offset 0) s
    ) found
  ) bounded
  where bounded.bytes_before < :max_bytes
) page on true
order by page.due_at, page.row;

-- name: message
-- Relies on the index scheduled_by_message.
select s.id as row, s.due_at, s.partition_id, p.partition, q.queue, s.message_id, s.transaction_id, s.trace_id,
       s.producer_sub, s.headers, s.created_at, coalesce(s.lane, p.lane) as lane, s.payload
from (select * from sluice.scheduled s where s.message_id = :id offset 0) s
cross join lateral (
  select p.queue_id, p.name as partition, p.lane from sluice.partitions p where p.id = s.partition_id offset 0
) p
cross join lateral (select q.name as queue from sluice.queues q where q.id = p.queue_id offset 0) q
order by s.id
limit 1;

-- name: lock-partition
-- While a transaction holds the lock, no other releases scheduled messages of the partition.
select id from sluice.partitions where id = :partition for no key update;

-- name: cancel
-- The transaction holds the lock of lock-partition.
with gone as (
  delete from sluice.scheduled where id = :row and partition_id + 0 = :partition returning partition_id
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - 1 from gone where p.id = any (array[gone.partition_id])
)
select count(*) as messages from gone;

-- name: move
-- The transaction holds the lock of lock-partition. greatest ignores nulls. A time in the past becomes now.
update sluice.scheduled
set due_at = greatest(clock_timestamp(), :deliver_at::timestamptz,
                      clock_timestamp() + :delay_ms::bigint * interval '1 millisecond')
where id = :row and partition_id + 0 = :partition
returning due_at;
