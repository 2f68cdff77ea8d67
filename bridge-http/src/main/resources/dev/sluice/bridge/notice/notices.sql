-- Statements of NoticeRows: the tables notices and notice_checks, and what is compared with thresholds.

-- name: begin-check
-- Returns a row if no bridge has checked within the interval. Then the caller checks.
insert into sluice.notice_checks as c (kind, checked_at) values (:kind, clock_timestamp())
on conflict (kind) do update set checked_at = clock_timestamp()
where c.checked_at < clock_timestamp() - :interval_ms * interval '1 millisecond'
returning kind;

-- name: raised
-- Until the commit, no other transaction raises or ends notices of the kind.
select n.subject from sluice.notices n
where n.kind = :kind and pg_advisory_xact_lock(hashtextextended('sluice.notices', 0)) is not null;

-- name: raise
-- Returns the subjects that were not raised.
insert into sluice.notices (kind, subject)
select :kind::text, subject from unnest(:subjects::text[]) as raised (subject)
on conflict do nothing
returning subject;

-- name: raise-again
-- Does the same for one, which is told again if it was raised long ago: who raised it may have died since.
insert into sluice.notices as n (kind, subject) values (:kind, :subject)
on conflict (kind, subject) do update set raised_at = now()
where n.raised_at < now() - :after_ms * interval '1 millisecond'
returning subject;

-- name: end
delete from sluice.notices where kind = :kind and subject = any (:subjects::text[]) returning subject;

-- name: dead-letters
-- Counts the dead letters of each queue that has some, up to a number. Reads one index entry of each such queue, and as
-- many as it counts.
with recursive found as (
  (select d.queue_id from sluice.dead_letters d order by d.queue_id limit 1)
  union all
  select (select d.queue_id from sluice.dead_letters d where d.queue_id > found.queue_id order by d.queue_id limit 1)
  from found where found.queue_id is not null
)
select q.name as queue, counted.letters
from found
cross join lateral (select q.name from sluice.queues q where q.id = found.queue_id offset 0) q
cross join lateral (
  select count(*) as letters from (
    select from sluice.dead_letters d where d.queue_id = found.queue_id limit :most::bigint
  ) first_ones
) counted;
