-- Statements of FlushWriter.

-- name: server
-- Identifies the server by its start. After a failover, the new server may lack the last commits and give out their
-- ids again. The server compresses payloads if the storage of their column is extended or main (x, m).
select extract(epoch from pg_postmaster_start_time())::text as started_at,
       (select attstorage in ('x', 'm') from pg_attribute
        where attrelid = 'sluice.segments'::regclass and attname = 'payloads') as compresses_payloads;
