-- Statements of ItemRows: the table work_items.

-- name: keep
-- Makes items of works of claims, which this transaction has noted as done. If an item lets nothing of its partition
-- pass, it has the lane of the most urgent work that waits behind it. Returns them. The messages of the others are gone.
insert into sluice.work_items
  (partition_id, seq, queue_id, partition_name, lane, message_id, transaction_id, payload, headers, trace_id, producer_sub,
   created_at, available_at, closes, attempts, crashes, snoozes, snoozed, errors)
select kept.partition_id, kept.seq, :queue, p.name,
       case when kept.closes and p.lane_heads[1] > kept.seq then 0 when kept.closes and p.lane_heads[2] > kept.seq then least(1, kept.lane)
            when kept.closes and p.lane_heads[3] > kept.seq then least(2, kept.lane) else kept.lane end,
       s.ids[at.i], s.transaction_ids[at.i], s.payloads[at.i],
       s.headers[at.i], s.trace_ids[at.i], s.producer_subs[at.i], coalesce(s.created_ats[at.i], s.created_at),
       coalesce(kept.until, clock_timestamp() + kept.delay_ms * interval '1 millisecond'), kept.closes, kept.attempts, 0, kept.snoozes,
       kept.snoozed, kept.errors
from unnest(:partitions::bigint[], :seqs::bigint[], :delays_ms::bigint[], :untils::timestamptz[], :closes::boolean[],
            :attempts::integer[], :snoozes::bigint[], :snoozed::boolean[], :errors::text[], :lanes::integer[])
  as kept (partition_id, seq, delay_ms, until, closes, attempts, snoozes, snoozed, errors, lane)
cross join lateral (select p.name, p.lane_heads from sluice.partitions p where p.id = kept.partition_id offset 0) p
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = kept.partition_id and s.first_seq <= kept.seq
  order by s.first_seq desc
  limit 1
) s
cross join lateral (select (kept.seq - s.first_seq + 1)::integer as i) at
where s.last_seq >= kept.seq and s.payloads[at.i] is not null
on conflict (partition_id, seq) do nothing
returning partition_id, seq;

-- name: keep-copies
-- Does the same for works whose messages are gone: of copies that the engine has.
insert into sluice.work_items
  (partition_id, seq, queue_id, partition_name, lane, message_id, transaction_id, payload, headers, trace_id, producer_sub,
   created_at, available_at, closes, attempts, crashes, snoozes, snoozed, errors)
select kept.partition_id, kept.seq, :queue, kept.name, kept.lane, kept.id, kept.transaction_id, kept.payload,
       kept.headers, kept.trace_id, kept.producer_sub, kept.created_at,
       coalesce(kept.until, clock_timestamp() + kept.delay_ms * interval '1 millisecond'), kept.closes, kept.attempts, 0,
       kept.snoozes, kept.snoozed, kept.errors
from unnest(:partitions::bigint[], :seqs::bigint[], :delays_ms::bigint[], :untils::timestamptz[], :closes::boolean[],
            :attempts::integer[], :snoozes::bigint[], :snoozed::boolean[], :errors::text[], :lanes::integer[],
            :names::text[], :ids::uuid[], :transaction_ids::text[], :payloads::text[], :headers::text[],
            :trace_ids::uuid[], :producer_subs::text[], :created_ats::timestamptz[])
  as kept (partition_id, seq, delay_ms, until, closes, attempts, snoozes, snoozed, errors, lane, name, id, transaction_id,
           payload, headers, trace_id, producer_sub, created_at)
on conflict (partition_id, seq) do nothing;

-- name: due
-- Returns for each lane how many items are due that claim would take, at most :limit.
select priority.lane,
       (select count(*) from (
          select from sluice.work_items i
          where i.queue_id = :queue and i.lane = priority.lane and i.available_at <= now() and i.line is null
            and i.crashes + case when i.owner is null then 0 else 1 end < :alone
          limit :limit
        ) due) as works
from generate_series(0, 3) as priority (lane);

-- name: claim
-- Leases items that are due, at most :limits of each lane, longest due first. An item whose lease ended has one crash more. Leaves items
-- with :alone crashes out: claim-alone takes them. Leaves out
-- what the caller holds: it lives.
with ready as (
  select due.*
  from unnest(:limits::bigint[]) with ordinality as priority (works, number)
  cross join lateral (
    select i.partition_id, i.seq, i.owner from sluice.work_items i
    where i.queue_id = :queue and i.lane = priority.number - 1 and i.available_at <= now() and i.line is null
      and i.crashes + case when i.owner is null then 0 else 1 end < :alone
      and not coalesce(i.lease_id = any ( :held::uuid[]), false)
    order by i.available_at
    limit priority.works
    for update skip locked
  ) due
)
update sluice.work_items i
set owner = :owner,
    lease_id = gen_random_uuid(),
    available_at = clock_timestamp() + :lease_ms * interval '1 millisecond',
    crashes = i.crashes + case when i.owner is null then 0 else 1 end
from ready
where i.partition_id = any (array[ready.partition_id]) and i.seq = ready.seq
returning i.*, ready.owner is not null as took_over;

-- name: claim-any
-- Like claim, at most :limit of all lanes, the most urgent lane first.
with ready as (
  select due.*
  from generate_series(0, 3) as priority (lane)
  cross join lateral (
    select i.partition_id, i.seq, i.owner from sluice.work_items i
    where i.queue_id = :queue and i.lane = priority.lane and i.available_at <= now() and i.line is null
      and i.crashes + case when i.owner is null then 0 else 1 end < :alone
      and not coalesce(i.lease_id = any ( :held::uuid[]), false)
    order by i.available_at
    limit :limit
    for update skip locked
  ) due
  limit :limit
)
update sluice.work_items i
set owner = :owner,
    lease_id = gen_random_uuid(),
    limited = coalesce(i.limited, :limited),
    available_at = clock_timestamp() + :lease_ms * interval '1 millisecond',
    crashes = i.crashes + case when i.owner is null then 0 else 1 end
from ready
where i.partition_id = any (array[ready.partition_id]) and i.seq = ready.seq
returning i.*, ready.owner is not null as took_over;

-- name: claim-alone
-- Leases the item that has been due longest of those with :alone crashes.
with ready as (
  select due.*
  from generate_series(0, 3) as priority (lane)
  cross join lateral (
    select i.partition_id, i.seq, i.owner from sluice.work_items i
    where i.queue_id = :queue and i.lane = priority.lane and i.available_at <= now() and i.line is null
      and i.crashes + case when i.owner is null then 0 else 1 end >= :alone
      and not coalesce(i.lease_id = any ( :held::uuid[]), false)
    order by i.available_at
    limit 1
    for update skip locked
  ) due
  limit 1
)
update sluice.work_items i
set owner = :owner,
    lease_id = gen_random_uuid(),
    limited = coalesce(i.limited, :limited),
    available_at = clock_timestamp() + :lease_ms * interval '1 millisecond',
    crashes = i.crashes + case when i.owner is null then 0 else 1 end
from ready
where i.partition_id = any (array[ready.partition_id]) and i.seq = ready.seq
returning i.*, ready.owner is not null as took_over;

-- name: finish
-- Deletes items that are done. Returns the leases that were still held.
delete from sluice.work_items i
using unnest(:partitions::bigint[], :seqs::bigint[], :leases::uuid[]) as done (partition_id, seq, lease_id)
where i.partition_id = any (array[done.partition_id]) and i.seq = done.seq and i.lease_id = done.lease_id
returning i.lease_id;

-- name: put-off
-- Ends the leases of items that run again later. Returns the leases that were still held.
update sluice.work_items i
set owner = null,
    lease_id = null,
    limited = null,
    available_at = coalesce(later.until, clock_timestamp() + later.delay_ms * interval '1 millisecond'),
    closes = later.closes,
    attempts = later.attempts,
    snoozes = later.snoozes,
    snoozed = later.snoozed,
    errors = later.errors
from unnest(:partitions::bigint[], :seqs::bigint[], :delays_ms::bigint[], :untils::timestamptz[], :closes::boolean[],
            :attempts::integer[], :snoozes::bigint[], :snoozed::boolean[], :errors::text[], :leases::uuid[])
  as later (partition_id, seq, delay_ms, until, closes, attempts, snoozes, snoozed, errors, lease_id)
where i.partition_id = any (array[later.partition_id]) and i.seq = later.seq and i.lease_id = later.lease_id
returning later.lease_id;

-- name: renew
-- Returns the leases that are still held.
update sluice.work_items i
set available_at = clock_timestamp() + :lease_ms * interval '1 millisecond'
from unnest(:partitions::bigint[], :seqs::bigint[], :leases::uuid[]) as held (partition_id, seq, lease_id)
where i.partition_id = any (array[held.partition_id]) and i.seq = held.seq and i.lease_id = held.lease_id
returning i.lease_id;

-- name: bury
-- Moves items to the dead letters. Returns the leases that were still held.
with dead as (
  delete from sluice.work_items i
  using unnest(:partitions::bigint[], :seqs::bigint[], :reasons::text[], :retries::integer[], :histories::text[],
               :reports::text[], :shapes::text[], :shape_ids::bigint[], :leases::uuid[])
    as dead (partition_id, seq, reason, retries, history, progress, shape, shape_id, lease_id)
  where i.partition_id = any (array[dead.partition_id]) and i.seq = dead.seq and i.lease_id = dead.lease_id
  returning i.*, dead.reason, dead.retries, dead.history, dead.progress, dead.shape, dead.shape_id
), buried as (
  insert into sluice.dead_letters
    (queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, trace_id, producer_sub, error,
     retries, created_at, headers, history, progress, work_lane, error_shape, shape_id)
  select queue_id, partition_id, partition_name, seq, :group, message_id, transaction_id, payload, trace_id, producer_sub, reason,
         retries, created_at, headers, history, progress, lane, shape, shape_id
  from dead
)
select lease_id from dead;

-- name: bury-claimed
-- Copies works of claims, which this transaction has noted as done, to the dead letters. Returns them. The messages of
-- the others are gone.
insert into sluice.dead_letters
  (queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, trace_id, producer_sub, error,
   retries, created_at, headers, history, progress, work_lane, error_shape, shape_id)
select :queue, dead.partition_id, p.name, dead.seq, :group, s.ids[at.i], s.transaction_ids[at.i], s.payloads[at.i],
       s.trace_ids[at.i], s.producer_subs[at.i], dead.reason, dead.retries, coalesce(s.created_ats[at.i], s.created_at),
       s.headers[at.i], dead.history, dead.progress, p.lane, dead.shape, dead.shape_id
from unnest(:partitions::bigint[], :seqs::bigint[], :reasons::text[], :retries::integer[], :histories::text[],
            :reports::text[], :shapes::text[], :shape_ids::bigint[])
  as dead (partition_id, seq, reason, retries, history, progress, shape, shape_id)
cross join lateral (select p.name, p.lane from sluice.partitions p where p.id = dead.partition_id offset 0) p
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = dead.partition_id and s.first_seq <= dead.seq
  order by s.first_seq desc
  limit 1
) s
cross join lateral (select (dead.seq - s.first_seq + 1)::integer as i) at
where s.last_seq >= dead.seq and s.payloads[at.i] is not null
returning partition_id, seq;

-- name: bury-copies
-- Does the same for works whose messages are gone: of copies that the engine has.
insert into sluice.dead_letters
  (queue_id, partition_id, partition_name, seq, group_name, message_id, transaction_id, payload, trace_id, producer_sub, error,
   retries, created_at, headers, history, progress, work_lane, error_shape, shape_id)
select :queue, dead.partition_id, dead.name, dead.seq, :group, dead.id, dead.transaction_id, dead.payload, dead.trace_id,
       dead.producer_sub, dead.reason, dead.retries, dead.created_at, dead.headers, dead.history, dead.progress,
       coalesce(p.lane, 2), dead.shape, dead.shape_id
from unnest(:partitions::bigint[], :seqs::bigint[], :reasons::text[], :retries::integer[], :histories::text[],
            :reports::text[], :shapes::text[], :shape_ids::bigint[], :names::text[], :ids::uuid[],
            :transaction_ids::text[], :payloads::text[], :headers::text[], :trace_ids::uuid[], :producer_subs::text[],
            :created_ats::timestamptz[])
  as dead (partition_id, seq, reason, retries, history, progress, shape, shape_id, name, id, transaction_id, payload, headers,
           trace_id, producer_sub, created_at)
left join lateral (select p.lane from sluice.partitions p where p.id = dead.partition_id offset 0) p on true;

-- name: look
-- Returns of each queue whether messages wait that no engine has claimed, whether items are due, whether one must run
-- alone, whether there are claims of dead engines, after how many ms the next item or claim is due, and after how many the
-- next scheduled message of any queue (null: none is). Costs a few index probes for each queue.
select wanted.id as queue_id,
       coalesce((
         select true
         from generate_series(0, 3) as priority (lane)
         cross join lateral (
           select g.id from sluice.consumer_groups g where g.queue_id = wanted.id and g.name = :group offset 0
         ) g
         cross join lateral (
           select from sluice.cursors c
           where c.group_id = g.id and c.lane = priority.lane and c.available_at <= now()
           order by c.available_at
           limit 1
         ) ready
         limit 1
       ), false) as are_messages,
       coalesce(one.are_due, false) as are_due,
       exists (select from sluice.work_items i
               where i.queue_id = wanted.id and i.available_at <= now() and i.crashes > 0
                 and i.crashes + case when i.owner is null then 0 else 1 end >= :alone
                 and not coalesce(i.lease_id = any (:held::uuid[]), false)) as is_alone_due,
       exists (select from sluice.work_claims c where c.queue_id = wanted.id and c.lease_until <= now()) as are_expired,
       (extract(epoch from least(
         one.next_at,
         (select c.lease_until from sluice.work_claims c where c.queue_id = wanted.id and c.lease_until > now()
          order by c.lease_until limit 1)
       ) - now()) * 1000)::bigint as next_ms,
       (extract(epoch from (
         select s.due_at from sluice.scheduled s where s.due_at > '-infinity' order by s.due_at limit 1
       ) - now()) * 1000)::bigint as scheduled_ms
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select bool_or(due.at <= now()) as are_due, min(due.at) filter (where due.at > now()) as next_at
  from generate_series(0, 3) as priority (lane)
  left join lateral (
    (select i.available_at as at from sluice.work_items i
     where i.queue_id = wanted.id and i.lane = priority.lane and i.available_at <= now() and i.line is null
       and not coalesce(i.lease_id = any (:held::uuid[]), false)
     order by i.available_at limit 1)
    union all
    (select i.available_at as at from sluice.work_items i
     where i.queue_id = wanted.id and i.lane = priority.lane and i.available_at > now() and i.line is null
     order by i.available_at limit 1)
  ) due on true
) one;

-- name: cancel-waiting
-- Deletes an item that no engine holds.
delete from sluice.work_items i
where i.queue_id = :queue and i.message_id = :id and (i.owner is null or i.available_at <= now())
returning i.partition_id, i.closes, i.headers, i.limited, i.attempts;

-- name: make-due
-- Makes an item due that no engine holds and that is not due.
update sluice.work_items i
set available_at = clock_timestamp(), owner = null
where i.queue_id = :queue and i.message_id = :id and i.owner is null and i.available_at > now();
