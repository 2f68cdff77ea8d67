-- Statements of OutboxRows: works that programs enqueued in transactions of their own, and messages that works forward.

-- name: add
insert into sluice.work_outbox
  (queue, partition, message_id, transaction_id, payload, headers, lane, deliver_at, delay_ms, latest_key, quiet_ms, longest_ms)
values (:queue, :partition, :id, :transaction_id, :payload, :headers, :lane, :deliver_at, :delay_ms, :latest_key, :quiet_ms, :longest_ms);

-- name: waits
select exists (
  select from sluice.work_outbox o where o.id > 0 and (o.try_at is null or o.try_at <= clock_timestamp())
) as waits;

-- name: peek
select * from sluice.work_outbox o where o.id > 0 and (o.try_at is null or o.try_at <= clock_timestamp()) order by o.id limit :limit;

-- name: lock
-- One engine moves works at a time, so that their order holds.
select pg_try_advisory_xact_lock(hashtextextended(:key, 0)) as locked;

-- name: take
-- Removes the first :limit works, and returns them.
with taken as (
  delete from sluice.work_outbox o
  where o.id = any (array(
    select w.id from sluice.work_outbox w
    where w.id > 0 and (w.try_at is null or w.try_at <= clock_timestamp())
    order by w.id
    limit :limit
    for update skip locked
  ))
  returning o.*
)
select * from taken order by id;

-- name: let-rest
-- Lets the first work rest, which cannot be moved, so that the others pass.
update sluice.work_outbox o
set try_at = clock_timestamp() + :rest_ms * interval '1 millisecond'
where o.id = any (array(
  select w.id from sluice.work_outbox w
  where w.id > 0 and (w.try_at is null or w.try_at <= clock_timestamp())
  order by w.id
  limit 1
  for update skip locked
))
returning o.queue, o.message_id;
