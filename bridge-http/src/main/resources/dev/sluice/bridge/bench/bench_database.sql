-- Statements of BenchDatabase. Tables of the benchmark are in a schema of their own.

-- name: version
select current_setting('server_version_num')::int, current_setting('server_version');

-- name: wal-bytes
select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8;

-- name: wal-syncs-18
select sum(fsyncs)::float8 from pg_stat_io where object = 'wal';

-- name: wal-syncs-14
select wal_sync::float8 from pg_stat_wal;

-- name: commits
select xact_commit::float8 from pg_stat_database where datname = current_database();

-- name: checkpoint
checkpoint;

-- name: select-1
select 1;

-- name: create-schema
create schema if not exists sluice_bench;

-- name: create-commits
create table if not exists sluice_bench.commits (at timestamptz not null, payload text not null);

-- name: create-segments
create table if not exists sluice_bench.segments (like sluice.segments including storage including compression);

-- name: insert
insert into sluice_bench.commits (at, payload) values (now(), :payload);

-- name: truncate
truncate sluice_bench.commits, sluice_bench.segments, sluice_bench.sample;

-- name: drop-schema
drop schema if exists sluice_bench cascade;

-- name: create-sample
create table if not exists sluice_bench.sample (like sluice.segments including storage including compression);

-- name: fill-sample
-- Without an order, so that it ends as soon as it has enough.
insert into sluice_bench.sample select * from sluice.segments where last_seq - first_seq >= :more limit :segments;

-- name: sampled-messages
select coalesce(sum(last_seq - first_seq + 1), 0)::float8 from sluice_bench.sample;

-- name: copy-out
copy sluice_bench.sample to stdout (format binary);

-- name: copy-in
copy sluice_bench.segments from stdin (format binary);
