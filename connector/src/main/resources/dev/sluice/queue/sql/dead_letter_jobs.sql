-- Statements of DeadLetterJobs: the table dead_letter_jobs.

-- name: create
insert into sluice.dead_letter_jobs
  (action, letters, queue, namespace, group_name, partition, shape_id, error, failed_from, failed_to, target_queue, rate, created_by,
   last_letter, total)
values
  (:action, :letters::bigint[], :queue, :namespace, :group, :partition, :shape::bigint, :error, :from::timestamptz, :to::timestamptz,
   :target, :rate::bigint, :created_by, :last, :total)
returning *, false as is_running;

-- name: one-snapshot
set transaction isolation level repeatable read;

-- name: queue-exists
select exists (select from sluice.queues q where q.name = :queue) as found;

-- name: get
select j.*, coalesce(j.lease_until > clock_timestamp(), false) as is_running from sluice.dead_letter_jobs j where j.id = :id;

-- name: list
-- Newest first, before the job :before; null: begin with the newest.
select j.*, coalesce(j.lease_until > clock_timestamp(), false) as is_running
from sluice.dead_letter_jobs j
where j.id < coalesce(:before::bigint, 9223372036854775807)
order by j.id desc
limit :limit;

-- name: cancel
-- Ends a job that no process runs at once. The process that runs a job ends it after its step.
update sluice.dead_letter_jobs j
set cancel_requested = true,
    state = case when coalesce(j.lease_until > clock_timestamp(), false) then j.state else 'cancelled' end,
    finished_at = case when coalesce(j.lease_until > clock_timestamp(), false) then null else clock_timestamp() end
where j.id = :id and j.finished_at is null;

-- name: claim
-- Takes the jobs that wait, and those whose processes died, oldest first.
update sluice.dead_letter_jobs j
set owner = :owner,
    lease_until = clock_timestamp() + :lease_ms * interval '1 millisecond',
    state = 'running',
    started_at = coalesce(j.started_at, clock_timestamp())
from (
  select o.id from sluice.dead_letter_jobs o
  where o.finished_at is null and coalesce(o.lease_until, '-infinity') <= clock_timestamp()
  order by o.id
  limit :limit
  for update skip locked
) free
where j.id = any (array[free.id])
returning j.*, true as is_running;

-- name: advance
-- Stores what a step has done, in its transaction. No row: another process has the job.
update sluice.dead_letter_jobs j
set position = :position,
    moved = j.moved + :moved,
    duplicates = j.duplicates + :duplicates,
    deleted = j.deleted + :deleted,
    gone = j.gone + :gone,
    refused = j.refused + :refused,
    error_letters = j.error_letters || :error_letters::bigint[],
    error_texts = j.error_texts || :error_texts::text[],
    last_failure = null,
    progress_at = clock_timestamp(),
    lease_until = clock_timestamp() + :lease_ms * interval '1 millisecond'
where j.id = :id and j.owner = :owner and j.finished_at is null
returning j.cancel_requested;

-- name: renew
-- Keeps a job whose step failed, and notes why.
update sluice.dead_letter_jobs j
set last_failure = :failure, lease_until = clock_timestamp() + :lease_ms * interval '1 millisecond'
where j.id = :id and j.owner = :owner and j.finished_at is null
returning j.cancel_requested;

-- name: finish
update sluice.dead_letter_jobs j
set state = case when j.cancel_requested then 'cancelled' else 'completed' end,
    finished_at = clock_timestamp(), lease_until = null, last_failure = null
where j.id = :id and j.owner = :owner and j.finished_at is null;

-- name: release
-- Gives jobs back that are not finished. Another process goes on at once.
update sluice.dead_letter_jobs j
set lease_until = null
where j.id = any (:ids::bigint[]) and j.owner = :owner and j.finished_at is null;

-- name: prune
-- Deletes jobs that finished long ago.
delete from sluice.dead_letter_jobs j
where j.id = any (array(
  select o.id from sluice.dead_letter_jobs o
  where o.finished_at < now() - :kept_s * interval '1 second'
  order by o.finished_at
  limit :limit
));
