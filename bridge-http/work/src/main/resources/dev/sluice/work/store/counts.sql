-- Statements of CountRows: numbers of works.

-- name: add
-- Adds to the numbers of this engine in this minute.
insert into sluice.work_minutes as m
  (queue_id, bucket, engine, completed, failed, dead_lettered, runs, run_ns, durations, counts)
select c.queue_id, date_trunc('minute', clock_timestamp()), :engine, c.completed, c.failed, c.dead_lettered, c.runs, c.run_ns,
       c.durations::integer[], c.counts::bigint[]
from unnest(:queues::bigint[], :completed::bigint[], :failed::bigint[], :dead::bigint[], :runs::bigint[], :run_ns::bigint[],
            :durations::text[], :counts::text[])
  as c (queue_id, completed, failed, dead_lettered, runs, run_ns, durations, counts)
order by c.queue_id
on conflict (queue_id, bucket, engine) do update
set completed = m.completed + excluded.completed,
    failed = m.failed + excluded.failed,
    dead_lettered = m.dead_lettered + excluded.dead_lettered,
    runs = m.runs + excluded.runs,
    run_ns = m.run_ns + excluded.run_ns,
    (durations, counts) = (
      select coalesce(array_agg(merged.duration order by merged.duration), '{}'),
             coalesce(array_agg(merged.count order by merged.duration), '{}')
      from (
        select parts.duration, sum(parts.count)::bigint as count
        from (
          select * from unnest(m.durations, m.counts)
          union all
          select * from unnest(excluded.durations, excluded.counts)
        ) as parts (duration, count)
        group by parts.duration
      ) merged
    );

-- name: sums
-- What all engines have done within a time.
select m.queue_id, sum(m.completed)::bigint as completed, sum(m.failed)::bigint as failed,
       sum(m.dead_lettered)::bigint as dead_lettered, sum(m.runs)::bigint as runs, sum(m.run_ns)::bigint as run_ns
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select * from sluice.work_minutes m
  where m.queue_id = wanted.id and m.bucket > now() - :window_ms * interval '1 millisecond'
  offset 0
) m
group by m.queue_id;

-- name: durations
-- How many runs of all engines fell into each class of times.
select m.queue_id, d.duration, sum(d.count)::bigint as count
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select * from sluice.work_minutes m
  where m.queue_id = wanted.id and m.bucket > now() - :window_ms * interval '1 millisecond'
  offset 0
) m
cross join lateral unnest(m.durations, m.counts) as d (duration, count)
group by m.queue_id, d.duration;

-- name: delete-old
-- Deletes at most :limit rows that are older than a day.
delete from sluice.work_minutes m
using (
  select m.queue_id, m.bucket, m.engine from sluice.work_minutes m
  where m.bucket < now() - interval '25 hours'
  order by m.bucket
  limit :limit
) old
where m.queue_id = any (array[old.queue_id]) and m.bucket = old.bucket and m.engine = old.engine;

-- name: held
-- Works that engines hold, wait for their times, or are dead letters. Counts at most :most rows of a kind and queue.
-- The works of partitions are in TypeRows.
select wanted.id as queue_id, claims.held + items.held as processing, claims.expired + items.fresh as waiting_items,
       items.retrying, items.snoozed, scheduled.works as scheduled, letters.works as dead
from unnest(:queues::bigint[]) as wanted (id)
cross join lateral (
  select coalesce(sum(left_over.works) filter (where c.lease_until > now()), 0)::bigint as held,
         coalesce(sum(left_over.works) filter (where c.lease_until <= now()), 0)::bigint as expired
  from (select * from sluice.work_claims c where c.queue_id = wanted.id offset 0) c
  cross join lateral (
    select c.last_seq - c.first_seq + 1 - coalesce(sum(upper(run) - lower(run)), 0) as works from unnest(c.done) as run
  ) left_over
) claims
cross join lateral (
  select count(*) filter (where i.state = 'running') as held, count(*) filter (where i.state = 'waiting') as fresh,
         count(*) filter (where i.state = 'retrying') as retrying, count(*) filter (where i.state = 'snoozed') as snoozed
  from (
    select case when i.owner is not null and i.available_at > now() then 'running'
                when i.snoozed and i.owner is null then 'snoozed'
                when i.attempts > 0 or i.crashes > 0 or i.owner is not null then 'retrying'
                else 'waiting' end as state
    from sluice.work_items i
    where i.queue_id = wanted.id
    limit :most
  ) i
) items
cross join lateral (
  select coalesce(sum(p.scheduled), 0)::bigint as works from (
    select p.scheduled from sluice.partitions p where p.queue_id = wanted.id offset 0
  ) p
) scheduled
cross join lateral (
  select count(*) as works from (
    select from sluice.dead_letters d where d.queue_id = wanted.id and d.group_name = :group limit :most
  ) d
) letters;
