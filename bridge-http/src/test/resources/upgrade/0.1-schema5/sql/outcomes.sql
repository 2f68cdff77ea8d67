-- Statements of Outcomes: what became of a transaction.

-- name: status
-- In another timeline, another transaction may have the id.
select case when substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = :timeline
            then pg_xact_status( :id ::xid8) end as status,
       coalesce(pg_stat_get_bgwriter_stat_reset_time() > :at ::timestamptz, true) as has_crashed;

-- name: survived
-- After a crash the server gives out again the ids whose records were not in its log. The checkpoint at the end of its
-- recovery records the next id; lower ids belong to the same transactions as before. The next checkpoint records more
-- ids, and comes later than the interval says.
select now() - checkpoint_time < interval '25 seconds'
       and :id ::text::numeric < split_part(next_xid, ':', 1)::numeric * 4294967296 + split_part(next_xid, ':', 2)::numeric
       as is_known
from pg_control_checkpoint();

-- name: write-log
-- Writes to the server's log and to no table, so that the next commit waits for the standbys as every write does.
select pg_logical_emit_message(true, 'sluice', '');
