-- Statements of DeadLetters: lists, counts and purges.

-- name: dead-letters
-- Newest failure first, until the payloads exceed :max_bytes. Uses the index dead_letters_by_queue if a queue is
-- given. octet_length does not decompress a payload.
select * from (
  select part.*, count(*) over () as found,
         sum(octet_length(payload)) over (order by failed_at desc, id desc) - octet_length(payload) as bytes_before
  from (
    select l.*, q.name as queue, p.name as partition
    from sluice.dead_letters l
    join sluice.queues q on q.id = l.queue_id
    join sluice.partitions p on p.id = l.partition_id
    where (:queue::text is null or q.name = :queue)
      and (:group::text is null or l.group_name = :group)
      and (:partition::text is null or p.name = :partition)
      and (:from::timestamptz is null or l.failed_at >= :from)
      and (:to::timestamptz is null or l.failed_at < :to)
      and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0)
      and (:before_at::timestamptz is null or (l.failed_at, l.id) < (:before_at::timestamptz, :before_id::bigint))
    order by l.failed_at desc, l.id desc
    limit :limit offset :offset
  ) part
) bounded
where bytes_before < :max_bytes
order by failed_at desc, id desc;

-- name: dead-letter-ids
-- Oldest first.
select l.id
from sluice.dead_letters l
join sluice.queues q on q.id = l.queue_id
join sluice.partitions p on p.id = l.partition_id
where (:queue::text is null or q.name = :queue)
  and (:group::text is null or l.group_name = :group)
  and (:partition::text is null or p.name = :partition)
  and (:from::timestamptz is null or l.failed_at >= :from)
  and (:to::timestamptz is null or l.failed_at < :to)
  and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0)
order by l.id
limit :limit;

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
  and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0);

-- name: newest-dead-letter
select coalesce(max(id), 0) as id from sluice.dead_letters;

-- name: purge-dead-letters
-- Deletes at most :limit dead letters that match, in the order of ids. Stops at :max_id, so that a caller that
-- repeats the statement comes to an end. Waits for running redrives.
delete from sluice.dead_letters where id in (
  select l.id
  from sluice.dead_letters l
  join sluice.queues q on q.id = l.queue_id
  join sluice.partitions p on p.id = l.partition_id
  where l.id <= :max_id
    and (:queue::text is null or q.name = :queue)
    and (:group::text is null or l.group_name = :group)
    and (:partition::text is null or p.name = :partition)
    and (:from::timestamptz is null or l.failed_at >= :from)
    and (:to::timestamptz is null or l.failed_at < :to)
    and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0)
  order by l.id
  limit :limit
  for update of l
);

-- name: purge-dead-letters-by-id
delete from sluice.dead_letters where id = any (array(
  select id from sluice.dead_letters where id = any (:ids::bigint[]) order by id for update
));
