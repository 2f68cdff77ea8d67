-- Statements of Scheduled: messages that are not due.

-- name: find-scheduled
-- The scheduled messages that have these transaction ids. Relies on the index scheduled_transactions.
select wanted.ordinal, waiting.id
from unnest(:partitions::bigint[], :transaction_ids::text[]) with ordinality
  as wanted (partition_id, transaction_id, ordinal)
cross join lateral (
  select min(s.message_id::text)::uuid as id from sluice.scheduled s
  where s.partition_id = wanted.partition_id and s.transaction_id = wanted.transaction_id
) waiting
where waiting.id is not null;

-- name: schedule
-- Runs under the locks of claim.
with added as (
  insert into sluice.scheduled
    (partition_id, due_at, message_id, transaction_id, payload, trace_id, producer_sub, headers, created_at, lane)
  select wanted.partition_id, wanted.due_at, wanted.message_id, wanted.transaction_id, convert_from(wanted.payload, 'UTF8'),
         wanted.trace_id, wanted.producer_sub, wanted.headers, coalesce(wanted.created_at, clock_timestamp()),
         nullif(wanted.lane, -1)
  from unnest(:partitions::bigint[], :due_at::timestamptz[], :ids::uuid[], :transaction_ids::text[], :payloads::bytea[],
              :trace_ids::uuid[], :producer_subs::text[], :headers::text[], :created_at::timestamptz[],
              :lanes::integer[]) with ordinality
    as wanted (partition_id, due_at, message_id, transaction_id, payload, trace_id, producer_sub, headers, created_at, lane,
               ordinal)
  order by wanted.ordinal
  returning partition_id
)
update sluice.partitions p set scheduled = p.scheduled + added.count
from (select partition_id, count(*) as count from added group by partition_id) added
where p.id = any (array[added.partition_id]);

-- name: withdraw
-- Removes messages that have the transaction ids of generated ids. Returns those that were there. Relies on the index
-- scheduled_transactions. Runs under the locks of lock-partitions.
with gone as (
  delete from sluice.scheduled s
  using unnest(:partitions::bigint[], :ids::uuid[]) as withdrawn (partition_id, id)
  where s.partition_id = any (array[withdrawn.partition_id]) and s.transaction_id = withdrawn.id::text
  returning s.partition_id, s.message_id
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - of_partition.count
  from (select partition_id, count(*) as count from gone group by partition_id) of_partition
  where p.id = any (array[of_partition.partition_id])
)
select message_id from gone;

-- name: due-partitions
-- The partitions with messages that are due, longest due first, without those of :except. Relies on the index
-- scheduled_due.
select distinct due.partition_id as id, due.queue, due.partition
from (
  select s.partition_id, p.queue, p.partition
  from (
    select s.partition_id from sluice.scheduled s
    where s.due_at <= now() and s.partition_id + 0 <> all (:except::bigint[])
    order by s.due_at, s.id
  ) s
  cross join lateral (
    select q.name as queue, p.name as partition
    from (select p.queue_id, p.name from sluice.partitions p where p.id = s.partition_id offset 0) p
    cross join lateral (select q.name from sluice.queues q where q.id = p.queue_id offset 0) q
    limit 1
  ) p
  limit :limit
) due;

-- name: take-due
-- Removes messages that are due in these partitions, in the order of their times, until they exceed :max_bytes of
-- payloads and headers. Relies on the index scheduled_due, in which messages that are due come first. An index on the partition
-- would read messages that are due in a year. Runs under the locks of lock-partitions.
with taken as (
  delete from sluice.scheduled s
  where s.id = any (array(
    select w.id
    from (
      select w.id, sum(w.bytes) over (order by w.due_at, w.id) - w.bytes as bytes_before
      from (
        select w.id, w.due_at, octet_length(w.payload) + coalesce(octet_length(w.headers), 0) as bytes from sluice.scheduled w
        where w.due_at <= now() and w.partition_id + 0 = any (:partitions::bigint[])
        order by w.due_at, w.id
        limit :limit
      ) w
    ) w
    where w.bytes_before < :max_bytes
  ))
  returning s.*
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - gone.count
  from (select partition_id, count(*) as count from taken group by partition_id) gone
  where p.id = any (array[gone.partition_id])
)
select * from taken order by due_at, id;
