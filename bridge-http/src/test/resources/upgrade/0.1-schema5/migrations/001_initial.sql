-- The queue: what can be read (queues, partitions), the messages (segments), and how far each group has read
-- (consumer_groups, cursors). Options of a queue are those of POST /api/v1/configure, with their units in the name.

create table sluice.queues (
  id                      bigint generated always as identity primary key,
  name                    text not null unique check (length(name) between 1 and 255),
  namespace               text not null default '',
  task                    text not null default '',
  lease_time_s            integer not null default 300 check (lease_time_s >= 0),
  retry_limit             integer not null default 3 check (retry_limit >= 0),
  retry_delay_ms          bigint check (retry_delay_ms >= 0),
  redelivery_limit        integer not null default 10 check (redelivery_limit >= 0),
  priority                integer not null default 0,
  lane                    smallint not null generated always as
                            (case when priority < 0 then 3 when priority = 0 then 2 when priority < 10 then 1 else 0 end) stored,
  max_size                bigint not null default 0 check (max_size >= 0),
  ttl_s                   bigint check (ttl_s >= 0),
  dead_letter_queue       boolean not null default false,
  dlq_after_max_retries   boolean not null default false,
  delayed_processing_s    bigint not null default 0 check (delayed_processing_s >= 0),
  window_buffer_s         bigint not null default 0 check (window_buffer_s >= 0),
  retention_enabled       boolean not null default false,
  retention_s             bigint not null default 0 check (retention_s >= 0),
  completed_retention_s   bigint not null default 0 check (completed_retention_s >= 0),
  max_wait_time_s         bigint not null default 0 check (max_wait_time_s >= 0),
  encryption_enabled      boolean not null default false,
  dedup_window_ms         bigint check (dedup_window_ms >= 0),
  created_at              timestamptz not null default now()
);

-- For pops across queues.
create index queues_by_namespace on sluice.queues (namespace, task);

comment on table sluice.queues is 'A named queue and its options. A row is made by the first push to the name.';
comment on column sluice.queues.namespace is 'Text before the first dot of the name, or the whole name.';
comment on column sluice.queues.task is 'Second dot-separated part of the name, or empty.';
comment on column sluice.queues.lease_time_s is 'Seconds a popped message is held for its consumer; 0 means 60.';
comment on column sluice.queues.retry_limit is 'Failed acks a message may have before the next one makes it a dead letter.';
comment on column sluice.queues.retry_delay_ms is 'Wait after the first failed ack; doubles with each further one. Null: at once.';
comment on column sluice.queues.redelivery_limit is 'Leases that may end without a word before the message that waits first is a dead letter; 0: any number.';
comment on column sluice.queues.priority is 'Chooses the lane of the partitions: below 0 low, 0 normal, 1 to 9 high, 10 and more critical.';
comment on column sluice.queues.lane is 'Lane of the partitions: 0 critical, 1 high, 2 normal, 3 low.';
comment on column sluice.queues.max_size is 'Messages, not done with by every group, that the queue may hold before pushes are refused; 0: any number.';
comment on column sluice.queues.ttl_s is 'Age at which a message is deleted, read or not. Null or 0: never.';
comment on column sluice.queues.dead_letter_queue is 'Kept for clients that set it; a message beyond its retry limit is a dead letter either way.';
comment on column sluice.queues.dlq_after_max_retries is 'As dead_letter_queue.';
comment on column sluice.queues.delayed_processing_s is 'Age a message must have before it is delivered.';
comment on column sluice.queues.window_buffer_s is 'A partition is not read until its newest message is this old.';
comment on column sluice.queues.retention_enabled is 'Whether retention_s and completed_retention_s have an effect.';
comment on column sluice.queues.retention_s is 'Age at which a message is deleted, read or not; 0: never.';
comment on column sluice.queues.completed_retention_s is 'Age at which a message is deleted that every group has done with; 0: never.';
comment on column sluice.queues.max_wait_time_s is 'Age at which a message is deleted that some group has not read; 0: never.';
comment on column sluice.queues.encryption_enabled is 'Whether payloads are stored encrypted. Needs a key in every writer and reader.';
comment on column sluice.queues.dedup_window_ms is 'How long transaction ids are remembered; null: as the writer is set up.';

create table sluice.partitions (
  id            bigint generated always as identity primary key,
  queue_id      bigint not null,
  name          text not null,
  lane          smallint not null default 2,
  head          bigint not null default 0,
  tail          bigint not null default 1,
  scheduled     bigint not null default 0,
  last_push_at  timestamptz,
  created_at    timestamptz not null default now(),
  unique (queue_id, name)
) with (fillfactor = 50);

comment on table sluice.partitions is 'A first-in-first-out lane of a queue. Its row lock is what gives messages their order. No checks: they would be evaluated for every row that a flush moves.';
comment on column sluice.partitions.queue_id is 'sluice.queues.id. No foreign key: a transaction that moves a head twice would lock the queue after its partitions. Who makes or deletes partitions locks the queue first.';
comment on column sluice.partitions.lane is 'Priority lane: 0 critical, 1 high, 2 normal, 3 low.';
comment on column sluice.partitions.head is 'seq of the newest message, 0 before the first. Written by the flush only.';
comment on column sluice.partitions.tail is 'seq of the oldest message that is kept.';
comment on column sluice.partitions.scheduled is 'Messages of the partition in sluice.scheduled. Changed under the row lock only.';
comment on column sluice.partitions.last_push_at is 'When head moved last; null before the first message.';

create table sluice.segments (
  partition_id     bigint not null,
  first_seq        bigint not null,
  last_seq         bigint not null,
  created_at       timestamptz not null default clock_timestamp(),
  ids              uuid[] not null,
  transaction_ids  text[] not null,
  payloads         text[] not null,
  payload_bytes    bigint not null,
  trace_ids        uuid[],
  producer_subs    text[],
  created_ats      timestamptz[],
  has_deletions    boolean not null default false,
  primary key (partition_id, first_seq),
  check (last_seq >= first_seq),
  check (cardinality(ids) = last_seq - first_seq + 1)
) with (toast_tuple_target = 8160);

-- Ids hardly compress, and trying costs more than all other work on a row.
alter table sluice.segments
  alter column ids set storage external,
  alter column transaction_ids set storage external;

comment on table sluice.segments is 'A run of consecutive messages of one partition. Element i of each array belongs to seq first_seq + i - 1.';
comment on column sluice.segments.partition_id is 'sluice.partitions.id. No foreign key: it would cost a lock for every row copied in.';
comment on column sluice.segments.created_at is 'When the run was written, under the partition''s lock. What is done by age goes by this; it is the time of every message that brings none along.';
comment on column sluice.segments.payloads is 'JSON text, byte for byte as pushed. Null: the message was deleted.';
comment on column sluice.segments.payload_bytes is 'Sum of the payloads'' lengths when they were written: what a pop bounds its answer by.';
comment on column sluice.segments.trace_ids is 'Null when no message of the run has a trace id.';
comment on column sluice.segments.has_deletions is 'Whether some payload is null. Tells lists of messages without unpacking the payloads.';
comment on column sluice.segments.producer_subs is 'Subject of the producer''s token. Null when no message of the run has one.';
comment on column sluice.segments.created_ats is 'Times of creation that messages bring along from where they were before. Null when no message of the run does.';

do $$
begin
  alter table sluice.segments alter column payloads set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
  -- The other method would take as long as the rest of a flush. This one takes two to three times the space on disk.
  alter table sluice.segments alter column payloads set storage external;
  raise notice 'this server has no lz4: payloads are not compressed';
end $$;

create view sluice.messages as
select q.name as queue,
       p.name as partition,
       s.partition_id,
       s.first_seq + m.position - 1 as seq,
       m.id,
       m.transaction_id,
       m.payload,
       s.trace_ids[m.position] as trace_id,
       s.producer_subs[m.position] as producer_sub,
       coalesce(s.created_ats[m.position], s.created_at) as created_at
from sluice.segments s
join sluice.partitions p on p.id = s.partition_id
join sluice.queues q on q.id = p.queue_id
cross join lateral unnest(s.ids, s.transaction_ids, s.payloads) with ordinality as m (id, transaction_id, payload, position)
where m.payload is not null;

comment on view sluice.messages is 'One row per message, for people and tools. Name a queue and a partition: without them it reads everything.';

create table sluice.consumer_groups (
  id                 bigint generated always as identity primary key,
  queue_id           bigint not null references sluice.queues (id),
  name               text not null check (length(name) between 1 and 255),
  subscription_mode  text not null check (subscription_mode in ('all', 'new', 'from')),
  subscription_from  timestamptz,
  created_at         timestamptz not null default now(),
  unique (queue_id, name),
  check ((subscription_mode = 'from') = (subscription_from is not null))
);

comment on table sluice.consumer_groups is 'An independent reader of a queue; registered by its first pop. __QUEUE_MODE__ is the group of consumers that name none.';
comment on column sluice.consumer_groups.subscription_from is 'Null unless subscription_mode is ''from''.';

create table sluice.pending_subscriptions (
  queue_name         text not null check (length(queue_name) between 1 and 255),
  group_name         text not null check (length(group_name) between 1 and 255),
  subscription_from  timestamptz,
  created_at         timestamptz not null default now(),
  asked_at           timestamptz not null default now(),
  primary key (queue_name, group_name)
);

comment on table sluice.pending_subscriptions is 'Groups that wait for a queue that does not exist, to read what is pushed from then on. Registered by its first push.';
comment on column sluice.pending_subscriptions.subscription_from is 'Null: from the time the group began to wait.';
comment on column sluice.pending_subscriptions.asked_at is 'When the group popped last, to a day. Retention deletes the row a week after.';

create table sluice.pending_subscriptions_across (
  id                 bigint generated always as identity primary key,
  namespace          text,
  task               text,
  group_name         text not null check (length(group_name) between 1 and 255),
  subscription_from  timestamptz,
  created_at         timestamptz not null default now(),
  check (namespace is not null or task is not null)
);

comment on table sluice.pending_subscriptions_across is 'Groups that wait for the queues of a namespace and task, to read what is pushed from then on. A row stays: queues may come at any time.';
comment on column sluice.pending_subscriptions_across.namespace is 'Null: any.';
comment on column sluice.pending_subscriptions_across.task is 'Null: any.';
comment on column sluice.pending_subscriptions_across.subscription_from is 'Null: from the time the group began to wait.';

-- As an array, because nulls are equal in an array.
create unique index pending_subscriptions_across_once on sluice.pending_subscriptions_across (group_name, (array[namespace, task]));

create table sluice.cursors (
  group_id       bigint not null references sluice.consumer_groups (id) on delete cascade,
  partition_id   bigint not null,
  lane           smallint not null,
  position       bigint not null check (position >= 0),
  available_at   timestamptz,
  lease_id       uuid,
  lease_end      bigint,
  acked          int8multirange not null default '{}',
  deliveries     integer not null default 0 check (deliveries >= 0),
  failed_seqs    bigint[],
  failed_counts  integer[],
  consumed_at    timestamptz,
  primary key (group_id, partition_id),
  check ((lease_id is null) = (lease_end is null)),
  check (lease_id is null or available_at is not null),
  check (cardinality(failed_seqs) = cardinality(failed_counts))
) with (fillfactor = 60);

comment on table sluice.cursors is 'How far a group has read a partition. Every pair of a group and a partition of its queue has a row.';
comment on column sluice.cursors.position is 'Every message up to this seq is done. Never goes back, but for a seek.';
comment on column sluice.cursors.available_at is 'Null: nothing to read. Past: ready. Future: leased until then, or held back until then.';
comment on column sluice.cursors.lease_id is 'Who holds (position, lease_end]; null when nobody does. Over when available_at has passed.';
comment on column sluice.cursors.lease_end is 'Last seq of the lease. Null exactly when lease_id is.';
comment on column sluice.cursors.acked is 'Done messages after position, acknowledged out of order.';
comment on column sluice.cursors.deliveries is 'Leases in a row that ended without a word from their holder.';
comment on column sluice.cursors.failed_seqs is 'Messages with failed acks; failed_counts says how many each. Null when there are none.';
comment on column sluice.cursors.consumed_at is 'When an ack moved position last. Null: never.';

-- For pops: the ready cursors of a group, by lane, longest ready first.
create index cursors_ready on sluice.cursors (group_id, lane, available_at) where available_at is not null;
-- For flushes: the cursors to wake.
create index cursors_idle on sluice.cursors (partition_id) where available_at is null;
-- For extensions of a lease.
create index cursors_lease on sluice.cursors (lease_id) where lease_id is not null;

create view sluice.group_lag as
select q.id as queue_id, q.name as queue, g.id as group_id, g.name as group_name, p.id as partition_id, p.name as partition,
       c.position, p.head, p.tail,
       p.head - c.position - acked.messages as lag,
       case when p.head - c.position - acked.messages > 0 then (
         select s.created_at from sluice.segments s
         where s.partition_id = p.id and s.first_seq <= c.position + 1
         order by s.first_seq desc
         limit 1
       ) end as oldest_unread_at,
       c.lease_id is not null and c.available_at > now() as leased,
       c.lease_id, c.lease_end, c.available_at, c.consumed_at
from sluice.consumer_groups g
join sluice.queues q on q.id = g.queue_id
join sluice.cursors c on c.group_id = g.id
join sluice.partitions p on p.id = c.partition_id
cross join lateral (
  select coalesce(sum(upper(done) - lower(done)), 0)::bigint as messages from unnest(c.acked) as done
) acked;

comment on view sluice.group_lag is 'What each group has left of each partition, by arithmetic. oldest_unread_at costs an index probe a row.';

create view sluice.partition_counts as
select read.queue_id, read.partition_id, read.partition, read.total, unread.messages - leased.messages + read.scheduled as pending,
       leased.messages as processing, read.total - read.scheduled - unread.messages as completed,
       read.head, read.tail, read.done, read.acked, read.leased_until, read.groups, read.last_push_at, read.created_at
from (
  select p.queue_id, p.id as partition_id, p.name as partition, p.head, p.tail, p.scheduled, p.last_push_at, p.created_at,
         p.head - p.tail + 1 + p.scheduled as total,
         count(c.group_id) as groups,
         greatest(coalesce(max(c.position) filter (where g.name = '__QUEUE_MODE__'), min(c.position)), p.tail - 1) as done,
         coalesce(max(c.acked::text) filter (where g.name = '__QUEUE_MODE__'), '{}')::int8multirange as acked,
         max(c.lease_end) filter (where g.name = '__QUEUE_MODE__' and c.lease_id is not null and c.available_at > now()) as lease_end,
         max(c.available_at) filter (where g.name = '__QUEUE_MODE__' and c.lease_id is not null and c.available_at > now())
           as leased_until
  from sluice.partitions p
  left join (sluice.cursors c join sluice.consumer_groups g on g.id = c.group_id)
    on c.partition_id = p.id and g.queue_id = p.queue_id
  group by p.queue_id, p.id
) read
cross join lateral (
  select coalesce(sum(upper(run) - lower(run)), 0)::bigint as messages from unnest(read.acked) as run
) acked
cross join lateral (select greatest(read.head - read.done - acked.messages, 0) as messages) unread
cross join lateral (
  select coalesce(least(unread.messages, greatest(read.lease_end - read.done - acked.messages, 0)), 0) as messages
) leased;

comment on view sluice.partition_counts is 'Messages of each partition by state, by arithmetic. Of a queue that consumers without a group read, the state is theirs; of others, a message is completed when every group has passed it.';

create table sluice.dead_letters (
  id              bigint generated always as identity primary key,
  queue_id        bigint not null,
  partition_id    bigint not null,
  partition_name  text not null,
  seq             bigint not null,
  group_name      text not null,
  message_id      uuid not null,
  transaction_id  text not null,
  payload         text not null,
  trace_id        uuid,
  producer_sub    text,
  error           text not null,
  retries         integer not null,
  created_at      timestamptz not null,
  failed_at       timestamptz not null default now()
);

comment on table sluice.dead_letters is 'Messages a group gave up on, with a copy of what they held: they outlive retention.';
comment on column sluice.dead_letters.queue_id is 'sluice.queues.id. No foreign key: an ack would lock the queue after its cursors.';
comment on column sluice.dead_letters.retries is 'How often the message was delivered again before it came here.';
comment on column sluice.dead_letters.created_at is 'When the message was written to the queue, or the time it brought along.';

create index dead_letters_by_queue on sluice.dead_letters (queue_id, failed_at desc);
create index dead_letters_by_partition on sluice.dead_letters (partition_id, transaction_id);

create table sluice.deletions (
  partition_id  bigint primary key,
  before_seq    bigint,
  requested_at  timestamptz not null default now()
);

comment on table sluice.deletions is 'Segments nobody can see any more. Retention deletes them in small steps, and then the row.';
comment on column sluice.deletions.before_seq is 'Delete the segments before this seq. Null: the partition itself is gone, delete all that is left of it.';

create table sluice.scheduled (
  id              bigint generated always as identity primary key,
  partition_id    bigint not null,
  due_at          timestamptz not null,
  message_id      uuid not null,
  transaction_id  text not null,
  payload         text not null,
  trace_id        uuid,
  producer_sub    text,
  created_at      timestamptz not null default clock_timestamp()
);

comment on table sluice.scheduled is 'Messages that are not due yet. They get their seq when they are; those due at one time in the order of id.';
comment on column sluice.scheduled.created_at is 'When the message was written here.';

create index scheduled_due on sluice.scheduled (due_at, id);
-- For flushes: whether a transaction id is scheduled already.
create index scheduled_transactions on sluice.scheduled (partition_id, transaction_id);

create table sluice.sink_offsets (
  source       text not null,
  topic        text not null,
  partition    integer not null,
  next_offset  bigint not null check (next_offset >= 0),
  started_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (source, topic, partition)
) with (fillfactor = 50);

comment on table sluice.sink_offsets is 'Up to where each source has been written; moves in the transaction that writes the data.';
comment on column sluice.sink_offsets.started_at is 'When the source moved first.';
comment on column sluice.sink_offsets.next_offset is 'Offset of the first record that is not in the queue yet.';

create table sluice.traces (
  id              bigint generated always as identity primary key,
  partition_id    bigint not null,
  transaction_id  text not null,
  group_name      text not null,
  event_type      text not null check (length(event_type) between 1 and 255),
  data            text not null,
  created_at      timestamptz not null default now()
);

comment on table sluice.traces is 'What consumers noted about messages while they worked on them. Goes with the message when that is deleted by hand, with its partition, or when it is old.';
comment on column sluice.traces.data is 'JSON text, byte for byte as it was sent.';

create index traces_by_message on sluice.traces (partition_id, transaction_id, id);

create table sluice.trace_names (
  name      text not null check (length(name) between 1 and 255),
  trace_id  bigint not null references sluice.traces (id) on delete cascade,
  primary key (name, trace_id)
);

comment on table sluice.trace_names is 'Names under which traces of several messages are found together.';

create index trace_names_of_trace on sluice.trace_names (trace_id);

create table sluice.minute_counters (
  bucket                        timestamptz not null,
  queue                         text not null,
  worker                        text not null,
  push_requests                 bigint not null default 0,
  push_messages                 bigint not null default 0,
  pop_requests                  bigint not null default 0,
  pop_messages                  bigint not null default 0,
  pop_empty                     bigint not null default 0,
  ack_requests                  bigint not null default 0,
  ack_completed                 bigint not null default 0,
  ack_failed                    bigint not null default 0,
  redeliveries                  bigint not null default 0,
  dead_letters                  bigint not null default 0,
  transactions                  bigint not null default 0,
  database_errors               bigint not null default 0,
  retention_messages            bigint not null default 0,
  completed_retention_messages  bigint not null default 0,
  eviction_messages             bigint not null default 0,
  retention_events              bigint not null default 0,
  partitions_deleted            bigint not null default 0,
  lag_count                     bigint not null default 0,
  lag_sum_ms                    bigint not null default 0,
  lag_max_ms                    bigint not null default 0,
  parked                        bigint not null default 0,
  primary key (bucket, queue, worker)
) with (fillfactor = 80);

comment on table sluice.minute_counters is 'What each bridge did for each queue in each minute; added to every few seconds. For charts: a flush whose answer got lost may count twice.';
comment on column sluice.minute_counters.bucket is 'Beginning of the minute.';
comment on column sluice.minute_counters.queue is 'Name of the queue, as it was; empty: no queue in particular, or one beyond metrics.max.queues.';
comment on column sluice.minute_counters.worker is 'Host and port of the bridge.';
comment on column sluice.minute_counters.lag_count is 'Popped messages whose age was taken: lag_sum_ms is the sum of their ages, lag_max_ms the greatest.';
comment on column sluice.minute_counters.parked is 'Most pops that waited at a time.';

create table sluice.minute_samples (
  bucket   timestamptz not null,
  worker   text not null,
  samples  integer not null,
  metrics  text[] not null,
  sums     double precision[] not null,
  minima   double precision[] not null,
  maxima   double precision[] not null,
  lasts    double precision[] not null,
  primary key (bucket, worker),
  check (cardinality(metrics) = cardinality(sums)),
  check (cardinality(metrics) = cardinality(lasts))
);

comment on table sluice.minute_samples is 'How each bridge was in each minute: memory, processor, connections. Element i of each array belongs to the metric of that name.';

create table sluice.state (
  key         text primary key,
  value       jsonb not null,
  updated_at  timestamptz not null default now()
);

comment on table sluice.state is 'What all services on this schema have in common: whether pushes or pops are on hold.';
comment on column sluice.state.value is '{"enabled": true} for a switch that is on.';

-- Every flush, pop and ack leaves a dead version of a row in these tables. If vacuum runs often, the versions stay within
-- a few pages and updates find room beside the row. With the defaults it runs when a fifth of the table is dead.
alter table sluice.partitions set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
alter table sluice.cursors set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
alter table sluice.sink_offsets set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
-- Small tables whose rows are deleted as fast as they are added: their size says nothing about how much of them is dead.
alter table sluice.scheduled set (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 1000
);
alter table sluice.deletions set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Rows are written once and deleted in the same order. Vacuum runs as soon as a part is deleted, so that its space, most
-- of it out of line, is reused. It also runs after inserts, so that freezing never has to catch up on the whole table.
alter table sluice.segments set (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.2,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_insert_scale_factor = 0.1
);
-- No statement filters by the contents of the arrays, so analyze need not unpack thousands of payloads to count elements.
alter table sluice.segments
  alter column ids set statistics 0,
  alter column transaction_ids set statistics 0,
  alter column payloads set statistics 0,
  alter column trace_ids set statistics 0,
  alter column producer_subs set statistics 0,
  alter column created_ats set statistics 0;
