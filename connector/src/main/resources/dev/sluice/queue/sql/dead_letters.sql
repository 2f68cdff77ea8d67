-- Statements of DeadLetters: lists, counts and purges.

-- name: dead-letters
-- Newest failure first, until the contents exceed :max_bytes. Uses the index dead_letters_by_queue if a queue is
-- given. octet_length does not decompress a payload.
select * from (
  select part.*, count(*) over () as found,
         sum(bytes) over (order by failed_at desc, id desc) - bytes as bytes_before
  from (
    select l.*, q.name as queue, p.name as partition, octet_length(l.payload) + coalesce(octet_length(l.headers), 0)
             + coalesce(octet_length(l.history), 0) + coalesce(octet_length(l.progress), 0) as bytes
    from sluice.dead_letters l
    join sluice.queues q on q.id = l.queue_id
    join sluice.partitions p on p.id = l.partition_id
    where (:queue::text is null or q.name = :queue)
      and (:group::text is null or l.group_name = :group)
      and (:partition::text is null or p.name = :partition)
      and (:from::timestamptz is null or l.failed_at >= :from)
      and (:to::timestamptz is null or l.failed_at < :to)
      and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0)
      and (:namespace::text is null or q.namespace = :namespace)
      and (:shape::bigint is null or l.shape_id = :shape)
      and (:before_at::timestamptz is null or (l.failed_at, l.id) < (:before_at::timestamptz, :before_id::bigint))
    order by l.failed_at desc, l.id desc
    limit :limit offset :offset
  ) part
) bounded
where bytes_before < :max_bytes
order by failed_at desc, id desc;

-- name: next-dead-letters
-- The ids that match among the next :scanned dead letters after :after, up to :last, in the order of ids, and the id up
-- to which they were looked at; null: none is left. The size of the table does not matter.
with scanned as (
  select l.id, l.queue_id, l.partition_id, l.group_name, l.failed_at, l.error, l.shape_id
  from sluice.dead_letters l
  where l.id > :after and l.id <= :last
  order by l.id
  limit :scanned
), matching as (
  select l.id
  from scanned l
  cross join lateral (select p.name from sluice.partitions p where p.id = l.partition_id offset 0) p
  where (:queue::text is null and :namespace::text is null or l.queue_id in (
          select q.id from sluice.queues q
          where (:queue::text is null or q.name = :queue) and (:namespace::text is null or q.namespace = :namespace)
        ))
    and (:group::text is null or l.group_name = :group)
    and (:partition::text is null or p.name = :partition)
    and (:from::timestamptz is null or l.failed_at >= :from)
    and (:to::timestamptz is null or l.failed_at < :to)
    and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0)
    and (:shape::bigint is null or l.shape_id = :shape)
  order by l.id
  limit :limit
)
select array(select m.id from matching m order by m.id) as ids,
       case when (select count(*) from matching) = :limit then (select max(m.id) from matching m)
            else (select max(s.id) from scanned s) end as through;

-- name: dead-letter-ids-of-message
-- Oldest first. For the order of `id` without the sum the planner would read the whole index.
select id from sluice.dead_letters where partition_id = :partition and transaction_id = :transaction_id order by id + 0;

-- name: count-dead-letters
select count(*) as letters
from sluice.dead_letters l
join sluice.queues q on q.id = l.queue_id
join sluice.partitions p on p.id = l.partition_id
where (:queue::text is null or q.name = :queue)
  and (:group::text is null or l.group_name = :group)
  and (:partition::text is null or p.name = :partition)
  and (:from::timestamptz is null or l.failed_at >= :from)
  and (:to::timestamptz is null or l.failed_at < :to)
  and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0)
  and (:namespace::text is null or q.namespace = :namespace)
  and (:shape::bigint is null or l.shape_id = :shape);

-- name: count-dead-letters-by-id
select count(*) as letters
from unnest(:ids::bigint[]) as wanted (id)
cross join lateral (select from sluice.dead_letters l where l.id = wanted.id offset 0) l;

-- name: newest-dead-letter
select coalesce(max(id), 0) as id from sluice.dead_letters;

-- name: purge-dead-letters-by-id
delete from sluice.dead_letters where id = any (array(
  select id from sluice.dead_letters where id = any (:ids::bigint[]) order by id for update
));
