-- Registers consumer groups on queues.

-- name: unregistered-across
-- Returns the queues of a namespace and task on which the group is not registered, and since when the group waits for
-- such queues, if it does.
select array(
         select q.name from sluice.queues q
         where (:namespace::text is null or q.namespace = :namespace) and (:task::text is null or q.task = :task)
           and (select g.id from sluice.consumer_groups g where g.queue_id = q.id and g.name = :group) is null
       ) as queues,
       (select coalesce(w.subscription_from, w.created_at) from sluice.pending_subscriptions_across w
        where w.group_name = :group
          and w.namespace is not distinct from :namespace and w.task is not distinct from :task) as waits_since;

-- name: wait-across
-- Notes that a group waits for queues of a namespace and task.
insert into sluice.pending_subscriptions_across (namespace, task, group_name, subscription_from)
values (:namespace, :task, :group, :from)
on conflict do nothing;

-- name: wait-for-queue
-- Notes that a group waits for a queue that does not exist, or renews the note.
insert into sluice.pending_subscriptions (queue_name, group_name, subscription_from)
select :queue, :group, :from
where not exists (select from sluice.queues where name = :queue)
on conflict (queue_name, group_name) do update set asked_at = now();

-- name: waits-for-queue
-- Returns a row if the group has noted within a day that it waits, so that not every pop writes a note.
select from sluice.pending_subscriptions
where queue_name = :queue and group_name = :group and asked_at > now() - interval '1 day';

-- name: lock-queues
-- Keeps other transactions from creating partitions while a group is registered.
select id from sluice.queues
where id = any (array(select q.id from sluice.queues q where q.name = any (:queues::text[])))
order by id
for update;

-- name: register-group
insert into sluice.consumer_groups (queue_id, name, subscription_mode, subscription_from)
select queue_id, :group::text, :mode::text, :from::timestamptz from unnest(:queues::bigint[]) as wanted (queue_id)
on conflict (queue_id, name) do nothing
returning id;

-- name: lock-partitions-of-groups
-- Waits for running flushes, so that create-cursors reads heads that no flush is about to move.
select count(*) from (
  select id from sluice.partitions
  where id = any (array(
    select p.id
    from (select g.queue_id from sluice.consumer_groups g where g.id = any (:groups::bigint[])) g
    cross join lateral (select p.id from sluice.partitions p where p.queue_id = g.queue_id offset 0) p
  ))
  order by id
  for share
) locked;

-- name: create-cursors
-- Runs under the locks of lock-queues and lock-partitions-of-groups. Finds the seq of a time by bisecting (low, high],
-- as seek does: all segments up to low were written before the time, and all after high were not, unless the clock was
-- set back.
with recursive search as (
  select g.id as group_id, p.id, p.lane, p.lane_heads, p.head,
         case :mode::text when 'new' then p.head else p.tail - 1 end as low,
         case :mode::text when 'all' then p.tail - 1 else p.head end as high
  from (select g.id, g.queue_id from sluice.consumer_groups g where g.id = any (:groups::bigint[])) g
  cross join lateral (
    select p.id, p.lane, p.lane_heads, p.head, p.tail from sluice.partitions p where p.queue_id = g.queue_id offset 0
  ) p
  union all
  select search.group_id, search.id, search.lane, search.lane_heads, search.head,
         case when s.created_at is null then search.head
              when s.created_at < :from::timestamptz then s.last_seq
              else search.low end,
         case when s.created_at is null then search.head
              when s.created_at < :from::timestamptz then search.high
              else s.first_seq - 1 end
  from search
  left join lateral (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = search.id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) s on true
  where search.low < search.high
)
insert into sluice.cursors (group_id, partition_id, lane, position, available_at)
select group_id, id,
       case when lane_heads is null then lane when lane_heads[1] > low then 0 when lane_heads[2] > low then 1
            when lane_heads[3] > low then 2 when lane_heads[4] > low then 3 else lane end,
       low, case when head > low then now() end
from search
where low >= high;
