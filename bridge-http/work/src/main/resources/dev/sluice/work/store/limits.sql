-- Statements of LimitRows: the tables work_limits and work_limit_rules. The row of a type (its name is empty) is locked
-- before the other rows of its queue are read or changed.

-- name: create-type
insert into sluice.work_limits (queue_id, name) values (:queue, '') on conflict (queue_id, name) do nothing;

-- name: lock-type
select l.running, l.tokens, extract(epoch from l.refilled_at)::double precision as refilled_s, l.served,
       extract(epoch from clock_timestamp())::double precision as now_s
from sluice.work_limits l
where l.queue_id = :queue and l.name = ''
for no key update;

-- name: lock-types
-- Locks the rows of types, in the order of their queues.
select l.queue_id from sluice.work_limits l
where l.queue_id = any (:queues::bigint[]) and l.name = ''
order by l.queue_id
for no key update;

-- name: wait
-- Gives turns to the keys of lines that have got something. A key that waits for its rate keeps waiting.
insert into sluice.work_limits as l (queue_id, name, served, turn)
select :queue, waiting.name, :served, :served
from unnest(:names::text[]) as waiting (name)
order by waiting.name
on conflict (queue_id, name) do update set turn = greatest(l.served, excluded.served) where l.turn is null and l.due_at is null;

-- name: due
-- Gives turns to the keys whose rates let a work begin.
update sluice.work_limits l
set turn = greatest(l.served, :served), due_at = null
where l.queue_id = :queue and l.due_at <= clock_timestamp();

-- name: pick
-- The keys whose turns are next, with their rules.
select l.name, l.running, l.tokens, extract(epoch from l.refilled_at)::double precision as refilled_s, l.turn,
       r.queue is not null as has_rule, r.concurrency, r.rate, r.period_ms, r.burst, r.weight,
       (select 1 from sluice.work_items i where i.queue_id = :queue and i.line = l.name limit 1) is not null as has_items
from (
  select * from sluice.work_limits l where l.queue_id = :queue and l.turn is not null order by l.turn limit :limit
) l
left join lateral (
  select * from sluice.work_limit_rules r where r.queue = :queue_name and r.name = l.name and r.by_operator offset 0
) r on true;

-- name: find
-- Like pick, for one key.
select l.name, l.running, l.tokens, extract(epoch from l.refilled_at)::double precision as refilled_s,
       coalesce(l.turn, l.served) as turn, r.queue is not null as has_rule, r.concurrency, r.rate, r.period_ms, r.burst, r.weight,
       false as has_items
from sluice.work_limits l
left join lateral (
  select * from sluice.work_limit_rules r where r.queue = :queue_name and r.name = l.name and r.by_operator offset 0
) r on true
where l.queue_id = :queue and l.name = :name;

-- name: next-due
select (extract(epoch from l.due_at - clock_timestamp()) * 1000)::bigint as due_ms
from sluice.work_limits l
where l.queue_id = :queue and l.due_at is not null
order by l.due_at
limit 1;

-- name: change
-- Notes what has begun. A key has another turn, or waits for its rate, only if something is left in its line.
update sluice.work_limits l
set running = l.running + changed.begun,
    tokens = changed.tokens,
    refilled_at = to_timestamp(changed.refilled_s),
    served = greatest(l.served, changed.served),
    turn = case when changed.has_room and changed.due_s is null and changed.waits then changed.served end,
    due_at = case when changed.has_room and changed.waits then to_timestamp(changed.due_s) end
from (
  select changed.*, :queue::bigint as queue_id,
         (select 1 from sluice.work_lines n where n.queue_id = :queue and n.name = changed.name limit 1) is not null
         or (select 1 from sluice.work_items i where i.queue_id = :queue and i.line = changed.name limit 1) is not null as waits
  from unnest(:names::text[], :begun::bigint[], :tokens::float8[], :refilled_s::float8[], :served::float8[], :rooms::boolean[],
              :due_s::float8[])
    as changed (name, begun, tokens, refilled_s, served, has_room, due_s)
  offset 0
) changed
where l.queue_id = any (array[changed.queue_id]) and l.name = changed.name;

-- name: give-back
-- Gives room back. Keys with something in their lines get turns.
update sluice.work_limits l
set running = greatest(l.running - ended.works, 0),
    turn = case when l.name <> '' and l.turn is null and l.due_at is null and ended.waits then greatest(l.served, ended.served)
                else l.turn end
from (
  select ended.*, t.served,
         (select 1 from sluice.work_lines n where n.queue_id = ended.queue_id and n.name = ended.name limit 1) is not null
         or (select 1 from sluice.work_items i where i.queue_id = ended.queue_id and i.line = ended.name limit 1) is not null
           as waits
  from unnest(:queues::bigint[], :names::text[], :works::bigint[]) as ended (queue_id, name, works)
  cross join lateral (
    select t.served from sluice.work_limits t where t.queue_id = ended.queue_id and t.name = '' offset 0
  ) t
  offset 0
) ended
where l.queue_id = any (array[ended.queue_id]) and l.name = ended.name;

-- name: turn-all
-- Gives turns to all keys with something in their lines: limits have changed.
update sluice.work_limits l
set turn = greatest(l.served, :served), due_at = null
where l.queue_id = :queue and l.name <> '' and l.turn is null
  and ((select 1 from sluice.work_lines n where n.queue_id = l.queue_id and n.name = l.name limit 1) is not null
       or (select 1 from sluice.work_items i where i.queue_id = l.queue_id and i.line = l.name limit 1) is not null);

-- name: rules
-- The rules of a type and of each of its keys. A rule of an operator comes after that of the handler.
select r.queue, r.name, r.concurrency, r.rate, r.period_ms, r.burst, r.weight
from unnest(:queues::text[]) as wanted (queue)
cross join lateral (
  select * from sluice.work_limit_rules r where r.queue = wanted.queue and r.name = any ('{"",*}') offset 0
) r
order by r.queue, r.name, r.by_operator;

-- name: set-rule
insert into sluice.work_limit_rules as r (queue, name, by_operator, concurrency, rate, period_ms, burst, weight)
values (:queue, :name, :by_operator, :concurrency, :rate, :period_ms, :burst, :weight)
on conflict (queue, name, by_operator) do update
set concurrency = excluded.concurrency, rate = excluded.rate, period_ms = excluded.period_ms, burst = excluded.burst,
    weight = excluded.weight, updated_at = now()
where (r.concurrency, r.rate, r.period_ms, r.burst, r.weight)
  is distinct from (excluded.concurrency, excluded.rate, excluded.period_ms, excluded.burst, excluded.weight);

-- name: delete-rule
delete from sluice.work_limit_rules r where r.queue = :queue and r.name = :name and r.by_operator = :by_operator;

-- name: set-limit-key
insert into sluice.work_types as t (queue, limit_key) values (:queue, :limit_key)
on conflict (queue) do update set limit_key = excluded.limit_key, updated_at = now()
where t.limit_key is distinct from excluded.limit_key;

-- name: clear-limit-key
update sluice.work_types t set limit_key = null, updated_at = now() where t.queue = :queue and t.limit_key is not null;

-- name: count
-- Corrects the numbers of running works. Returns how many were wrong.
with counted as (
  select held.limited as name, sum(held.works) as works
  from (
    select c.limited, c.last_seq - c.first_seq + 1 - coalesce(done.seqs, 0) as works
    from sluice.work_claims c
    cross join lateral (select sum(upper(run) - lower(run)) as seqs from unnest(c.done) as run) done
    where c.queue_id = :queue and c.limited is not null
    union all
    select i.limited, 1 from sluice.work_items i where i.queue_id = :queue and i.limited is not null
  ) held
  group by held.limited
), expected as (
  select name, works from counted where name <> ''
  union all
  select '', coalesce(sum(works), 0) from counted
)
update sluice.work_limits l
set running = coalesce((select e.works from expected e where e.name = l.name), 0)
where l.queue_id = :queue and l.running <> coalesce((select e.works from expected e where e.name = l.name), 0);

-- name: delete-idle
-- Deletes at most :limit keys that use nothing and have no advantage from it: their buckets are full again.
delete from sluice.work_limits l
using (
  select l.queue_id, l.name from sluice.work_limits l
  where l.queue_id = :queue and l.name <> '' and l.running = 0 and l.turn is null and l.due_at is null
    and coalesce(l.refilled_at, '-infinity') < now() - :idle_ms * interval '1 millisecond'
    and (select 1 from sluice.work_lines n where n.queue_id = l.queue_id and n.name = l.name limit 1) is null
    and (select 1 from sluice.work_items i where i.queue_id = l.queue_id and i.line = l.name limit 1) is null
    and (select 1 from sluice.work_limit_rules r where r.queue = :queue_name and r.name = l.name limit 1) is null
  limit :limit
) idle
where l.queue_id = any (array[idle.queue_id]) and l.name = idle.name;
