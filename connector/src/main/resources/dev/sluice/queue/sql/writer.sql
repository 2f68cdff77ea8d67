-- Statements of the flush. Lock order everywhere: sink_offsets, then partitions by id, then cursors by id.
--
-- The plans of these statements, and of those in the other files, must not depend on the statistics of the server:
-- * They run under the settings of IndexPlans, which leave nested loops over indexes.
-- * Where the columns of a key come from two tables, the table is in a lateral subquery with `offset 0`. The server cannot join it
--   with one of the two first, and filter what is left.
-- * Where a table that is changed or locked is joined with a list, `= any (array[x])` stands for `= x` on the first column of the key. The
--   server can use it on an index and nowhere else, so it cannot read the whole table and compare each row with each of the list.
-- * A list of ids out of a subquery is `= any (array(...))`, which is computed once.
-- PlansTest reads the plans on tables with hostile statistics.

-- name: find-partitions
-- Ids of the partitions named, of those that exist.
select wanted.queue, wanted.partition, p.id
from unnest(:queues::text[], :partitions::text[]) as wanted (queue, partition)
cross join lateral (select q.id from sluice.queues q where q.name = wanted.queue offset 0) q
cross join lateral (select p.id from sluice.partitions p where p.queue_id = q.id and p.name = wanted.partition offset 0) p;

-- name: create-queues
-- In order of name, so that two writers who create the same queues wait for each other and not in a ring.
insert into sluice.queues (name, namespace, task)
select name, split_part(name, '.', 1), split_part(name, '.', 2)
from unnest(:queues::text[]) as wanted (name)
order by name
on conflict (name) do nothing;

-- name: lock-queues
-- Keeps groups from being registered while partitions are created, so that every pair of both gets its cursor.
select id from sluice.queues
where id = any (array(select q.id from sluice.queues q where q.name = any (:queues::text[])))
order by id
for update;

-- name: register-pending
-- Registers the groups that have waited for these queues, by name or by what they are, if nothing is in them yet. Under the
-- locks of lock-queues.
with fresh as materialized (
  select q.id, q.name, q.namespace, q.task
  from sluice.queues q
  where q.name = any (:queues::text[])
    and (select 1 from sluice.partitions x where x.queue_id = q.id limit 1) is null
), asked as materialized (
  select fresh.id as queue_id, p.queue_name, p.group_name
  from fresh
  cross join lateral (
    select p.queue_name, p.group_name from sluice.pending_subscriptions p where p.queue_name = fresh.name offset 0
  ) p
), waited as (
  delete from sluice.pending_subscriptions p
  using asked
  where p.queue_name = any (array[asked.queue_name]) and p.group_name = asked.group_name
  returning asked.queue_id, p.group_name, coalesce(p.subscription_from, p.created_at) as start
), across as (
  select fresh.id as queue_id, w.group_name, coalesce(w.subscription_from, w.created_at) as start
  from fresh
  join sluice.pending_subscriptions_across w
    on (w.namespace is null or w.namespace = fresh.namespace) and (w.task is null or w.task = fresh.task)
)
insert into sluice.consumer_groups (queue_id, name, subscription_mode, subscription_from)
select queue_id, group_name, 'from', min(start)
from (select * from waited union all select * from across) subscriptions
group by queue_id, group_name
order by queue_id, group_name
on conflict (queue_id, name) do nothing;

-- name: create-partitions
-- With a cursor for each group of the queue. A lane of -1 is that of the queue's priority. Runs under the locks of lock-queues.
with created as (
  insert into sluice.partitions (queue_id, name, lane)
  select q.id, wanted.partition, coalesce(nullif(wanted.lane, -1), q.lane)
  from unnest(:queues::text[], :partitions::text[], :lanes::integer[]) as wanted (queue, partition, lane)
  cross join lateral (select q.id, q.lane from sluice.queues q where q.name = wanted.queue offset 0) q
  order by q.id, wanted.partition
  on conflict (queue_id, name) do nothing
  returning id, queue_id, lane
)
insert into sluice.cursors (group_id, partition_id, lane, position)
select g.id, c.id, c.lane, 0
from created c
cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = c.queue_id offset 0) g;

-- name: move-offset
-- Compare and set: changes no row when somebody else has moved the offset, or the source may not go on.
update sluice.sink_offsets set next_offset = :next, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset = :expected
  and refused is null;

-- name: start-offset
-- Changes no row when there is an offset already.
insert into sluice.sink_offsets (source, topic, partition, next_offset)
values (:source, :topic, :partition, :next)
on conflict (source, topic, partition) do nothing;

-- name: stored-offset
select next_offset, refused from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition;

-- name: confirmed-offset
-- Waits for a transaction that is moving the offset.
select next_offset, refused from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition
for no key update;

-- name: refuse
-- Where the offset is not stored, by its first record or by who has set it since, the record cannot be taken for another.
update sluice.sink_offsets set refused = :reason, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset > :offset;

-- name: lock-partitions
-- From here to the commit nobody else gives out seqs in these partitions.
select id from sluice.partitions where id = any (:partitions::bigint[]) order by id for no key update;

-- name: server
-- Tells one server from another that took over from it. That one may lack the last of what was committed, and give out its numbers again.
-- Payloads are compressed where their column is stored as extended or main (x, m).
select extract(epoch from pg_postmaster_start_time())::text as started_at,
       (select attstorage in ('x', 'm') from pg_attribute
        where attrelid = 'sluice.segments'::regclass and attname = 'payloads') as compresses_payloads;

-- name: claim
-- Locks the partitions in order of their ids, and gives each as many seqs as messages shall come. From here to the commit nobody
-- else gives out seqs in them, nor decides that one of them is empty. To lock first and to move the heads later would change every
-- row twice. Both lists are in order of the ids: the count of an id is found by halves, and the scan of the index looks for one id
-- after the other without beginning again at its root, which a join would for each. To find counts is an eighth of the work; where all
-- are the same it is given as "each" and none is looked for.
update sluice.partitions p
set head = p.head + coalesce(:each, wanted.counts[width_bucket(p.id, wanted.ids)]),
    last_push_at = case
      when coalesce(:each, wanted.counts[width_bucket(p.id, wanted.ids)]) > 0 then clock_timestamp()
      else p.last_push_at
    end
from (values (:partitions::bigint[], :counts::bigint[])) as wanted (ids, counts)
where p.id = any (wanted.ids)
returning p.id, p.queue_id, p.head, p.scheduled;

-- name: options
-- Read, not locked: as they are when the statement begins, so a message pushed after an option was set is written under it. The
-- time is that of the segments; read under the locks of claim, so it does not go back within a partition unless the clock does.
select id, dedup_window_ms, encryption_enabled, clock_timestamp() as now
from sluice.queues
where id = any (:queues::bigint[]);

-- name: correct
-- Sets heads that were moved too far, by duplicates and by messages that are not due, or not far enough. Where nothing new has
-- come, the newest segment tells when something last did. Under the locks of claim.
update sluice.partitions p
set head = moved.head,
    last_push_at = case
      when moved.is_new then clock_timestamp()
      when moved.head > 0 then coalesce(
        (select s.created_at from sluice.segments s where s.partition_id = p.id order by s.first_seq desc limit 1), p.last_push_at)
    end
from unnest(:partitions::bigint[], :heads::bigint[], :are_new::boolean[]) as moved (id, head, is_new)
where p.id = any (array[moved.id]);

-- name: find-scheduled
-- Which of the transaction ids wait in the scheduled messages. Relies on scheduled_transactions.
select wanted.ordinal, waiting.id
from unnest(:partitions::bigint[], :transaction_ids::text[]) with ordinality
  as wanted (partition_id, transaction_id, ordinal)
cross join lateral (
  select min(s.message_id::text)::uuid as id from sluice.scheduled s
  where s.partition_id = wanted.partition_id and s.transaction_id = wanted.transaction_id
) waiting
where waiting.id is not null;

-- name: schedule
-- Under the locks of claim.
with added as (
  insert into sluice.scheduled
    (partition_id, due_at, message_id, transaction_id, payload, trace_id, producer_sub)
  select wanted.partition_id, wanted.due_at, wanted.message_id, wanted.transaction_id, wanted.payload, wanted.trace_id,
         wanted.producer_sub
  from unnest(:partitions::bigint[], :due_at::timestamptz[], :ids::uuid[], :transaction_ids::text[], :payloads::text[],
              :trace_ids::uuid[], :producer_subs::text[]) with ordinality
    as wanted (partition_id, due_at, message_id, transaction_id, payload, trace_id, producer_sub, ordinal)
  order by wanted.ordinal
  returning partition_id
)
update sluice.partitions p set scheduled = p.scheduled + added.count
from (select partition_id, count(*) as count from added group by partition_id) added
where p.id = any (array[added.partition_id]);

-- name: due-partitions
-- The partitions of the messages that are due, longest due first, without those of :except. Relies on scheduled_due.
select distinct due.partition_id as id, due.queue, due.partition
from (
  select s.partition_id, p.queue, p.partition
  from (
    select s.partition_id from sluice.scheduled s
    where s.due_at <= now() and s.partition_id + 0 <> all (:except::bigint[])
    order by s.due_at, s.id
  ) s
  cross join lateral (
    select q.name as queue, p.name as partition
    from (select p.queue_id, p.name from sluice.partitions p where p.id = s.partition_id offset 0) p
    cross join lateral (select q.name from sluice.queues q where q.id = p.queue_id offset 0) q
    limit 1
  ) p
  limit :limit
) due;

-- name: take-due
-- Takes what is due in these partitions, in the order of its time, until :max_bytes of payloads are passed. Relies on scheduled_due: what is due stands first there. An index on the
-- partition would read what is due in a year. Under the locks of lock-partitions.
with taken as (
  delete from sluice.scheduled s
  where s.id = any (array(
    select w.id
    from (
      select w.id, sum(w.bytes) over (order by w.due_at, w.id) - w.bytes as bytes_before
      from (
        select w.id, w.due_at, octet_length(w.payload) as bytes from sluice.scheduled w
        where w.due_at <= now() and w.partition_id + 0 = any (:partitions::bigint[])
        order by w.due_at, w.id
        limit :limit
      ) w
    ) w
    where w.bytes_before < :max_bytes
  ))
  returning s.*
), counted as (
  update sluice.partitions p set scheduled = p.scheduled - gone.count
  from (select partition_id, count(*) as count from taken group by partition_id) gone
  where p.id = any (array[gone.partition_id])
)
select * from taken order by due_at, id;

-- name: next-due
-- How long until the next scheduled message is due, in ms; null when there is none. Relies on scheduled_due.
select (
  select extract(epoch from s.due_at - now()) * 1000
  from (select s.due_at, s.partition_id from sluice.scheduled s order by s.due_at, s.id) s
  cross join lateral (select 1 from sluice.partitions p where p.id = s.partition_id offset 0) p
  limit 1
) as next_ms;

-- name: wake
-- Makes the idle cursors of the partitions ready. Relies on cursors_idle, which is on this sum. Under the locks of claim. The rows are
-- locked as idle, so they are idle when they are changed.
with idle as (
  select group_id, partition_id from sluice.cursors
  where partition_id + 0 = any (:partitions::bigint[]) and available_at is null
  order by group_id + 0, partition_id -- In the order of the primary key the server could read all of it.
  for no key update
)
update sluice.cursors c set available_at = clock_timestamp()
from idle
where c.group_id = any (array[idle.group_id]) and c.partition_id = idle.partition_id;

-- name: copy-segments
-- With the time, as the statement options gave it: where a column with a volatile default is left out, the server copies row by row.
copy sluice.segments (partition_id, first_seq, last_seq, created_at, ids, transaction_ids, payloads, payload_bytes, trace_ids, producer_subs, created_ats)
from stdin (format binary);

-- name: seen
-- Transaction ids a writer must know of after a seq, newest segments first. The reader stops at the first row outside the
-- window, or when it knows enough, and the server with it: the rows come through a cursor, a few at a time. Among them are ids that a
-- service made itself: on its way through Kafka a message may come twice with one.
select s.first_seq, s.transaction_ids, s.created_at > now() - :window_ms * interval '1 millisecond' as inside
from sluice.segments s
where s.partition_id = :partition and s.first_seq > :after
order by s.first_seq desc;

-- name: verify-seen
-- What stands at the seqs where a hash was seen. Two index probes each.
select wanted.ordinal,
       s.transaction_ids[wanted.seq - s.first_seq + 1] as transaction_id,
       s.ids[wanted.seq - s.first_seq + 1] as id
from unnest(:partitions::bigint[], :seqs::bigint[], :windows_ms::bigint[]) with ordinality
  as wanted (partition_id, seq, window_ms, ordinal)
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = wanted.partition_id and s.first_seq <= wanted.seq
  order by s.first_seq desc
  limit 1
) s
where s.last_seq >= wanted.seq
  and s.payloads[wanted.seq - s.first_seq + 1] is not null
  and s.created_at > now() - wanted.window_ms * interval '1 millisecond';

-- name: take-dead-letters
-- Locks the dead letters, in the order of their ids, so that of two who redrive one of them the second finds it gone.
select d.id, q.name as queue, d.partition_name, d.transaction_id, d.payload, d.trace_id, d.producer_sub
from sluice.dead_letters d
cross join lateral (select q.name from sluice.queues q where q.id = d.queue_id offset 0) q
where d.id = any (:ids::bigint[])
order by d.id
for update of d;

-- name: remove-dead-letters
delete from sluice.dead_letters where id = any (:ids::bigint[]);

-- name: park
-- Parks messages for held queues. Their delay counts from now.
insert into sluice.parked (queue, partition, message_id, transaction_id, generated_id, payload, trace_id, producer_sub, deliver_at,
  lane, origin_at)
select wanted.queue, wanted.partition, wanted.message_id, wanted.transaction_id, wanted.generated_id, wanted.payload, wanted.trace_id,
       wanted.producer_sub, greatest(wanted.deliver_at, clock_timestamp() + wanted.delay_ms * interval '1 millisecond'),
       nullif(wanted.lane, -1), wanted.origin_at
from unnest(:queues::text[], :partitions::text[], :ids::uuid[], :transaction_ids::text[], :generated::boolean[], :payloads::text[],
            :trace_ids::uuid[], :producer_subs::text[], :deliver_at::timestamptz[], :delays_ms::float8[], :lanes::integer[],
            :origins_at::timestamptz[]) with ordinality
  as wanted (queue, partition, message_id, transaction_id, generated_id, payload, trace_id, producer_sub, deliver_at, delay_ms, lane,
             origin_at, ordinal)
order by wanted.ordinal;

-- name: parked-queues
-- The queues with parked messages: one index probe each, however many messages they have.
with recursive names as (
  (select queue from sluice.parked order by queue limit 1)
  union all
  select (select p.queue from sluice.parked p where p.queue > names.queue order by p.queue limit 1)
  from names where names.queue is not null
)
select queue from names where queue is not null;

-- name: still-parked
-- Which of these queues have parked messages.
select wanted.queue
from unnest(:queues::text[]) as wanted (queue)
cross join lateral (select 1 from sluice.parked p where p.queue = wanted.queue limit 1) p;

-- name: lock-parked
-- One process releases the parked messages of a queue at a time.
select pg_try_advisory_xact_lock(hashtextextended( :key , 0)) as locked;

-- name: next-parked
-- In order, until :max_bytes of payloads are passed.
select * from (
  select p.*, sum(octet_length(p.payload)) over (order by p.id) - octet_length(p.payload) as bytes_before
  from (select * from sluice.parked where queue = :queue order by id limit :limit) p
) p
where bytes_before < :max_bytes
order by id;

-- name: remove-parked
delete from sluice.parked p
using (select :queue::text as queue, gone.id from unnest(:ids::bigint[]) as gone (id) offset 0) gone
where p.queue = any (array[gone.queue]) and p.id = gone.id;

-- name: encrypted
-- Which of these queues are encrypted.
select name from sluice.queues where name = any (:queues::text[]) and encryption_enabled;

-- name: free-partitions
-- The partitions among these that no other transaction holds.
select id from sluice.partitions where id = any (:partitions::bigint[]) for no key update skip locked;

-- name: held-queues
-- The queues among these that another transaction holds.
with free as (
  select name from sluice.queues where name = any (:queues::text[]) for update skip locked
)
select name from sluice.queues where name = any (:queues::text[])
except
select name from free;
