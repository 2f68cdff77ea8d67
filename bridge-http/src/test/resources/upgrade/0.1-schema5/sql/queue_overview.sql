-- Statements of QueueOverview. They change nothing and lock nothing. They compute counts of messages from heads and
-- cursors.

-- name: queues
-- Newest first, after :before. Counts only the messages of the queues on the page.
select page.*, held.*,
       (select count(*) from sluice.dead_letters d where d.queue_id = page.id) as dead_letters
from (
  select q.* from sluice.queues q
  where (:queue::text is null or q.name = :queue)
    and (:namespace::text is null or q.namespace = :namespace)
    and (:task::text is null or q.task = :task)
    and (:before::bigint is null or q.id < :before)
  order by q.id desc
  limit :limit offset :offset
) page
cross join lateral (
  select count(*) as partitions, coalesce(sum(c.total), 0)::bigint as total,
         coalesce(sum(c.pending), 0)::bigint as pending, coalesce(sum(c.processing), 0)::bigint as processing,
         coalesce(sum(c.completed), 0)::bigint as completed, coalesce(sum(c.total), 0)::bigint as messages
  from sluice.partition_counts c
  where c.queue_id = page.id
) held
order by page.id desc;

-- name: totals
-- What all queues of the filter hold together.
select '' as label, count(distinct q.id) as queues, count(c.partition_id) as partitions,
       count(distinct q.namespace) as namespaces,
       count(distinct q.task) as tasks,
       coalesce(sum(c.total), 0)::bigint as total, coalesce(sum(c.pending), 0)::bigint as pending,
       coalesce(sum(c.processing), 0)::bigint as processing, coalesce(sum(c.completed), 0)::bigint as completed,
       (select count(*) from sluice.dead_letters d
        where d.queue_id in (
          select f.id from sluice.queues f
          where (:queue::text is null or f.name = :queue)
            and (:namespace::text is null or f.namespace = :namespace)
            and (:task::text is null or f.task = :task)
        )) as dead_letters
from sluice.queues q
left join sluice.partition_counts c on c.queue_id = q.id
where (:queue::text is null or q.name = :queue)
  and (:namespace::text is null or q.namespace = :namespace)
  and (:task::text is null or q.task = :task);

-- name: sums
-- By namespace or by task, in the order of names, after :after. Leaves dead letters out.
with labelled as (
  select q.id, case when :by_task then q.task else q.namespace end as label from sluice.queues q
), page as (
  select label from labelled
  where :after::text is null or label collate "C" > :after
  group by label
  order by label collate "C"
  limit :limit
)
select page.label, count(distinct q.id) as queues, count(c.partition_id) as partitions,
       coalesce(sum(c.total), 0)::bigint as total, coalesce(sum(c.pending), 0)::bigint as pending,
       coalesce(sum(c.processing), 0)::bigint as processing, coalesce(sum(c.completed), 0)::bigint as completed,
       0 as dead_letters
from page
join labelled q on q.label = page.label
left join sluice.partition_counts c on c.queue_id = q.id
group by page.label
order by page.label collate "C";

-- name: partitions
-- The partitions of one queue by name, after :after. The times of the oldest and newest messages cost one index probe
-- each.
select c.*, dead.letters as dead_letters, consumed.messages as consumed,
       (select s.created_at from sluice.segments s
        where s.partition_id = c.partition_id and s.first_seq <= c.tail and c.tail <= c.head
        order by s.first_seq desc limit 1) as oldest_at,
       (select s.created_at from sluice.segments s
        where s.partition_id = c.partition_id and c.tail <= c.head
        order by s.first_seq desc limit 1) as newest_at
from (
  select p.id from sluice.partitions p
  where p.queue_id = :queue_id and p.name > :after
  order by p.name
  limit :limit
) page
cross join lateral (
  select * from sluice.partition_counts c where c.queue_id = :queue_id and c.partition_id = page.id
  offset 0 -- Without it the planner may compute the view for all partitions.
) c
cross join lateral (select count(*) as letters from sluice.dead_letters d where d.partition_id = c.partition_id) dead
cross join lateral (
  select coalesce(sum(r.position), 0)::bigint as messages
  from (select g.id from sluice.consumer_groups g where g.queue_id = :queue_id offset 0) g
  cross join lateral (
    select r.position from sluice.cursors r where r.group_id = g.id and r.partition_id = c.partition_id offset 0
  ) r
) consumed
order by c.partition;

-- name: consumed-by-queue
-- How many messages the groups have passed, summed over the groups.
select g.queue_id, sum(c.position)::bigint as consumed
from sluice.consumer_groups g
join sluice.cursors c on c.group_id = g.id
where g.queue_id = any (:queues::bigint[])
group by g.queue_id;

-- name: partition-numbers
-- How many partitions each queue has.
select q.name, partitions.number
from unnest(:names::text[]) as wanted (name)
cross join lateral (select q.id, q.name from sluice.queues q where q.name = wanted.name offset 0) q
cross join lateral (select count(*) as number from sluice.partitions p where p.queue_id = q.id) partitions;

-- name: lag
-- Over the partitions with unread messages: their number, and the age of the oldest one.
select coalesce(avg(lag), 0) as avg_messages, coalesce(min(lag), 0) as min_messages, coalesce(max(lag), 0) as max_messages,
       coalesce(percentile_cont(0.5) within group (order by lag), 0) as median_messages,
       coalesce(avg(age_s), 0) as avg_s, coalesce(min(age_s), 0) as min_s, coalesce(max(age_s), 0) as max_s,
       coalesce(percentile_cont(0.5) within group (order by age_s), 0) as median_s
from (
  select l.lag, extract(epoch from now() - l.oldest_unread_at)::float8 as age_s
  from sluice.group_lag l
  where l.lag > 0
) behind;

-- name: leases
-- Live leases.
select count(distinct c.lease_id) as active, count(distinct c.partition_id) as partitions,
       coalesce(sum(c.lease_end - c.position), 0)::bigint as messages,
       coalesce(sum(acked.messages), 0)::bigint as acked
from sluice.cursors c
join sluice.consumer_groups g on g.id = c.group_id
join sluice.queues q on q.id = g.queue_id
cross join lateral (
  select coalesce(sum(upper(run) - lower(run)), 0) as messages from unnest(c.acked) as run
) acked
where c.lease_id is not null and c.available_at > now()
  and (:queue::text is null or q.name = :queue)
  and (:namespace::text is null or q.namespace = :namespace)
  and (:task::text is null or q.task = :task);

-- name: dead-letter-errors
-- The most frequent errors of the newest :scanned dead letters.
select newest.error, count(*) as letters
from (
  select d.error from sluice.dead_letters d
  join sluice.queues q on q.id = d.queue_id
  where (:queue::text is null or q.name = :queue)
    and (:namespace::text is null or q.namespace = :namespace)
    and (:task::text is null or q.task = :task)
  order by d.id desc
  limit :scanned
) newest
group by newest.error
order by count(*) desc, newest.error
limit :limit;

-- name: dead-letter-count
select count(*) as letters, count(distinct d.partition_id) as partitions
from sluice.dead_letters d
join sluice.queues q on q.id = d.queue_id
where (:queue::text is null or q.name = :queue)
  and (:namespace::text is null or q.namespace = :namespace)
  and (:task::text is null or q.task = :task);
