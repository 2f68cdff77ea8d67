-- Statements of Parking: messages of queues that could not be written to.

-- name: park
-- A delay counts from now.
insert into sluice.parked (queue, partition, message_id, transaction_id, generated_id, payload, trace_id, producer_sub, deliver_at,
  lane, origin_at)
select wanted.queue, wanted.partition, wanted.message_id, wanted.transaction_id, wanted.generated_id,
       convert_from(wanted.payload, 'UTF8'), wanted.trace_id, wanted.producer_sub,
       greatest(wanted.deliver_at, clock_timestamp() + wanted.delay_ms * interval '1 millisecond'),
       nullif(wanted.lane, -1), wanted.origin_at
from unnest(:queues::text[], :partitions::text[], :ids::uuid[], :transaction_ids::text[], :generated::boolean[], :payloads::bytea[],
            :trace_ids::uuid[], :producer_subs::text[], :deliver_at::timestamptz[], :delays_ms::float8[], :lanes::integer[],
            :origins_at::timestamptz[]) with ordinality
  as wanted (queue, partition, message_id, transaction_id, generated_id, payload, trace_id, producer_sub, deliver_at, delay_ms, lane,
             origin_at, ordinal)
order by wanted.ordinal;

-- name: parked-queues
-- The queues with parked messages: one index probe for each, however many messages it has.
with recursive names as (
  (select queue from sluice.parked order by queue limit 1)
  union all
  select (select p.queue from sluice.parked p where p.queue > names.queue order by p.queue limit 1)
  from names where names.queue is not null
)
select queue from names where queue is not null;

-- name: still-parked
-- The queues of the list that have parked messages.
select wanted.queue
from unnest(:queues::text[]) as wanted (queue)
cross join lateral (select 1 from sluice.parked p where p.queue = wanted.queue limit 1) p;

-- name: lock-parked
-- One process at a time releases the parked messages of a queue.
select pg_try_advisory_xact_lock(hashtextextended( :key , 0)) as locked;

-- name: next-parked
-- In order, until they exceed :max_bytes of payloads.
select * from (
  select p.*, sum(octet_length(p.payload)) over (order by p.id) - octet_length(p.payload) as bytes_before
  from (select * from sluice.parked where queue = :queue order by id limit :limit) p
) p
where bytes_before < :max_bytes
order by id;

-- name: remove-parked
delete from sluice.parked p
using (select :queue::text as queue, gone.id from unnest(:ids::bigint[]) as gone (id) offset 0) gone
where p.queue = any (array[gone.queue]) and p.id = gone.id;

-- name: encrypted
-- The queues of the list that are encrypted.
select name from sluice.queues where name = any (:queues::text[]) and encryption_enabled;

-- name: held-queues
-- The queues of the list that another transaction holds.
with free as (
  select name from sluice.queues where name = any (:queues::text[]) for update skip locked
)
select name from sluice.queues where name = any (:queues::text[])
except
select name from free;
