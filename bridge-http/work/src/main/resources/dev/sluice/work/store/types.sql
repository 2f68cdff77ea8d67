-- Statements of TypeRows: queues of works, and what operators have set.

-- name: create-queue
insert into sluice.queues (name, namespace, task) values (:queue, :namespace, :task) on conflict (name) do nothing;

-- name: create-event-queue
insert into sluice.queues (name, namespace, task, ttl_s)
values (:queue, split_part(:queue, '.', 1), split_part(:queue, '.', 2), :ttl_s)
on conflict (name) do nothing;

-- name: load
-- Returns the queues that exist, with what operators have set, and whether works are to be cancelled.
select q.name, q.id, q.encryption_enabled, t.paused_at is not null as is_paused, t.concurrency, t.breaker,
       coalesce(t.breaker_resets, 0) as breaker_resets,
       coalesce(c.found, false) as has_cancels, t.limit_key,
       (select 1 from sluice.work_limit_rules r where r.queue = wanted.name limit 1) is not null as has_rules,
       (select 1 from sluice.work_limit_rules r where r.queue = wanted.name and r.name <> '' limit 1) is not null as has_key_rules,
       (select 1 from sluice.work_lines n where n.queue_id = q.id limit 1) is not null
         or (select 1 from sluice.work_items i where i.queue_id = q.id and i.line is not null limit 1) is not null as has_lines
from unnest(:queues::text[]) as wanted (name)
cross join lateral (select * from sluice.queues q where q.name = wanted.name offset 0) q
left join lateral (select * from sluice.work_types t where t.queue = wanted.name offset 0) t on true
left join lateral (select true as found from sluice.work_cancels c where c.queue_id = q.id limit 1) c on true;

-- name: pause
insert into sluice.work_types (queue, paused_at) values (:queue, now())
on conflict (queue) do update set paused_at = coalesce(work_types.paused_at, now()), updated_at = now();

-- name: resume
insert into sluice.work_types (queue) values (:queue)
on conflict (queue) do update set paused_at = null, updated_at = now();

-- name: set-concurrency
insert into sluice.work_types (queue, concurrency) values (:queue, :concurrency)
on conflict (queue) do update set concurrency = :concurrency, updated_at = now();

-- name: force-breaker
insert into sluice.work_types (queue, breaker) values (:queue, :breaker)
on conflict (queue) do update set breaker = :breaker, updated_at = now();

-- name: reset-breaker
insert into sluice.work_types (queue, breaker_resets) values (:queue, 1)
on conflict (queue) do update set breaker = null, breaker_resets = work_types.breaker_resets + 1, updated_at = now();

-- name: waiting
-- How many works of a queue no engine has claimed: those in partitions, by arithmetic, and at most :most items. Reads the
-- cursors that are not idle.
select coalesce((
         select sum(p.head - greatest(p.tail - 1, c.position))
         from generate_series(0, 3) as priority (lane)
         cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group offset 0) g
         cross join lateral (
           select c.partition_id, c.position from sluice.cursors c
           where c.group_id = g.id and c.lane = priority.lane and c.available_at is not null
           offset 0
         ) c
         cross join lateral (select p.head, p.tail from sluice.partitions p where p.id = c.partition_id offset 0) p
       ), 0)::bigint
     + (select count(*) from (
          select from sluice.work_items i where i.queue_id = q.id and i.line is null and i.owner is null limit :most
        ) waiting)
     + (select count(*) from (
          select from sluice.work_items i where i.queue_id = q.id and i.line is not null limit :most
        ) in_line) as works
from sluice.queues q
where q.name = :queue;

-- name: now
select clock_timestamp() as now;
