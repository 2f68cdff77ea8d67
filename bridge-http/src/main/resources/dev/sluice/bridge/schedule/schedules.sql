-- Statements of ScheduleRows: the table schedules.

-- name: now
select clock_timestamp() as now;

-- name: lock-all
-- A statement of its own: count then sees what the transaction before has committed.
select pg_advisory_xact_lock(hashtextextended('sluice.schedules', 0)) as locked;

-- name: count
select count(*) as schedules from sluice.schedules;

-- name: insert
insert into sluice.schedules (name, description, kind, expression, zone, starts_at, ends_at, missed, queue, partition, is_work,
                              lane, payload, headers, from_file, next_at)
values (:name, :description, :kind, :expression, :zone, :starts_at::timestamptz, :ends_at::timestamptz, :missed, :queue,
        :partition, :is_work, :lane::smallint, :payload, :headers, :from_file, :next_at::timestamptz)
on conflict (name) do nothing
returning *;

-- name: update
update sluice.schedules
set description = :description, kind = :kind, expression = :expression, zone = :zone, starts_at = :starts_at::timestamptz,
    ends_at = :ends_at::timestamptz, missed = :missed, queue = :queue, partition = :partition, is_work = :is_work,
    lane = :lane::smallint, payload = :payload, headers = :headers, next_at = :next_at::timestamptz, retry_at = null,
    failure = null, updated_at = clock_timestamp()
where name = :name
returning *;

-- name: get
select * from sluice.schedules where name = :name;

-- name: lock
select * from sluice.schedules where name = :name for update;

-- name: list
select * from sluice.schedules
where name > coalesce(:after::text, '')
order by name
limit :limit::bigint;

-- name: of-file
select name from sluice.schedules where from_file;

-- name: delete
delete from sluice.schedules where name = :name returning name;

-- name: pause
update sluice.schedules set paused_at = coalesce(paused_at, clock_timestamp()), updated_at = clock_timestamp()
where name = :name
returning *;

-- name: resume
update sluice.schedules
set paused_at = null, next_at = :next_at::timestamptz, retry_at = null, updated_at = clock_timestamp()
where name = :name
returning *;

-- name: wait
-- Returns in how many microseconds the next schedule is due; 0 or less: one is due.
select ceil(extract(epoch from greatest(next_at, retry_at) - clock_timestamp()) * 1000000)::bigint as micros
from sluice.schedules
where next_at is not null and paused_at is null
order by greatest(next_at, retry_at)
limit 1;

-- name: due
-- Schedules that are due, the longest due first.
select * from sluice.schedules
where next_at is not null and paused_at is null and greatest(next_at, retry_at) <= now()
order by greatest(next_at, retry_at)
limit :limit::bigint;

-- name: lock-due
-- Locks those that are still due and that no other bridge has locked.
select * from sluice.schedules
where name = any (:names::text[]) and next_at is not null and paused_at is null
  and greatest(next_at, retry_at) <= now()
order by name
for update skip locked;

-- name: queues
select wanted.queue, q.encryption_enabled as encrypted, t.limit_key
from unnest(:queues::text[]) as wanted (queue)
join sluice.queues q on q.name = wanted.queue
left join sluice.work_types t on t.queue = wanted.queue;

-- name: fired
update sluice.schedules s
set next_at = case when f.next_at is null then null else f.next_at::timestamptz end, last_tick = f.last_tick::timestamptz,
    last_fired_at = case when f.fired > 0 then clock_timestamp() else s.last_fired_at end,
    fired = s.fired + f.fired, skipped = s.skipped + f.skipped, failure = null, retry_at = null
from unnest(:names::text[], :next_at::text[], :last_ticks::text[], :fired::bigint[], :skipped::bigint[])
  as f (name, next_at, last_tick, fired, skipped)
where s.name = f.name;

-- name: ran
update sluice.schedules set fired = fired + 1, last_fired_at = clock_timestamp() where name = :name;

-- name: failed
update sluice.schedules
set failure = :failure, failed_at = clock_timestamp(), retry_at = clock_timestamp() + :wait_ms * interval '1 millisecond'
where name = :name and next_at is not null and greatest(next_at, retry_at) <= clock_timestamp();
