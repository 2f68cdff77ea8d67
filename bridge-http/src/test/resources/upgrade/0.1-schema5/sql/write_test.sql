-- Statements of WriteTest: does the server accept writes?

-- name: write
-- The server refuses an update of no row if it refuses writes. The message goes to the server's log, so that the
-- commit is a real one.
with refused as (update sluice.sink_offsets set next_offset = next_offset where false)
select pg_logical_emit_message(true, 'sluice', '');

-- name: lacking-rights
-- Asking for rights takes no lock on the tables.
select name, current_user as role
from unnest( :tables ::text[]) as tables (name)
where not (has_table_privilege(name, 'select') and has_table_privilege(name, 'insert')
  and has_table_privilege(name, 'update') and has_table_privilege(name, 'delete'))
order by name
limit 1;

-- name: commits-under-way
select count(*) as commits
from pg_stat_activity
where application_name = :name and datname = current_database() and pid <> pg_backend_pid() and wait_event = 'SyncRep';

-- name: wait-event
select wait_event
from pg_stat_activity
where application_name = :name and datname = current_database() and pid <> pg_backend_pid() and state = 'active'
  and wait_event is not null
order by xact_start
limit 1;
