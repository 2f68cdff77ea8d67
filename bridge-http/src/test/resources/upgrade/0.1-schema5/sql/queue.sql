-- Extends leases, and looks up namespaces.

-- name: namespaces
select name, namespace, task from sluice.queues where name = any (:queues::text[]);

-- name: extend
-- Extends the live leases with that id; never shortens one. Relies on the index cursors_lease: because of the coalesce
-- the server can use no other index.
update sluice.cursors
set available_at = greatest(available_at, now() + :extension_ms * interval '1 millisecond')
where lease_id = :lease and coalesce(available_at, '-infinity') > now()
returning available_at;

-- name: lease-expired
-- Relies on the index cursors_lease, like extend.
select exists (
  select from sluice.cursors where lease_id = :lease and coalesce(available_at, 'infinity') <= now()
) as expired;
