-- Statements of SchemaRights: what the role of the connection may do.

-- name: role
select quote_ident(current_user) as role, quote_ident(current_database()) as database,
       has_database_privilege(current_database(), 'CREATE') as may_create;

-- name: schema
select has_schema_privilege(n.oid, 'USAGE') as may_use, has_schema_privilege(n.oid, 'CREATE') as may_create
from pg_namespace n
where n.nspname = :schema;

-- name: tables
-- The tables of the schema by name, each with the rights that the role lacks.
select c.relname, quote_ident(pg_get_userbyid(c.relowner)) as owner, pg_has_role(c.relowner, 'USAGE') as owned,
       array_to_string(array(
         select lower(wanted) from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) wanted
         where not has_table_privilege(c.oid, wanted)), ', ') as missing
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = :schema and c.relkind in ('r', 'p')
order by c.relname;
