-- Statements of AttemptRows: the table endpoint_attempts.

-- name: add
insert into sluice.endpoint_attempts (endpoint_id, work_id, number, began_at, took_ms, url, status, outcome, error, answer)
select endpoint_id, work_id, number, to_timestamp(began_ms / 1000.0), took_ms, url, nullif(status, 0), outcome, error, answer
from unnest(:endpoints::text[], :works::uuid[], :numbers::integer[], :began_ms::bigint[], :took_ms::bigint[], :urls::text[],
            :statuses::integer[], :outcomes::text[], :errors::text[], :answers::text[])
  as attempt (endpoint_id, work_id, number, began_ms, took_ms, url, status, outcome, error, answer);

-- name: list
-- The newest first. The id of an attempt is its position.
select * from sluice.endpoint_attempts
where endpoint_id = :endpoint and id < coalesce(:before::bigint, 9223372036854775807)
  and (:outcome::text is null or outcome = :outcome)
  and (:work::uuid is null or work_id = :work::uuid)
order by id desc
limit :limit::bigint;

-- name: delete-old
delete from sluice.endpoint_attempts
where id = any (array(
  select a.id from sluice.endpoint_attempts a
  where a.began_at < now() - :days * interval '1 day'
  order by a.began_at
  limit :limit::bigint
));

-- name: delete-beyond
-- Deletes attempts of an endpoint that are older than its newest ones.
delete from sluice.endpoint_attempts
where id = any (array(
  select a.id from sluice.endpoint_attempts a
  where a.endpoint_id = :endpoint and a.id <= (
    select k.id from sluice.endpoint_attempts k where k.endpoint_id = :endpoint order by k.id desc
    offset :keep::bigint limit 1
  )
  order by a.id
  limit :limit::bigint
));

-- name: delete-of
delete from sluice.endpoint_attempts
where id = any (array(
  select a.id from sluice.endpoint_attempts a where a.endpoint_id = :endpoint order by a.id limit :limit::bigint
));
