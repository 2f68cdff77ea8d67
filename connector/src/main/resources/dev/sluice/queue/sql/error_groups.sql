-- Statements of ErrorGroups: dead letters by shape of error.

-- name: groups
-- Counts all letters that match, by queue, group and shape, from the index dead_letters_by_shape alone. Reads the error
-- of one letter of each group that is returned; of all groups if :text is given. :order is count, last or first.
-- Either reads the index or the table once, or the part of the index of each queue.
with counted as (
  select q.name as queue, l.group_name, l.shape_id, l.letters, l.first_at, l.last_at, l.example
  from (
    select l.queue_id, l.group_name, case when :by_shape::boolean then l.shape_id end as shape_id, count(*) as letters,
           min(l.failed_at) as first_at, max(l.failed_at) as last_at, max(l.id) as example
    from sluice.dead_letters l
    where :any_queue::boolean
      and (:group::text is null or l.group_name = :group)
      and (:from::timestamptz is null or l.failed_at >= :from)
      and (:to::timestamptz is null or l.failed_at < :to)
    group by 1, 2, 3
  ) l
  join sluice.queues q on q.id = l.queue_id
  union all
  select q.name, l.*
  from sluice.queues q
  cross join lateral (
    select l.group_name, case when :by_shape::boolean then l.shape_id end as shape_id, count(*) as letters,
           min(l.failed_at) as first_at, max(l.failed_at) as last_at, max(l.id) as example
    from sluice.dead_letters l
    where l.queue_id = q.id
      and (:group::text is null or l.group_name = :group)
      and (:from::timestamptz is null or l.failed_at >= :from)
      and (:to::timestamptz is null or l.failed_at < :to)
    group by 1, 2
  ) l
  where not :any_queue::boolean
    and (:queue::text is null or q.name = :queue) and (:namespace::text is null or q.namespace = :namespace)
), chosen as (
  select n.*, sum(n.letters) over () as all_letters, count(*) over () as all_groups
  from counted n
  order by case :order when 'last' then extract(epoch from n.last_at) when 'first' then -extract(epoch from n.first_at)
                       else n.letters end desc,
           n.queue, n.group_name, n.shape_id
  limit case when :text::text is null then :limit::bigint end
)
select c.queue, c.group_name, c.shape_id, c.letters, c.first_at, c.last_at, c.example, c.all_letters, c.all_groups,
       e.error_shape, left(e.error, :error_length) as error
from chosen c
left join lateral (select e.error_shape, e.error from sluice.dead_letters e where e.id = c.example offset 0) e on true
where :text::text is null or strpos(lower(e.error_shape), lower(:text)) > 0
order by case :order when 'last' then extract(epoch from c.last_at) when 'first' then -extract(epoch from c.first_at)
                     else c.letters end desc,
         c.queue, c.group_name, c.shape_id;

-- name: count-without-shape
-- How many letters have no shape yet, up to :most.
select count(*) as letters from (
  select from sluice.dead_letters where shape_id is null limit :most
) waiting;

-- name: without-shape
-- Locks letters that have no shape yet. Uses the index dead_letters_without_shape.
select id, left(error, :length) as error
from sluice.dead_letters
where shape_id is null and id > 0
order by id
limit :limit
for update skip locked;

-- name: set-shapes
update sluice.dead_letters l
set error_shape = folded.shape, shape_id = folded.shape_id
from unnest(:ids::bigint[], :shapes::text[], :shape_ids::bigint[]) as folded (id, shape, shape_id)
where l.id = any (array[folded.id]);
