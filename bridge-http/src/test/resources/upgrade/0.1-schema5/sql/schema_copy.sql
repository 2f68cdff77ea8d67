-- Statements of SchemaCopy, which copies a schema to another database.

-- name: lock
select pg_advisory_xact_lock( :key );

-- name: try-lock
select pg_try_advisory_xact_lock( :key ) as locked;

-- name: drop-schema
drop schema {schema} cascade;

-- name: tables
-- The relations of a schema that hold rows.
select c.relname as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = :schema and c.relkind in ('r', 'p', 'f', 'm');

-- name: has-rows
select exists (select from sluice.{table}) as found;

-- name: columns
-- The columns that are not computed, quoted.
select quote_ident(attname) as name
from pg_attribute
where attrelid = :table ::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum;

-- name: copy-out
copy sluice.{table} ({columns}) to stdout (format binary);

-- name: copy-in
copy sluice.{table} ({columns}) from stdin (format binary);

-- name: identities
select a.attname as name, pg_get_serial_sequence( :table , a.attname) as sequence
from pg_attribute a
where a.attrelid = :table ::regclass and a.attidentity <> '';

-- name: sequence
select last_value, is_called from {sequence};

-- name: set-sequence
select setval(pg_get_serial_sequence( :table , :column ), :last , :called );

-- name: count
select count(*) as rows from sluice.{table};
