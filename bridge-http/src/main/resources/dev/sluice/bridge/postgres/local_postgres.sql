-- Statements of LocalPostgres on the embedded server.

-- name: setting
select current_setting(:name);

-- name: database
select 1 from pg_database where datname = :name;

-- name: create-database
create database sluice;
