-- Statements of Redrive and WorkReplay: dead letters become messages again.

-- name: beyond-size
-- The first of these letters that does not fit into :max_bytes of payloads and headers with those before it; no row if
-- all fit. The first letter always fits. octet_length does not decompress a payload.
select sized.id
from (
  select d.id,
         sum(octet_length(d.payload) + coalesce(octet_length(d.headers), 0)) over (order by d.id)
           - octet_length(d.payload) - coalesce(octet_length(d.headers), 0) as bytes_before
  from sluice.dead_letters d
  where d.id = any (:ids::bigint[])
) sized
where sized.bytes_before >= :max_bytes
order by sized.id
limit 1;

-- name: take-dead-letters
-- Locks the dead letters in the order of their ids. If two transactions redrive one letter, the second finds it gone.
select d.id, d.queue_id, q.name as queue, q.encryption_enabled, d.partition_name, d.message_id, d.transaction_id, d.payload, d.trace_id,
       d.producer_sub, d.created_at, d.headers, d.work_lane, clock_timestamp() as now
from sluice.dead_letters d
cross join lateral (select q.name, q.encryption_enabled from sluice.queues q where q.id = d.queue_id offset 0) q
where d.id = any (:ids::bigint[])
order by d.id
for update of d;

-- name: target
select q.encryption_enabled from sluice.queues q where q.name = :queue;

-- name: remove-dead-letters
delete from sluice.dead_letters where id = any (:ids::bigint[]);

-- name: claim-keys
-- Enters the idempotency keys of works, or frees them from the end of the same works. Returns those that the works have
-- now. The order of the keys is the order of the locks.
insert into sluice.work_keys as k (queue_id, key, payload_hash, message_id)
select wanted.queue_id, wanted.key, wanted.payload_hash, wanted.message_id
from unnest(:queues::bigint[], :keys::text[], :hashes::bytea[], :ids::uuid[]) as wanted (queue_id, key, payload_hash, message_id)
order by wanted.queue_id, wanted.key
on conflict (queue_id, key) do update
set payload_hash = excluded.payload_hash, message_id = excluded.message_id, finished_at = null, expires_at = null,
    result = null
where k.message_id = excluded.message_id or k.expires_at <= clock_timestamp()
returning k.queue_id, k.key;

-- name: other-keys
-- The works that have these keys.
select wanted.ordinal, k.payload_hash, k.message_id
from unnest(:queues::bigint[], :keys::text[]) with ordinality as wanted (queue_id, key, ordinal)
cross join lateral (
  select * from sluice.work_keys k where k.queue_id = wanted.queue_id and k.key = wanted.key offset 0
) k;

-- name: keep-reports
-- Keeps what is known of works that run again: what their handlers have reported, and their failures. The row of a work
-- without a failure has an empty history: it says that the work was put back, and when.
insert into sluice.work_progress (queue_id, message_id, report, history)
select distinct on (d.queue_id, d.message_id) d.queue_id, d.message_id, d.progress, coalesce(d.history, '[]')
from unnest(:ids::bigint[]) as wanted (id)
cross join lateral (select * from sluice.dead_letters d where d.id = wanted.id offset 0) d
order by d.queue_id, d.message_id, d.id desc
on conflict (queue_id, message_id) do update
set report = excluded.report, history = excluded.history, updated_at = clock_timestamp();

-- name: forget-cancels
-- A work that was to be cancelled when it became a dead letter is not cancelled when it runs again.
delete from sluice.work_cancels c
using (
  select d.queue_id, d.message_id
  from unnest(:ids::bigint[]) as wanted (id)
  cross join lateral (select * from sluice.dead_letters d where d.id = wanted.id offset 0) d
) d
where c.queue_id = any (array[d.queue_id]) and c.message_id = d.message_id;
