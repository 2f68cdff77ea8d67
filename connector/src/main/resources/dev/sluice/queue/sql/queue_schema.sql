-- Statements of QueueSchema: the version of the schema.

-- name: encoding
select current_database() as name, current_setting('server_encoding') as encoding;

-- name: lock
-- One process migrates a schema at a time.
select pg_advisory_xact_lock(hashtextextended( :key , 0));

-- name: exists
select to_regclass( :migrations ) is not null as found;

-- name: create-schema
-- Not "if not exists": PostgreSQL asks for the right to create schemas before it looks for the schema.
create schema {schema};

-- name: create-migrations
create table sluice.migrations (
  version integer primary key, name text not null, applied_at timestamptz not null default now()
);

-- name: applied
select coalesce(max(version), 0) as version from sluice.migrations;

-- name: limit-lock-wait
-- A transaction that waits for a lock on a table stops all later ones: during a backup it would stop every flush. If
-- the wait is too long, the upgrade fails, and the next try comes after a pause.
set local lock_timeout = '2s';

-- name: limit-statement
select set_config('statement_timeout', :limit, true);

-- name: lock-table
lock table {table} in access exclusive mode;

-- name: lock-further-table
lock table {table} in access exclusive mode nowait;

-- name: reset-statement-limit
set local statement_timeout to default;

-- name: reset-lock-wait
set local lock_timeout to default;

-- name: record-migration
insert into sluice.migrations (version, name) values ( :version , :name );
