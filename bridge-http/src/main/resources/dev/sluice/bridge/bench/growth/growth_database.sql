-- Statements of GrowthDatabase.

-- name: sizes
select pg_database_size(current_database())::float8,
       (select sum(size) from pg_ls_waldir())::float8,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8,
       (select temp_bytes from pg_stat_database where datname = current_database())::float8;

-- name: rows
select coalesce(sum(n_dead_tup), 0)::float8, coalesce(sum(n_live_tup), 0)::float8
from pg_stat_user_tables
where schemaname = 'sluice';
