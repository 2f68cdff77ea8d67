-- Statements of Notifications.

-- name: notify
-- The commit does not wait for the disk: if the server crashes, each listener must look again anyway.
select set_config('synchronous_commit', 'off', true), pg_notify( :channel , :payload );

-- name: listen
listen {channel};

-- name: unlisten
unlisten *;

-- name: ping
select 1;
