-- Statements of administration: options, groups, dead letters, deletion, retention.
--
-- A partition's row lock says what may change. `for update`: the tail moves or the partition goes. `for key share`: the tail
-- stays where it is, which cursors that are set need; flushes go on meanwhile. Lock order as everywhere: queues, dead letters
-- by id, partitions by id, cursors by group and partition.

-- name: create-queue
insert into sluice.queues (name, namespace, task)
values (:queue, split_part(:queue, '.', 1), split_part(:queue, '.', 2))
on conflict (name) do nothing;

-- name: lock-queue
-- Excludes new partitions, new groups and other changes of the queue, until the commit.
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
    dedup_window_ms = :dedup_window_ms
where id = :queue_id;

-- name: change-lanes
-- Of the partitions that are not in the lane of their queue.
with changed as (
  select p.id, q.lane
  from sluice.queues q
  cross join lateral (
    select p.id from sluice.partitions p where p.queue_id = q.id and p.lane <> q.lane offset 0
  ) mine
  join sluice.partitions p on p.id = any (array[mine.id])
  where q.id = :queue_id
  order by mine.id
  for no key update of p
)
update sluice.partitions p set lane = changed.lane from changed where p.id = any (array[changed.id]);

-- name: change-lanes-of-cursors
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

-- name: queues
-- Newest first, or the one named.
select q.*, held.partitions, held.messages
from sluice.queues q
cross join lateral (
  select count(*) as partitions, coalesce(sum(p.head - p.tail + 1 + p.scheduled), 0)::bigint as messages
  from sluice.partitions p where p.queue_id = q.id
) held
where :queue::text is null or q.name = :queue
order by q.created_at desc, q.id desc;

-- name: partitions
-- Of all queues, or of the one named.
select p.*, q.name as queue
from sluice.partitions p
join sluice.queues q on q.id = p.queue_id
where (:queue::text is null or q.name = :queue)
  and (:after_queue::text is null or (q.name, p.name) > (:after_queue, :after_partition))
order by q.name, p.name
limit :limit offset :offset;

-- name: lock-partitions-for-deletion
-- Waits for the flushes and seeks under way. All partitions of the queue, or the one named.
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
-- Of all partitions of the queue, or of the one named; waits for the acks under way.
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
-- From here no statement finds them by name, and no flush by id. What they hold is left to deletions.
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
-- The messages that wait for a queue, or for a partition of it, because it was held.
delete from sluice.parked where queue = :queue and (:partition::text is null or partition = :partition);

-- name: delete-message
-- Under EvalPlanQual the arrays are those of the newest version of the row, so deletions in one segment add up.
update sluice.segments s
set has_deletions = true,
    payloads = (
      select array_agg(case when m.transaction_id = :transaction_id then null else m.payload end order by m.position)
      from unnest(s.transaction_ids, s.payloads) with ordinality as m (transaction_id, payload, position)
    )
where s.partition_id = :partition
  and :transaction_id = any (s.transaction_ids)
  and exists (
    select from unnest(s.transaction_ids, s.payloads) as m (transaction_id, payload)
    where m.transaction_id = :transaction_id and m.payload is not null
  );

-- name: delete-dead-letters-of-message
delete from sluice.dead_letters where id = any (array(
  select id from sluice.dead_letters
  where partition_id = :partition and transaction_id = :transaction_id
  order by id + 0 -- In the order of an index the server would read all of it.
  for update
));

-- name: delete-traces-of-message
delete from sluice.traces where partition_id = :partition and transaction_id = :transaction_id;

-- name: lock-partition-of-scheduled
select id from sluice.partitions where id = :partition and scheduled > 0 for no key update;

-- name: delete-scheduled-message
-- Under the lock of lock-partition-of-scheduled.
with gone as (
  delete from sluice.scheduled where partition_id = :partition and transaction_id = :transaction_id
  returning partition_id
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - (select count(*) from gone)
  where p.id = :partition and exists (select from gone)
)
select count(*) from gone;

-- name: partitions-of-queue
-- The next partitions by name. Relies on the unique index (queue_id, name); with a join the planner would sort.
select p.id, p.name
from sluice.partitions p
where p.queue_id = (select id from sluice.queues where name = :queue)
  and p.name > :after and (:partition::text is null or p.name = :partition)
order by p.name
limit :limit;

-- name: lock-partitions-to-clear
select id, head, tail from sluice.partitions where id = any (:partitions::bigint[]) order by id for update;

-- name: lock-cursors-to-clear
-- Waits for the pops and acks under way.
select count(*) from (
  select c.group_id, c.partition_id
  from (
    select g.id as group_id, p.id as partition_id
    from unnest(:partitions::bigint[]) as wanted (id)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = wanted.id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c
) locked;

-- name: clear-scheduled
-- A bounded part of what waits for its time. Under the locks of lock-partitions-to-clear.
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
select count(*) from gone;

-- name: trim-cursors
-- Moves cursors that stand before the new tails up to them: past what is deleted, and past what is acked right after it. A
-- lease that has nothing left ends. A cursor may become idle here, for its partition is locked for update.
update sluice.cursors c
set position = moved.position,
    acked = c.acked - int8multirange(int8range(0, moved.position + 1)),
    failed_seqs = (
      select array_agg(f.seq order by f.seq) from unnest(c.failed_seqs) as f (seq) where f.seq > moved.position
    ),
    failed_counts = (
      select array_agg(f.count order by f.seq) from unnest(c.failed_seqs, c.failed_counts) as f (seq, count)
      where f.seq > moved.position
    ),
    deliveries = 0,
    lease_id = case when c.lease_end > moved.position then c.lease_id end,
    lease_end = case when c.lease_end > moved.position then c.lease_end end,
    available_at = case when c.lease_end > moved.position then c.available_at
                        when moved.position = moved.head then null
                        else clock_timestamp() end
from (
  select of.group_id, of.partition_id, of.head,
         coalesce((
           select upper(done) - 1 from unnest(c.acked) as done
           where lower(done) <= of.tail and upper(done) > of.tail
         ), of.tail - 1) as position
  from (
    select g.id as group_id, p.id as partition_id, p.head, trimmed.tail
    from unnest(:partitions::bigint[], :tails::bigint[]) as trimmed (partition_id, tail)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = trimmed.partition_id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  cross join lateral (
    select c.acked from sluice.cursors c
    where c.group_id = of.group_id and c.partition_id = of.partition_id and c.position < of.tail - 1
    offset 0
  ) c
  offset 0
) moved
where c.group_id = any (array[moved.group_id]) and c.partition_id = moved.partition_id;

-- name: trim-partitions
-- Moves the tails, never back. What is before them is left to deletions.
with trimmed as (
  update sluice.partitions p set tail = trimmed.tail
  from unnest(:partitions::bigint[], :tails::bigint[]) as trimmed (partition_id, tail)
  where p.id = any (array[trimmed.partition_id]) and p.tail < trimmed.tail
  returning p.id, p.tail
)
insert into sluice.deletions as d (partition_id, before_seq)
select id, tail from trimmed
on conflict (partition_id) do update set before_seq = greatest(d.before_seq, excluded.before_seq);

-- name: sweep-lock
-- One process retires messages at a time; a second one has nothing to do.
select pg_try_advisory_xact_lock(hashtextextended(:key, 0));

-- name: set-up-step
-- A step does not hold its locks while the disk syncs. If a crash undoes a step, the next sweep does it again.
select set_config('synchronous_commit', 'off', true);

-- name: queues-with-limits
-- The queues that have messages deleted by their age.
select name from sluice.queues
where ttl_s > 0 or max_wait_time_s > 0 or retention_enabled and (retention_s > 0 or completed_retention_s > 0)
order by id;

-- name: expired
-- Up to which seq each reason lets these partitions be deleted: the new tail, or null. Looks at the oldest :segments segments
-- of those whose oldest is old enough for some reason; the others cost one index probe. `more`: there may be more to delete.
select p.id, expired.ttl_tail, expired.retention_tail, expired.completed_tail, expired.max_wait_tail, expired.more
from sluice.partitions p
cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
cross join lateral (
  select case when q.ttl_s > 0 then now() - q.ttl_s * interval '1 second' end as ttl,
         case when q.retention_enabled and q.retention_s > 0
              then now() - q.retention_s * interval '1 second' end as retention,
         case when q.retention_enabled and q.completed_retention_s > 0
              then now() - q.completed_retention_s * interval '1 second' end as completed,
         case when q.max_wait_time_s > 0 then now() - q.max_wait_time_s * interval '1 second' end as max_wait
) before
cross join lateral (
  select s.created_at from sluice.segments s
  where s.partition_id = p.id and s.first_seq >= p.tail
  order by s.first_seq
  limit 1
) oldest
cross join lateral (
  select case when count(*) > 0 and count(*) = count(c.position) then min(c.position) end as done_by_all,
         count(*) = 0 or min(c.position) < p.head as unread
  from (select g.id from sluice.consumer_groups g where g.queue_id = q.id offset 0) g
  left join lateral (
    select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
  ) c on true
) groups
cross join lateral (
  select coalesce(min(s.first_seq) filter (where s.created_at > before.ttl), max(s.last_seq) + 1) as ttl_end,
         coalesce(min(s.first_seq) filter (where s.created_at > before.retention), max(s.last_seq) + 1) as retention_end,
         coalesce(min(s.first_seq) filter (where s.created_at > before.completed), max(s.last_seq) + 1) as completed_end,
         coalesce(min(s.first_seq) filter (where s.created_at > before.max_wait), max(s.last_seq) + 1) as max_wait_end,
         max(s.last_seq) filter (where s.last_seq <= groups.done_by_all) + 1 as done_end,
         max(s.last_seq) + 1 as scanned_end,
         count(*) = :segments as cut
  from (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = p.id and s.first_seq >= p.tail
    order by s.first_seq
    limit :segments
  ) s
) ends
cross join lateral (
  select case when before.ttl is not null then ends.ttl_end end as ttl_tail,
         case when before.retention is not null then ends.retention_end end as retention_tail,
         case when before.completed is not null and ends.done_end is not null
              then least(ends.done_end, ends.completed_end) end as completed_tail,
         case when before.max_wait is not null and groups.unread
                and (groups.done_by_all is null or groups.done_by_all < ends.max_wait_end - 1)
              then ends.max_wait_end end as max_wait_tail
) tails
cross join lateral (
  select nullif(tails.ttl_tail, p.tail) as ttl_tail, nullif(tails.retention_tail, p.tail) as retention_tail,
         nullif(tails.completed_tail, p.tail) as completed_tail, nullif(tails.max_wait_tail, p.tail) as max_wait_tail,
         ends.cut and greatest(tails.ttl_tail, tails.retention_tail, tails.completed_tail, tails.max_wait_tail)
           = ends.scanned_end as more
) expired
where p.id = any (:partitions::bigint[])
  and oldest.created_at <= greatest(before.ttl, before.retention, before.completed, before.max_wait)
  and coalesce(expired.ttl_tail, expired.retention_tail, expired.completed_tail, expired.max_wait_tail) is not null;

-- name: lock-partitions-to-trim
-- Leaves out those that somebody else holds.
select id, tail from sluice.partitions where id = any (:partitions::bigint[]) order by id for update skip locked;

-- name: busy-partitions
-- Locks the cursors that stand before the new tails; returns the partitions where another transaction holds one.
with behind as materialized (
  select of.group_id, of.partition_id
  from (
    select g.id as group_id, p.id as partition_id, trimmed.tail
    from unnest(:partitions::bigint[], :tails::bigint[]) as trimmed (partition_id, tail)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = trimmed.partition_id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  cross join lateral (
    select from sluice.cursors c
    where c.group_id = of.group_id and c.partition_id = of.partition_id and c.position < of.tail - 1
    offset 0
  ) c
), locked as (
  select c.group_id, c.partition_id
  from behind of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c skip locked
)
select distinct busy.partition_id
from (select group_id, partition_id from behind except select group_id, partition_id from locked) busy;

-- name: deletions
-- The next partitions with something to delete.
select partition_id from sluice.deletions where partition_id > :after order by partition_id limit :limit;

-- name: delete-segments
-- A bounded part of what deletions says of these partitions. Leaves out rows that somebody else holds.
delete from sluice.segments s
using (
  select old.partition_id, old.first_seq
  from sluice.deletions d
  cross join lateral (
    select s.partition_id, s.first_seq from sluice.segments s
    where s.partition_id = d.partition_id and s.first_seq < coalesce(d.before_seq, 9223372036854775807)
    order by s.first_seq
    limit :segments
    for update skip locked
  ) old
  where d.partition_id = any (:partitions::bigint[])
  limit :segments
) old
where s.partition_id = any (array[old.partition_id]) and s.first_seq = old.first_seq;

-- name: delete-dead-letters-of-deleted
delete from sluice.dead_letters where id = any (array(
  select l.id
  from sluice.deletions d
  cross join lateral (
    select l.id from sluice.dead_letters l where l.partition_id = d.partition_id limit :rows for update skip locked
  ) l
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-scheduled-of-deleted
delete from sluice.scheduled where id = any (array(
  select s.id
  from sluice.deletions d
  cross join lateral (
    select s.id from sluice.scheduled s where s.partition_id = d.partition_id limit :rows for update skip locked
  ) s
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-traces-of-deleted
delete from sluice.traces where id = any (array(
  select t.id
  from sluice.deletions d
  cross join lateral (
    select t.id from sluice.traces t where t.partition_id = d.partition_id limit :rows for update skip locked
  ) t
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-stream-state-of-deleted
-- Rows of stream_state have no id of their own; within the statement their place in the table is one.
delete from sluice.stream_state where ctid = any (array(
  select t.place
  from sluice.deletions d
  cross join lateral (
    select t.ctid as place from sluice.stream_state t where t.partition_id = d.partition_id limit :rows for update skip locked
  ) t
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: lock-deletions
select partition_id from sluice.deletions
where partition_id = any (:partitions::bigint[])
order by partition_id
for update skip locked;

-- name: finish-deletions
-- Of those locked by lock-deletions: a statement of its own, so that it sees every segment there can be.
delete from sluice.deletions d
where d.partition_id = any (:partitions::bigint[])
  and (select 1 from sluice.segments s
       where s.partition_id = d.partition_id and s.first_seq < coalesce(d.before_seq, 9223372036854775807)
       limit 1) is null
  and (d.before_seq is not null
       or (select 1 from sluice.dead_letters l where l.partition_id = d.partition_id limit 1) is null
       and (select 1 from sluice.scheduled w where w.partition_id = d.partition_id limit 1) is null
       and (select 1 from sluice.traces t where t.partition_id = d.partition_id limit 1) is null
       and (select 1 from sluice.stream_state t where t.partition_id = d.partition_id limit 1) is null);

-- name: idle-partitions
-- The next partitions, by id, that hold nothing and have got nothing for so long. Reads the table in the order of its key.
select id from sluice.partitions
where id > :after and tail > head and scheduled = 0
  and coalesce(last_push_at, created_at) < now() - :idle_ms * interval '1 millisecond'
order by id
limit :limit;

-- name: lock-idle-partitions
-- Those that are still idle and that nobody holds. A push that comes now waits, and then makes the partition again.
select id from sluice.partitions
where id = any (:partitions::bigint[]) and tail > head and scheduled = 0
  and coalesce(last_push_at, created_at) < now() - :idle_ms * interval '1 millisecond'
order by id
for update skip locked;

-- name: unused-partitions
-- Under the locks of lock-idle-partitions: those with no dead letter, no lease, no state of a stream, and nothing left to be
-- deleted.
select p.id from sluice.partitions p
where p.id = any (:partitions::bigint[])
  and (select 1 from sluice.stream_state t where t.partition_id = p.id limit 1) is null
  and (select 1 from sluice.dead_letters l where l.partition_id = p.id limit 1) is null
  and (select 1 from sluice.segments s where s.partition_id = p.id limit 1) is null
  and (select 1
       from (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
       cross join lateral (
         select c.lease_id, c.available_at from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
       ) c
       where c.lease_id is not null and c.available_at > now()
       limit 1) is null
order by p.id;

-- name: delete-cursors-of-partitions
-- Waits for the pops under way. Under the locks of lock-idle-partitions.
with locked as (
  select c.group_id, c.partition_id
  from (
    select g.id as group_id, p.id as partition_id
    from unnest(:partitions::bigint[]) as wanted (id)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = wanted.id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for update of c
)
delete from sluice.cursors c
using locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id;

-- name: delete-partitions-by-id
-- Notes them in deletions, as every partition that goes. Returns how many went of each queue.
with deleted as (
  delete from sluice.partitions where id = any (:partitions::bigint[]) returning id, queue_id
), noted as (
  insert into sluice.deletions (partition_id) select id from deleted
  on conflict (partition_id) do update set before_seq = null, requested_at = now()
)
select q.name as queue, count(*) as partitions
from deleted
cross join lateral (select q.name from sluice.queues q where q.id = deleted.queue_id offset 0) q
group by q.name;

-- name: delete-pending-subscriptions
delete from sluice.pending_subscriptions p
using (
  select queue_name, group_name from sluice.pending_subscriptions
  where asked_at < now() - :age_ms * interval '1 millisecond'
  limit :limit
  for update skip locked
) old
where p.queue_name = any (array[old.queue_name]) and p.group_name = old.group_name;

-- name: delete-offsets-of-old-epochs
-- A local log is the source that bears its id; its topics are the prefix, the id and the number of the epoch. The newest epoch
-- of a lane stays, however old. A newer one counts when it has been moved on for a while: then the log has deleted what it had
-- of those before, and cannot compare them with an offset any more.
with epochs as (
  select source, topic, partition, updated_at, epoch,
         max(epoch) filter (where updated_at > started_at + :settled_ms * interval '1 millisecond')
           over (partition by source, partition) as newest_settled
  from (
    select source, topic, partition, started_at, updated_at, right(topic, -length(:prefix || source || '-'))::bigint as epoch
    from (
      select * from sluice.sink_offsets
      where starts_with(topic, :prefix || source || '-')
        and right(topic, -length(:prefix || source || '-')) ~ '^[0-9]{1,18}$'
      offset 0 -- Keeps the cast away from text that is no number.
    ) of_logs
  ) numbered
), old as (
  select o.source, o.topic, o.partition
  from (
    select * from epochs e
    where e.updated_at < now() - :age_ms * interval '1 millisecond' and e.epoch < e.newest_settled
    offset 0
  ) e
  join sluice.sink_offsets o
    on o.source = any (array[e.source]) and o.topic = e.topic and o.partition = e.partition
  limit :limit
  for update of o skip locked
)
delete from sluice.sink_offsets o
using old
where o.source = any (array[old.source]) and o.topic = old.topic and o.partition = old.partition;

-- name: set-offset
insert into sluice.sink_offsets (source, topic, partition, next_offset)
values (:source, :topic, :partition, :next)
on conflict (source, topic, partition) do update set next_offset = excluded.next_offset, refused = null, updated_at = now();

-- name: forget-offset
delete from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition;

-- name: forget-offsets
with doomed as (
  select source, topic, partition from sluice.sink_offsets where source = :source
  order by topic collate "C", partition
  for update
)
delete from sluice.sink_offsets o
using doomed
where o.source = any (array[doomed.source]) and o.topic = doomed.topic
  and o.partition = doomed.partition;

-- name: note-topics
-- Changes nothing if as many partitions are known already. The caller sorts the keys, so that two callers cannot deadlock.
insert into sluice.state as known (key, value)
select key, jsonb_build_object('partitions', partitions)
from unnest(:keys::text[], :partitions::int[]) as topic (key, partitions)
on conflict (key) do update set value = excluded.value, updated_at = now()
where (known.value ->> 'partitions')::int < (excluded.value ->> 'partitions')::int;

-- name: known-topic
select (value ->> 'partitions')::int as partitions from sluice.state where key = :key;

-- name: groups
-- A row for each group and queue, with what it has left; after those named. Only the groups of the page are counted.
select page.group_name, page.queue, page.subscription_mode, page.subscription_from, page.created_at, held.*,
       coalesce(extract(epoch from now() - held.oldest_unread_at) * 1000, 0)::bigint as time_lag_ms
from (
  select g.id, g.name as group_name, q.name as queue, g.subscription_mode, g.subscription_from, g.created_at
  from sluice.consumer_groups g
  join sluice.queues q on q.id = g.queue_id
  where (:group::text is null or g.name = :group) and (:queue::text is null or q.name = :queue)
    and (:after_group::text is null or (g.name, q.name) > (:after_group, :after_queue))
  order by g.name, q.name
  limit :limit
) page
cross join lateral (
  select count(*) as partitions,
         count(*) filter (where l.lag > 0) as partitions_with_lag,
         coalesce(sum(l.lag), 0)::bigint as lag,
         coalesce(bool_or(l.head - l.lag > 0), false) as has_read,
         min(l.oldest_unread_at) as oldest_unread_at
  from sluice.group_lag l
  where l.group_id = page.id
) held
order by page.group_name, page.queue;

-- name: group-partitions
-- Of all queues of a group, or of the one named, or one partition of it; after those named.
select l.*, coalesce(extract(epoch from now() - l.oldest_unread_at) * 1000, 0)::bigint as time_lag_ms
from sluice.group_lag l
where l.group_name = :group and (:queue::text is null or l.queue = :queue)
  and (:partition::text is null or l.partition = :partition)
  and (:after_queue::text is null or (l.queue, l.partition) > (:after_queue, :after_partition))
order by l.queue, l.partition
limit :limit;

-- name: lagging
-- Where the oldest unread message is at least this old, worst first; after the one named.
select late.*, (extract(epoch from now() - late.oldest_unread_at) * 1000)::bigint as time_lag_ms
from (select l.* from sluice.group_lag l where l.lag > 0 offset 0) late
where late.oldest_unread_at <= now() - :min_lag_ms * interval '1 millisecond'
  and (:after_at::timestamptz is null
    or (late.oldest_unread_at, late.group_name, late.queue, late.partition)
      > (:after_at::timestamptz, :after_group, :after_queue, :after_partition))
order by late.oldest_unread_at, late.group_name, late.queue, late.partition
limit :limit;

-- name: group-ids
-- The queues a group is registered on.
select g.id as group_id, q.name as queue, g.subscription_mode, g.subscription_from, g.created_at
from sluice.consumer_groups g
cross join lateral (select q.id, q.name from sluice.queues q where q.id = g.queue_id offset 0) q
where g.name = :group and (:queue::text is null or q.name = :queue)
order by q.id;

-- name: hold-tails
-- The tails stay and the partitions too, until the commit. Keeps no flush waiting.
select count(*) from (
  select id from sluice.partitions where id = any (:partitions::bigint[]) order by id for key share
) held;

-- name: hold-cursors
select count(*) from (
  select c.partition_id
  from (select :group::bigint as group_id, held.id from unnest(:partitions::bigint[]) as held (id) offset 0) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.id
  order by of.id
  for no key update of c
) held;

-- name: seek
-- Under the locks of hold-tails and hold-cursors. The seq of a time is found by halving (low, high]: everything up to low was
-- created at or before it, everything after high was created later. The cursor is ready afterwards; a pop that finds
-- nothing makes it idle. A partition in which the halving finds no segment is left alone.
with recursive search as (
  select p.id,
         case :target when 'end' then p.head else p.tail - 1 end as low,
         case :target when 'beginning' then p.tail - 1 else p.head end as high
  from sluice.partitions p
  where p.id = any (:partitions::bigint[])
  union all
  select search.id,
         case when s.created_at <= :time::timestamptz then s.last_seq else search.low end,
         case when s.created_at <= :time::timestamptz then search.high else s.first_seq - 1 end
  from search
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = search.id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) s
  where search.low < search.high
), found as materialized (
  select :group::bigint as group_id, id, low as position from search where low >= high
)
update sluice.cursors c
set position = found.position,
    acked = '{}',
    failed_seqs = null,
    failed_counts = null,
    deliveries = 0,
    lease_id = null,
    lease_end = null,
    available_at = clock_timestamp()
from found
where c.group_id = any (array[found.group_id]) and c.partition_id = found.id;

-- name: delete-group-cursors
-- Waits for the acks under way.
with locked as (
  select group_id, partition_id from sluice.cursors where group_id = :group order by partition_id for update
)
delete from sluice.cursors c
using locked
where c.group_id = any (array[locked.group_id]) and c.partition_id = locked.partition_id;

-- name: lock-group
select id from sluice.consumer_groups where queue_id = :queue_id and name = :group for update;

-- name: delete-group
delete from sluice.consumer_groups where id = :group;

-- name: delete-pending
-- The queues the group waits for, which do not exist; and those of a namespace, if it is deleted on all queues.
with across as (
  delete from sluice.pending_subscriptions_across where group_name = :group and :queue::text is null
)
delete from sluice.pending_subscriptions
where group_name = :group and (:queue::text is null or queue_name = :queue);

-- name: change-subscription
update sluice.consumer_groups set subscription_mode = 'from', subscription_from = :from where name = :group;

-- name: dead-letters
-- Newest failure first, until :max_bytes of payloads are passed. Relies on dead_letters_by_queue when a queue is named.
-- octet_length does not unpack a payload.
select * from (
  select part.*, count(*) over () as found, sum(octet_length(payload)) over (order by failed_at desc, id desc) - octet_length(payload) as bytes_before
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
-- Of what the filter lets through, oldest first.
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
-- Ordered by id. The sum keeps the server from reading all of the index on id.
select id from sluice.dead_letters where partition_id = :partition and transaction_id = :transaction_id order by id + 0;

-- name: count-dead-letters
select count(*)
from sluice.dead_letters l
join sluice.queues q on q.id = l.queue_id
join sluice.partitions p on p.id = l.partition_id
where (:queue::text is null or q.name = :queue)
  and (:group::text is null or l.group_name = :group)
  and (:partition::text is null or p.name = :partition)
  and (:from::timestamptz is null or l.failed_at >= :from)
  and (:to::timestamptz is null or l.failed_at < :to)
  and (:error::text is null or strpos(lower(l.error), lower(:error)) > 0);

-- name: purge-dead-letters
-- A bounded part of what the filter lets through, in the order of ids; only those up to :max_id, so that it comes to an end.
-- Waits for those that are being redriven.
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

-- name: switches-on
select key from sluice.state where value -> 'enabled' = 'true'::jsonb;

-- name: set-switch
insert into sluice.state (key, value) values (:key, jsonb_build_object('enabled', :enabled::boolean))
on conflict (key) do update set value = excluded.value, updated_at = now();

-- name: newest-dead-letter
select coalesce(max(id), 0) as id from sluice.dead_letters;

-- name: purge-dead-letters-by-id
delete from sluice.dead_letters where id = any (array(
  select id from sluice.dead_letters where id = any (:ids::bigint[]) order by id for update
));

-- name: push-rules
-- The queues that do not take every push as it is. A queue with a bound is counted: what is not deleted and not done with by
-- every group. One index probe a partition and group; queues without a bound cost nothing.
select q.name, q.encryption_enabled, q.max_size, coalesce(held.messages, 0) as messages
from sluice.queues q
left join lateral (
  select sum(p.head - greatest(p.tail - 1, done.position) + p.scheduled)::bigint as messages
  from (
    select p.id, p.head, p.tail, p.scheduled from sluice.partitions p where p.queue_id = q.id and q.max_size > 0 offset 0
  ) p
  cross join lateral (
    select min(c.position) as position
    from (select g.id from sluice.consumer_groups g where g.queue_id = q.id offset 0) g
    cross join lateral (
      select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
    ) c
  ) done
) held on true
where q.max_size > 0 or q.encryption_enabled;
