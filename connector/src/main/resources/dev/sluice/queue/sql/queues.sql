-- Statements of Queues: options, and the deletion of queues, partitions and messages.
--
-- A transaction that advances the tail of a partition or deletes the partition locks its row `for update`.

-- name: create-queue
insert into sluice.queues (name) values (:queue) on conflict (name) do nothing;

-- name: lock-queue
-- Until the commit no other transaction can create partitions, register groups or configure the queue.
select q.*, 0 as partitions, 0 as messages from sluice.queues q where q.name = :queue for no key update;

-- name: configure-queue
update sluice.queues
set namespace = :namespace,
    task = :task,
    lease_time_s = :lease_time_s,
    retry_limit = :retry_limit,
    retry_delay_ms = :retry_delay_ms,
    redelivery_limit = :redelivery_limit,
    priority = :priority,
    max_size = :max_size,
    ttl_s = :ttl_s,
    dead_letter_queue = :dead_letter_queue,
    dlq_after_max_retries = :dlq_after_max_retries,
    delayed_processing_s = :delayed_processing_s,
    window_buffer_s = :window_buffer_s,
    retention_enabled = :retention_enabled,
    retention_s = :retention_s,
    completed_retention_s = :completed_retention_s,
    max_wait_time_s = :max_wait_time_s,
    encryption_enabled = :encryption_enabled,
    dedup_window_ms = :dedup_window_ms,
    item_priority = :item_priority
where id = :queue_id;

-- name: change-lanes
-- Moves the partitions that are in another lane than their queue, or have messages of several lanes.
with changed as (
  select p.id, q.lane
  from sluice.queues q
  cross join lateral (
    select p.id from sluice.partitions p where p.queue_id = q.id and (p.lane <> q.lane or p.lane_heads is not null) offset 0
  ) mine
  join sluice.partitions p on p.id = any (array[mine.id])
  where q.id = :queue_id
  order by mine.id
  for no key update of p
)
update sluice.partitions p set lane = changed.lane, lane_heads = null from changed where p.id = any (array[changed.id]);

-- name: change-lanes-of-cursors
-- Moves the cursors that are in another lane than their queue.
with changed as (
  select c.group_id, c.partition_id, of.lane
  from (
    select c.group_id, c.partition_id, q.lane
    from sluice.queues q
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = q.id offset 0) g
    cross join lateral (
      select c.group_id, c.partition_id from sluice.cursors c where c.group_id = g.id and c.lane <> q.lane offset 0
    ) c
    where q.id = :queue_id
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c
)
update sluice.cursors c set lane = changed.lane
from changed
where c.group_id = any (array[changed.group_id]) and c.partition_id = changed.partition_id;

-- name: partitions
-- All partitions, or those of one queue.
select p.*, q.name as queue
from sluice.partitions p
join sluice.queues q on q.id = p.queue_id
where (:queue::text is null or q.name = :queue)
  and (:after_queue::text is null or (q.name, p.name) > (:after_queue, :after_partition))
order by q.name, p.name
limit :limit offset :offset;

-- name: partition-id
select p.id from sluice.partitions p
where p.queue_id = (select id from sluice.queues where name = :queue) and p.name = :partition;

-- name: lock-partitions-for-deletion
-- Locks all partitions of the queue, or one. Waits for running flushes and seeks.
select count(*) from (
  select id from sluice.partitions
  where id = any (array(
    select p.id from sluice.partitions p
    where p.queue_id = :queue_id and (:partition::text is null or p.name = :partition)
  ))
  order by id
  for update
) locked;

-- name: delete-cursors
-- Deletes the cursors of all partitions of the queue, or of one. Waits for running acknowledgements.
with locked as (
  select c.group_id, c.partition_id
  from (
    select g.id as group_id, p.id as partition_id
    from (
      select p.id from sluice.partitions p
      where p.queue_id = :queue_id and (:partition::text is null or p.name = :partition)
      offset 0
    ) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = :queue_id offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for update of c
)
delete from sluice.cursors c
using locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id;

-- name: delete-partitions
-- After the commit no statement finds the partitions by name, and no flush by id. Retention deletes their rows, which
-- deletions names.
with deleted as (
  delete from sluice.partitions
  where queue_id = :queue_id and (:partition::text is null or name = :partition)
  returning id
)
insert into sluice.deletions (partition_id) select id from deleted
on conflict (partition_id) do update set before_seq = null, requested_at = now();

-- name: delete-groups
delete from sluice.consumer_groups where queue_id = :queue_id;

-- name: delete-queue
delete from sluice.queues where id = :queue_id;

-- name: delete-parked
-- Deletes the parked messages of a queue, or of one partition.
delete from sluice.parked where queue = :queue and (:partition::text is null or partition = :partition);

-- name: delete-message
-- Searches the segments whose first seqs are in the ranges [first, last]. When the statement has waited for a row, PostgreSQL evaluates the arrays again on the newest version of the row
-- (EvalPlanQual). So concurrent deletions in one segment add up.
update sluice.segments s
set has_deletions = true,
    payloads = (
      select array_agg(case when m.transaction_id = :transaction_id then null else m.payload end order by m.position)
      from unnest(s.transaction_ids, s.payloads) with ordinality as m (transaction_id, payload, position)
    ),
    headers = case when s.headers is not null then (
      select array_agg(case when m.transaction_id = :transaction_id then null else m.headers end order by m.position)
      from unnest(s.transaction_ids, s.headers) with ordinality as m (transaction_id, headers, position)
    ) end
where s.partition_id = :partition
  and s.first_seq = any (array(
    select found.first_seq
    from unnest(:firsts::bigint[], :lasts::bigint[]) as range (first, last)
    cross join lateral (
      select s.first_seq, s.transaction_ids from sluice.segments s
      where s.partition_id = :partition and s.first_seq between range.first and range.last
      offset 0
    ) found
    where :transaction_id = any (found.transaction_ids)
  ))
  and :transaction_id = any (s.transaction_ids)
  and exists (
    select from unnest(s.transaction_ids, s.payloads) as m (transaction_id, payload)
    where m.transaction_id = :transaction_id and m.payload is not null
  );

-- name: delete-dead-letters-of-message
delete from sluice.dead_letters where id = any (array(
  select id from sluice.dead_letters
  where partition_id = :partition and transaction_id = :transaction_id
  order by id + 0 -- For the order of `id` the planner would read the whole index.
  for update
));

-- name: delete-traces-of-message
delete from sluice.traces where partition_id = :partition and transaction_id = :transaction_id;

-- name: lock-partition-of-scheduled
select id from sluice.partitions where id = :partition and scheduled > 0 for no key update;

-- name: delete-scheduled-message
-- The transaction holds the lock of lock-partition-of-scheduled.
with gone as (
  delete from sluice.scheduled where partition_id = :partition and transaction_id = :transaction_id
  returning partition_id
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - (select count(*) from gone)
  where p.id = :partition and exists (select from gone)
)
select count(*) as messages from gone;

-- name: clear-scheduled
-- Deletes at most :limit scheduled messages. The transaction holds the locks of lock-partitions-to-clear.
with gone as (
  delete from sluice.scheduled where id = any (array(
    select id from sluice.scheduled where partition_id = any (:partitions::bigint[]) limit :limit
  ))
  returning partition_id
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - gone.count
  from (select partition_id, count(*) as count from gone group by partition_id) gone
  where p.id = any (array[gone.partition_id])
)
select count(*) as messages from gone;
