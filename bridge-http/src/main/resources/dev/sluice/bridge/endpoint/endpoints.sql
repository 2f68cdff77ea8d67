-- Statements of EndpointRows: the tables endpoints and endpoint_secrets.

-- name: lock-count
-- Counts the endpoints. Until the commit no other transaction counts them.
select count(*) as endpoints from sluice.endpoints
where state <> 'deleting' and pg_advisory_xact_lock(hashtextextended('sluice.endpoints', 0)) is not null;

-- name: insert
insert into sluice.endpoints (id, description, url, queues, event_types, event_type_at, headers, format, concurrency,
                              rate, timeout_ms, retry_waits_ms, starts_at)
values (:id, :description, :url, :queues, :event_types, :event_type_at, :headers, :format, :concurrency::integer,
        :rate::integer, :timeout_ms::integer, :retry_waits_ms, coalesce(:starts_at::timestamptz, clock_timestamp()))
on conflict (id) do nothing
returning *;

-- name: update
-- If the queues change, groups that are registered from now on read what comes from now on.
update sluice.endpoints
set description = :description, url = :url, event_types = :event_types, event_type_at = :event_type_at,
    headers = :headers, format = :format, concurrency = :concurrency::integer, rate = :rate::integer,
    timeout_ms = :timeout_ms::integer, retry_waits_ms = :retry_waits_ms,
    starts_at = case when queues = :queues then starts_at else clock_timestamp() end,
    queues = :queues, version = version + 1, updated_at = now()
where id = :id and state <> 'deleting'
returning *;

-- name: lock
select * from sluice.endpoints where id = :id and state <> 'deleting' for update;

-- name: get
select * from sluice.endpoints where id = :id and state <> 'deleting';

-- name: list
select * from sluice.endpoints
where id > coalesce(:after::text, '') and state <> 'deleting'
order by id
limit :limit::bigint;

-- name: all
-- Returns those that are being deleted too.
select * from sluice.endpoints order by id;

-- name: set-state
-- Changes the state unless it is that already. An endpoint that becomes active begins to count failures again.
update sluice.endpoints
set state = :state, state_since = now(), state_reason = :reason, version = version + 1,
    failing_since = case when :state = 'active' then null else failing_since end
where id = :id and state <> 'deleting' and state <> :state
returning *;

-- name: disable
update sluice.endpoints
set state = 'disabled', state_since = now(), state_reason = :reason, version = version + 1
where id = :id and state = 'active'
returning *;

-- name: failing-long
-- Returns active endpoints whose attempts have failed for a time, the last one too.
select id from sluice.endpoints
where state = 'active' and last_failed_at - failing_since >= :after_ms * interval '1 millisecond'
order by id;

-- name: hold-active
-- Returns those of the endpoints that are active. Until the commit, none of them is deleted or changes its state.
select id from sluice.endpoints where id = any (:ids::text[]) and state = 'active' order by id for share;

-- name: note-attempts
-- Notes that attempts of endpoints have ended. One that is well and has no failure changes nothing.
update sluice.endpoints e
set failing_since = case when noted.succeeded and not noted.failed_last then null
                         when noted.succeeded then now()
                         else coalesce(e.failing_since, now()) end,
    last_failed_at = case when noted.failed_last then now() else e.last_failed_at end
from unnest(:ids::text[], :succeeded::boolean[], :failed_last::boolean[]) as noted (id, succeeded, failed_last)
where e.id = any (array[noted.id]) and (noted.failed_last or e.failing_since is not null);

-- name: delete
delete from sluice.endpoints where id = :id and state = 'deleting';

-- name: add-secret
insert into sluice.endpoint_secrets (endpoint_id, secret) values (:id, :secret);

-- name: expire-secrets
-- All secrets expire after the overlap at the latest.
update sluice.endpoint_secrets
set expires_at = least(coalesce(expires_at, 'infinity'), clock_timestamp() + :overlap_ms * interval '1 millisecond')
where endpoint_id = :id;

-- name: delete-expired-secrets
delete from sluice.endpoint_secrets where endpoint_id = :id and expires_at <= clock_timestamp();

-- name: secrets
-- The newest first.
select endpoint_id, secret, created_at, expires_at from sluice.endpoint_secrets
where endpoint_id = any (:ids::text[]) and coalesce(expires_at, 'infinity') > clock_timestamp()
order by endpoint_id, id desc;

-- name: fingerprint
-- Returns a number that changes with the endpoints and with the secrets that have not expired.
select coalesce(hashtextextended(
  (select string_agg(id || ' ' || version || ' ' || state, ',' order by id) from sluice.endpoints)
  || ';' || (select coalesce(sum(id), 0) from sluice.endpoint_secrets
             where coalesce(expires_at, 'infinity') > clock_timestamp()), 0), 0) as fingerprint;

-- name: begin-delete
update sluice.endpoints set state = 'deleting', state_since = now(), version = version + 1
where id = :id and state <> 'deleting'
returning *;

-- name: touch
-- Makes bridges load an endpoint again.
update sluice.endpoints set version = version + 1, updated_at = now() where id = :id returning *;
