-- Locks cursors, and writes cursors that are locked.

-- name: lock-cursors
-- Locks the cursors in the order of their ids.
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

-- name: release
-- Moves cursors and ends their leases. A cursor that has read all of its partition becomes idle if no flush holds the
-- partition; the share lock makes the next flush wait, so that it finds the idle cursor. Otherwise the cursor stays
-- ready. Partitions with more to read are not locked. The test by `in` uses a hash table with every plan. A join was
-- planned as a comparison pair by pair, both in generic plans and under IndexPlans. `skip locked` still waits for a
-- newer version of a row that it has passed. So a deadlock is possible, though rare; then the transaction is retried.
-- Returns the id of the transaction too.
with released as (
  select * from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[],
                       :failed_seqs::text[], :failed_counts::text[], :deliveries::integer[], :delays_ms::bigint[])
    as released (group_id, partition_id, position, acked, failed_seqs, failed_counts, deliveries, delay_ms)
), drained as (
  select p.id, p.head
  from (select distinct partition_id, position from released) read
  join sluice.partitions p on p.id = any (array[read.partition_id]) and p.head = read.position
  for share of p skip locked
), moved as (
  update sluice.cursors c
  set position = released.position,
      acked = released.acked::int8multirange,
      failed_seqs = released.failed_seqs::bigint[],
      failed_counts = released.failed_counts::integer[],
      deliveries = released.deliveries,
      consumed_at = case when released.position > c.position then now() else c.consumed_at end,
      lease_id = null,
      lease_end = null,
      available_at = case when c.available_at > now() + interval '50 years' then c.available_at
                          when (released.partition_id, released.position) in (select id, head from drained) then null
                          else clock_timestamp() + released.delay_ms * interval '1 millisecond' end
  from released
  where c.group_id = any (array[released.group_id]) and c.partition_id = released.partition_id
  returning 1
)
select count(*) as cursors, pg_current_xact_id_if_assigned()::text as id, clock_timestamp()::text as at,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline
from moved;

-- name: put-back
-- Moves cursors back. Keeps a lease that another pop got meanwhile.
update sluice.cursors c
set position = back.position,
    acked = back.acked::int8multirange,
    available_at = coalesce(c.available_at, clock_timestamp())
from unnest(:groups::bigint[], :partitions::bigint[], :positions::bigint[], :acked::text[])
  as back (group_id, partition_id, position, acked)
where c.group_id = any (array[back.group_id]) and c.partition_id = back.partition_id;

-- name: copy-to-dead-letters
-- Copies messages into the dead letters.
insert into sluice.dead_letters
  (queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, trace_id, producer_sub, error, retries, created_at,
   headers, error_shape, shape_id)
select dead.queue_id, dead.partition_id, p.name, dead.seq, dead.group_name, s.ids[at.i], s.transaction_ids[at.i], s.payloads[at.i],
       s.trace_ids[at.i], s.producer_subs[at.i], dead.error, dead.retries, coalesce(s.created_ats[at.i], s.created_at), s.headers[at.i],
       dead.shape, dead.shape_id
from unnest(:queues::bigint[], :partitions::bigint[], :seqs::bigint[], :groups::text[], :errors::text[], :retries::integer[],
            :shapes::text[], :shape_ids::bigint[])
  as dead (queue_id, partition_id, seq, group_name, error, retries, shape, shape_id)
cross join lateral (select p.name from sluice.partitions p where p.id = dead.partition_id offset 0) p
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = dead.partition_id and s.first_seq <= dead.seq
  order by s.first_seq desc
  limit 1
) s
cross join lateral (select (dead.seq - s.first_seq + 1)::integer as i) at
where s.last_seq >= dead.seq and s.payloads[at.i] is not null;
