-- Statements of ServerStatistics: the statistics of the server and of the tables of the schema. Each statement is a
-- part of the answer.

-- name: now
select now() as now, current_database() as database;

-- name: database-cache
select blks_read as disk_reads, blks_hit as cache_hits,
       round(100.0 * blks_hit / nullif(blks_hit + blks_read, 0), 2)::float8 as cache_hit_ratio
from pg_stat_database where datname = current_database();

-- name: table-cache
select relname as table, heap_blks_read as disk_reads, heap_blks_hit as cache_hits,
       round(100.0 * heap_blks_hit / nullif(heap_blks_hit + heap_blks_read, 0), 2)::float8 as cache_hit_ratio
from pg_statio_user_tables where schemaname = :schema
order by heap_blks_read + heap_blks_hit desc, relname
limit :limit;

-- name: index-cache
select relname as table, indexrelname as index, idx_blks_read as disk_reads, idx_blks_hit as cache_hits,
       round(100.0 * idx_blks_hit / nullif(idx_blks_hit + idx_blks_read, 0), 2)::float8 as cache_hit_ratio
from pg_statio_user_indexes where schemaname = :schema
order by idx_blks_read + idx_blks_hit desc, indexrelname
limit :limit;

-- name: cache-summary
select coalesce(sum(heap_blks_read), 0)::bigint as table_reads, coalesce(sum(heap_blks_hit), 0)::bigint as table_hits,
       round(100.0 * sum(heap_blks_hit) / nullif(sum(heap_blks_hit + heap_blks_read), 0), 2)::float8 as table_ratio,
       coalesce(sum(idx_blks_read), 0)::bigint as index_reads, coalesce(sum(idx_blks_hit), 0)::bigint as index_hits,
       round(100.0 * sum(idx_blks_hit) / nullif(sum(idx_blks_hit + idx_blks_read), 0), 2)::float8 as index_ratio
from pg_statio_user_tables where schemaname = :schema;

-- name: dead-tuples
select relname as table, n_live_tup as live_tuples, n_dead_tup as dead_tuples,
       round(100.0 * n_dead_tup / nullif(n_live_tup + n_dead_tup, 0), 2)::float8 as dead_ratio,
       last_vacuum, last_autovacuum
from pg_stat_user_tables where schemaname = :schema
order by n_dead_tup desc, relname
limit :limit;

-- name: hot-updates
select relname as table, n_tup_upd as updates, n_tup_hot_upd as hot_updates,
       round(100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0), 2)::float8 as hot_ratio
from pg_stat_user_tables where schemaname = :schema and n_tup_upd > 0
order by n_tup_upd desc, relname
limit :limit;

-- name: active-queries
-- Without this query. PostgreSQL hides the queries of other roles unless the role may see them.
select pid, usename as user, application_name as application, state, wait_event_type, wait_event,
       (extract(epoch from clock_timestamp() - query_start) * 1000)::bigint as duration_ms, left(query, 200) as query
from pg_stat_activity
where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()
order by query_start
limit :limit;

-- name: autovacuum
select relname as table, autovacuum_count, autoanalyze_count, last_autovacuum, last_autoanalyze
from pg_stat_user_tables where schemaname = :schema
order by relname
limit :limit;

-- name: buffer-config
select current_setting('shared_buffers') as shared_buffers, pg_size_bytes(current_setting('shared_buffers')) as bytes;

-- name: has-buffer-cache
-- Puts the schema of the extension on the search path until the end of the transaction. Returns no row if the
-- extension is not installed.
select set_config('search_path', 'pg_catalog, ' || quote_ident(n.nspname), true)
from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_buffercache';

-- name: buffer-usage
select c.relname as relation, count(*) as buffers, count(*) * current_setting('block_size')::bigint as bytes
from pg_buffercache b
join pg_class c on c.relfilenode = b.relfilenode
join pg_namespace n on n.oid = c.relnamespace and n.nspname = :schema
where b.reldatabase = (select oid from pg_database where datname = current_database())
group by c.relname
order by count(*) desc
limit :limit;

-- name: table-sizes
select relname as table, pg_total_relation_size(relid) as total_bytes, pg_table_size(relid) as table_bytes,
       pg_indexes_size(relid) as index_bytes, n_live_tup as rows
from pg_stat_user_tables where schemaname = :schema
order by pg_total_relation_size(relid) desc, relname
limit :limit;
