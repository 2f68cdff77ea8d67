-- Statements of KeyRows: idempotency keys.

-- name: claim
-- Enters keys that are new or have expired, and returns them. If another transaction has entered a key and has not
-- ended, waits for it. The order of the keys is the order of the locks.
insert into sluice.work_keys as k (queue_id, key, payload_hash, message_id)
select wanted.queue_id, wanted.key, wanted.payload_hash, wanted.message_id
from unnest(:queues::bigint[], :keys::text[], :hashes::bytea[], :ids::uuid[]) as wanted (queue_id, key, payload_hash, message_id)
order by wanted.queue_id, wanted.key
on conflict (queue_id, key) do update
set payload_hash = excluded.payload_hash, message_id = excluded.message_id, created_at = clock_timestamp(), finished_at = null,
    expires_at = null, result = null
where k.expires_at <= clock_timestamp()
returning k.queue_id, k.key;

-- name: find
select wanted.ordinal, k.payload_hash, k.message_id, k.finished_at is not null as is_finished, k.result
from unnest(:queues::bigint[], :keys::text[]) with ordinality as wanted (queue_id, key, ordinal)
cross join lateral (
  select * from sluice.work_keys k where k.queue_id = wanted.queue_id and k.key = wanted.key offset 0
) k;

-- name: finish
-- Starts the windows of keys whose works are finished.
update sluice.work_keys k
set finished_at = clock_timestamp(),
    expires_at = clock_timestamp() + finished.window_ms * interval '1 millisecond',
    result = finished.result
from unnest(:queues::bigint[], :keys::text[], :ids::uuid[], :windows_ms::bigint[], :results::text[])
  as finished (queue_id, key, message_id, window_ms, result)
where k.queue_id = any (array[finished.queue_id]) and k.key = finished.key and k.message_id = finished.message_id;

-- name: delete-expired
-- Deletes at most :limit keys that may be used again.
delete from sluice.work_keys k
using (
  select k.queue_id, k.key from sluice.work_keys k where k.expires_at <= now() order by k.expires_at limit :limit for update skip locked
) old
where k.queue_id = any (array[old.queue_id]) and k.key = old.key;
