-- Statements of TransactionId.

-- name: read-transaction-id
-- No row if the transaction has changed nothing: then it has no id.
select assigned.id::text as id, clock_timestamp()::text as at,
       substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline
from (select pg_current_xact_id_if_assigned() as id offset 0) assigned
where assigned.id is not null;
