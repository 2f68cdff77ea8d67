-- Statements of KeyRows: idempotency keys.

-- name: limit-wait
-- Limits how long the statements of the transaction wait for a lock. Returns the limit that was set before.
with before as materialized (select current_setting('lock_timeout') as value)
select before.value, set_config('lock_timeout', :wait, true) from before;

-- name: restore-wait
select set_config('lock_timeout', :wait, true);

-- name: claim
-- Enters keys that are new, and returns them. Waits for a transaction that has entered one of them and has not ended.
-- Does not lock a key that is taken: the transaction may be a program's own and stay open. The order of the keys is
-- the order of the locks.
insert into sluice.work_keys as k (queue_id, key, payload_hash, message_id)
select wanted.queue_id, wanted.key, wanted.payload_hash, wanted.message_id
from unnest(:queues::bigint[], :keys::text[], :hashes::bytea[], :ids::uuid[]) as wanted (queue_id, key, payload_hash, message_id)
order by wanted.queue_id, wanted.key
on conflict (queue_id, key) do nothing
returning k.queue_id, k.key;

-- name: take-over
-- Enters keys that have expired, and returns them. Locks no others.
update sluice.work_keys k
set payload_hash = expired.payload_hash, message_id = expired.message_id, created_at = clock_timestamp(), finished_at = null,
    expires_at = null, result = null
from (
  select wanted.*
  from (
    select * from unnest(:queues::bigint[], :keys::text[], :hashes::bytea[], :ids::uuid[])
      as wanted (queue_id, key, payload_hash, message_id)
    order by wanted.queue_id, wanted.key
  ) wanted
  cross join lateral (
    select from sluice.work_keys w
    where w.queue_id = wanted.queue_id and w.key = wanted.key and coalesce(w.expires_at <= clock_timestamp(), false)
    for update
  ) w
  offset 0
) expired
where k.queue_id = any (array[expired.queue_id]) and k.key = expired.key
returning k.queue_id, k.key;

-- name: find
select wanted.ordinal, k.payload_hash, k.message_id, k.finished_at is not null as is_finished, k.result
from unnest(:queues::bigint[], :keys::text[]) with ordinality as wanted (queue_id, key, ordinal)
cross join lateral (
  select * from sluice.work_keys k where k.queue_id = wanted.queue_id and k.key = wanted.key offset 0
) k;

-- name: finish
-- Starts the windows of keys whose works are finished. The order of the keys is the order of the locks.
update sluice.work_keys k
set finished_at = clock_timestamp(),
    expires_at = clock_timestamp() + finished.window_ms * interval '1 millisecond',
    result = finished.result
from (
  select finished.*
  from (
    select * from unnest(:queues::bigint[], :keys::text[], :ids::uuid[], :windows_ms::bigint[], :results::text[])
      as finished (queue_id, key, message_id, window_ms, result)
    order by finished.queue_id, finished.key
  ) finished
  cross join lateral (
    select from sluice.work_keys w
    where w.queue_id = finished.queue_id and w.key = finished.key and w.message_id = finished.message_id
    for update
  ) w
  offset 0
) finished
where k.queue_id = any (array[finished.queue_id]) and k.key = finished.key;

-- name: delete-expired
-- Deletes at most :limit keys that may be used again.
delete from sluice.work_keys k
using (
  select k.queue_id, k.key from sluice.work_keys k where k.expires_at <= now() order by k.expires_at limit :limit for update skip locked
) old
where k.queue_id = any (array[old.queue_id]) and k.key = old.key;

-- name: page
-- The keys behind a place, and whether their works should have ended long ago.
select k.queue_id, k.key, k.message_id, k.finished_at is null and k.created_at < now() - interval '1 hour' as is_old
from sluice.work_keys k
where (k.queue_id, k.key) > (:queue, :key)
order by k.queue_id, k.key
limit :limit;

-- name: delete-lost
-- Deletes those of the keys of a queue whose works are in no table any more, as unread.sql says.
delete from sluice.work_keys k
using (
  select :queue::bigint as queue_id, lost.key, lost.message_id
  from unnest(:keys::text[], :ids::uuid[]) as lost (key, message_id)
  offset 0
) lost
where k.queue_id = any (array[lost.queue_id]) and k.key = lost.key
  and (k.message_id = lost.message_id) is true and k.finished_at is null;
