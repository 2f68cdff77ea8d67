-- Leases and namespaces.

-- name: namespaces
-- Where queues are, of those that exist.
select name, namespace, task from sluice.queues where name = any (:queues::text[]);

-- name: extend
-- Lengthens the live leases of that id; never shortens one. Relies on cursors_lease; in coalesce the time leaves no other index.
update sluice.cursors
set available_at = greatest(available_at, now() + :extension_ms * interval '1 millisecond')
where lease_id = :lease and coalesce(available_at, '-infinity') > now()
returning available_at;

-- name: lease-expired
-- Relies on cursors_lease; in coalesce the time leaves no other index.
select exists (
  select from sluice.cursors where lease_id = :lease and coalesce(available_at, 'infinity') <= now()
) as expired;
