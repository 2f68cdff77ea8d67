-- Work: handlers that an engine runs for the messages of the queues work.TYPE. A work that succeeds has no row of its
-- own: it is one of the seqs of a row of work_claims.

create table sluice.work_types (
  queue        text primary key check (length(queue) between 1 and 255),
  paused_at    timestamptz,
  concurrency  integer check (concurrency > 0),
  limit_key    text,
  breaker      text check (breaker in ('open', 'closed')),
  breaker_resets  bigint not null default 0,
  updated_at   timestamptz not null default now()
);

comment on table sluice.work_types is 'What operators have set for a type of work while engines run.';
comment on column sluice.work_types.queue is 'sluice.queues.name. The row stays if the queue is deleted.';
comment on column sluice.work_types.paused_at is 'Since when no engine claims works of the type. Null: engines claim.';
comment on column sluice.work_types.concurrency is 'Most works of the type that one engine runs at a time. Null: as the engine is set up.';
comment on column sluice.work_types.limit_key is 'Where the limit key of a work is, as the engine that started last is set up: a JSON pointer, or header:NAME. Null: works have none.';
comment on column sluice.work_types.breaker is 'The state into which an operator has forced the circuit breaker of the type. Null: the breaker decides.';
comment on column sluice.work_types.breaker_resets is 'How often an operator has reset the circuit breaker. An engine that sees a new number closes its breakers.';

create table sluice.work_claims (
  id            uuid primary key,
  queue_id      bigint not null,
  partition_id  bigint not null,
  first_seq     bigint not null,
  last_seq      bigint not null,
  done          int8multirange not null default '{}',
  closes        boolean not null,
  limited       text,
  owner         uuid not null,
  lease_until   timestamptz not null,
  claimed_at    timestamptz not null default clock_timestamp(),
  check (last_seq >= first_seq)
) with (fillfactor = 80);

comment on table sluice.work_claims is 'Runs of works that an engine has begun. The cursor of the group work is behind them. Deleted when the last work is done.';
comment on column sluice.work_claims.queue_id is 'sluice.queues.id. No foreign key: it would lock the queue after its cursors.';
comment on column sluice.work_claims.done is 'The seqs of the run that are done, or were no works.';
comment on column sluice.work_claims.closes is 'Whether the cursor is not ready until the work is done, so that the order of a key holds.';
comment on column sluice.work_claims.limited is 'work_limits.name of the room that works take which are not done. Null: they take none.';
comment on column sluice.work_claims.owner is 'A random id that an engine makes when it starts.';
comment on column sluice.work_claims.lease_until is 'When another engine may take over. The owner renews it.';

-- For engines that look for claims of dead engines.
create index work_claims_expiring on sluice.work_claims (queue_id, lease_until);
-- For retention: the first message of a partition that a claim needs.
create index work_claims_by_partition on sluice.work_claims (partition_id, first_seq);

create table sluice.work_items (
  partition_id    bigint not null,
  seq             bigint not null,
  queue_id        bigint not null,
  partition_name  text not null,
  lane            smallint not null,
  message_id      uuid not null,
  transaction_id  text not null,
  payload         text not null,
  headers         text,
  trace_id        uuid,
  producer_sub    text,
  created_at      timestamptz not null,
  available_at    timestamptz not null,
  owner           uuid,
  lease_id        uuid,
  limited         text,
  line            text,
  closes          boolean not null,
  attempts        integer not null default 0 check (attempts >= 0),
  crashes         integer not null default 0 check (crashes >= 0),
  snoozes         bigint not null default 0 check (snoozes >= 0),
  snoozed         boolean not null default false,
  errors          text,
  primary key (partition_id, seq)
) with (fillfactor = 80);

comment on table sluice.work_items is 'Works with a history: failed, snoozed, given back by an engine that stopped, or begun when an engine died. A row has a copy of the message, so it outlives retention.';
comment on column sluice.work_items.partition_id is 'The partition in which the message was; it need not exist any more.';
comment on column sluice.work_items.queue_id is 'sluice.queues.id. No foreign key, as in work_claims.';
comment on column sluice.work_items.available_at is 'Past: may be claimed. Future with an owner: leased until then. Future without: not due.';
comment on column sluice.work_items.owner is 'The engine that runs the work, or ran it when it died; null: none.';
comment on column sluice.work_items.lease_id is 'A random id of the lease. A run names it, so a run of an earlier lease of the same engine changes nothing. Null: no lease.';
comment on column sluice.work_items.limited is 'work_limits.name of the room that the work takes while it runs. Null: it takes none.';
comment on column sluice.work_items.line is 'work_limits.name of the line in which the work waits for room. Null: it waits in none.';
comment on column sluice.work_items.closes is 'Whether the cursor of its partition is not ready until the work is done.';
comment on column sluice.work_items.attempts is 'Runs of the handler that failed.';
comment on column sluice.work_items.crashes is 'Engines that died while the work was begun.';
comment on column sluice.work_items.snoozed is 'Whether the last run ended with a snooze.';
comment on column sluice.work_items.errors is 'The newest failures, a JSON array as text; encrypted if the queue is. Null: none.';

create index work_items_due on sluice.work_items (queue_id, lane, available_at) where line is null;
create index work_items_in_line on sluice.work_items (queue_id, line, available_at) where line is not null;
-- For engines that look for works with room that dead engines ran.
create index work_items_limited on sluice.work_items (queue_id, available_at) where limited is not null;
-- For engines that look for works that must run alone.
create index work_items_crashed on sluice.work_items (queue_id, available_at) where crashes > 0;
-- For requests that name a work by its id.
create index work_items_by_message on sluice.work_items (queue_id, message_id);

create table sluice.work_limits (
  queue_id     bigint not null,
  name         text not null,
  running      bigint not null default 0,
  tokens       double precision,
  refilled_at  timestamptz,
  served       double precision not null default 0,
  turn         double precision,
  due_at       timestamptz,
  primary key (queue_id, name)
) with (fillfactor = 60);

comment on table sluice.work_limits is 'How much of its limits a type, or a limit key of it, uses. The row of the type is locked before all others of the queue are read or changed.';
comment on column sluice.work_limits.queue_id is 'sluice.queues.id. No foreign key, as in work_claims.';
comment on column sluice.work_limits.name is 'Empty: the type. =KEY: a limit key, escaped as in the names of partitions. -: works without a limit key.';
comment on column sluice.work_limits.running is 'Works that engines have claimed and that are not done: the sum over work_claims and work_items whose column limited names this row, and for the type over all of them.';
comment on column sluice.work_limits.tokens is 'Works that might begin at refilled_at. Null: as many as the burst.';
comment on column sluice.work_limits.served is 'How many works have begun, each divided by the weight of its key; a key that had nothing to do does not keep its lead. Of the type: where the keys are.';
comment on column sluice.work_limits.turn is 'The key with the least turn is served next. Null: nothing waits in its line, or it has no room.';
comment on column sluice.work_limits.due_at is 'When the rate lets the next work of the key begin. Null: it does not wait for that.';

create index work_limits_turn on sluice.work_limits (queue_id, turn) where turn is not null;
create index work_limits_due on sluice.work_limits (queue_id, due_at) where due_at is not null;

create table sluice.work_limit_rules (
  queue        text not null check (length(queue) between 1 and 255),
  name         text not null,
  by_operator  boolean not null,
  concurrency  integer check (concurrency > 0),
  rate         integer check (rate > 0),
  period_ms    bigint check (period_ms > 0),
  burst        integer check (burst > 0),
  weight       integer not null default 1 check (weight between 1 and 1000),
  updated_at   timestamptz not null default now(),
  primary key (queue, name, by_operator),
  check ((rate is null) = (period_ms is null) and (rate is null) = (burst is null))
);

comment on table sluice.work_limit_rules is 'The limits of types and of their limit keys, over all engines.';
comment on column sluice.work_limit_rules.queue is 'sluice.queues.name. The row stays if the queue is deleted.';
comment on column sluice.work_limit_rules.name is 'Empty: the type. *: each limit key. =KEY: a limit key, as in work_limits.';
comment on column sluice.work_limit_rules.by_operator is 'Whether an operator has set the rule. It counts instead of the rule of the handler, which the engine that started last has set.';
comment on column sluice.work_limit_rules.concurrency is 'Most works that run at a time. Null: any number.';
comment on column sluice.work_limit_rules.rate is 'Works that may begin in period_ms on average, and burst of them at once. Null: any number.';
comment on column sluice.work_limit_rules.weight is 'The share of a limit key where several wait.';

create table sluice.work_lines (
  partition_id  bigint primary key,
  queue_id      bigint not null,
  name          text not null,
  lane          smallint not null,
  rank          timestamptz not null default clock_timestamp()
);

comment on table sluice.work_lines is 'Partitions with works, in the lines of their limit keys. The cursor of such a partition is not ready. A row is a hint: the cursor decides.';
comment on column sluice.work_lines.name is 'work_limits.name of the line.';
comment on column sluice.work_lines.rank is 'When the partition came into the line, or gave a work.';

create index work_lines_in_order on sluice.work_lines (queue_id, name, lane, rank);

create table sluice.work_keys (
  queue_id      bigint not null,
  key           text not null check (length(key) between 1 and 255),
  payload_hash  bytea not null check (length(payload_hash) = 32),
  message_id    uuid not null,
  created_at    timestamptz not null default clock_timestamp(),
  finished_at   timestamptz,
  expires_at    timestamptz,
  result        text,
  primary key (queue_id, key)
);

comment on table sluice.work_keys is 'Idempotency keys of works: one work for each key of a type, until some time after it finished.';
comment on column sluice.work_keys.payload_hash is 'SHA-256 of the payload. A repetition with another payload is refused.';
comment on column sluice.work_keys.message_id is 'The work.';
comment on column sluice.work_keys.finished_at is 'When the work was done, cancelled or became a dead letter. Null: not yet.';
comment on column sluice.work_keys.expires_at is 'When the key may be used again. Null: the work is not finished.';
comment on column sluice.work_keys.result is 'What the handler returned, JSON text, if it asks to keep it; encrypted if the queue is.';

create index work_keys_expiring on sluice.work_keys (expires_at) where expires_at is not null;
-- For requests that name a work by its id.
create index work_keys_by_message on sluice.work_keys (message_id);

create table sluice.work_cancels (
  queue_id      bigint not null,
  message_id    uuid not null,
  requested_at  timestamptz not null default clock_timestamp(),
  primary key (queue_id, message_id)
);

comment on table sluice.work_cancels is 'Works that are to be cancelled. The engine that claims or runs the work deletes the row. Otherwise it is deleted after a week, if the work is gone.';

create table sluice.work_ends (
  queue_id      bigint not null,
  message_id    uuid not null,
  replayed_as   uuid,
  ended_at      timestamptz not null default clock_timestamp(),
  primary key (queue_id, message_id)
);

comment on table sluice.work_ends is 'Works that were neither done nor left in another table: cancelled, or replayed as another work. Deleted after a week.';
comment on column sluice.work_ends.replayed_as is 'The work that a replay made of the dead letter. Null: the work was cancelled.';

create index work_ends_old on sluice.work_ends (ended_at);

create table sluice.work_minutes (
  queue_id       bigint not null,
  bucket         timestamptz not null,
  engine         uuid not null,
  completed      bigint not null,
  failed         bigint not null,
  dead_lettered  bigint not null,
  runs           bigint not null,
  run_ns         bigint not null,
  durations      integer[] not null,
  counts         bigint[] not null,
  primary key (queue_id, bucket, engine),
  check (cardinality(durations) = cardinality(counts))
);

comment on table sluice.work_minutes is 'What engines have done with works of a queue, by minute. An engine adds to its row of the minute, and stores nothing while it does nothing. Deleted after a day.';
comment on column sluice.work_minutes.bucket is 'The minute in which the numbers were stored.';
comment on column sluice.work_minutes.failed is 'Attempts that failed.';
comment on column sluice.work_minutes.runs is 'Runs of handlers that have ended.';
comment on column sluice.work_minutes.run_ns is 'The sum of their times.';
comment on column sluice.work_minutes.durations is 'Classes of these times, with their numbers in counts.';

create index work_minutes_old on sluice.work_minutes (bucket);

create table sluice.work_progress (
  queue_id      bigint not null,
  message_id    uuid not null,
  report        text,
  history       text,
  updated_at    timestamptz not null default clock_timestamp(),
  primary key (queue_id, message_id)
);

comment on table sluice.work_progress is 'What handlers report of works that are not done: progress and log lines. Deleted with the work.';
comment on column sluice.work_progress.report is 'A JSON object as text, bounded by the engine; encrypted if the queue is. Null: nothing is reported.';
comment on column sluice.work_progress.history is 'The failures of a work before it was put back from the dead letters, as in dead_letters.history. Null: none.';
comment on column sluice.work_progress.updated_at is 'When the engine stored the report.';

create index work_progress_old on sluice.work_progress (updated_at);

create table sluice.work_latest (
  queue_id         bigint not null,
  conflates        boolean not null,
  key              text not null check (length(key) between 1 and 255),
  message_id       uuid not null,
  partition_id     bigint not null,
  idempotency_key  text,
  first_at         timestamptz not null,
  running          uuid,
  running_partition  bigint,
  running_until    bigint,
  looked_at        timestamptz not null default clock_timestamp(),
  updated_at       timestamptz not null default clock_timestamp(),
  primary key (queue_id, conflates, key)
) with (fillfactor = 80);

comment on table sluice.work_latest is 'The newest work of each debounce key and conflation key. While it is in sluice.scheduled, a newer one replaces it.';
comment on column sluice.work_latest.conflates is 'Whether the key is a conflation key. The two kinds of keys are independent.';
comment on column sluice.work_latest.partition_id is 'The partition of the newest work.';
comment on column sluice.work_latest.idempotency_key is 'That of the newest work. Null: it has none.';
comment on column sluice.work_latest.first_at is 'When the first of the works was enqueued that the newest one has replaced.';
comment on column sluice.work_latest.running is 'Of a conflation key: the work that is in its partition or runs. The newest one is scheduled until that one is done, unless it is the same.';
comment on column sluice.work_latest.running_partition is 'The partition of the running work. It may be another one than that of the newest work. Null: a debounce key.';
comment on column sluice.work_latest.running_until is 'The head of running_partition when an engine first looked whether the running work is gone: its seq is not greater. Null: none has looked.';
comment on column sluice.work_latest.looked_at is 'Since when the newest work waits for the running one, or when an engine has looked last whether that one is gone.';
comment on column sluice.work_latest.updated_at is 'When a work with the key was enqueued last, or an engine has found that the row is still needed.';

create index work_latest_old on sluice.work_latest (updated_at);
-- For works that wait for one that is gone.
create index work_latest_held on sluice.work_latest (looked_at) where running <> message_id;

create table sluice.work_outbox (
  id              bigint generated always as identity primary key,
  queue           text not null,
  partition       text not null,
  message_id      uuid not null,
  transaction_id  text,
  payload         text not null,
  headers         text,
  lane            smallint,
  deliver_at      timestamptz,
  delay_ms        bigint,
  latest_key      text,
  quiet_ms        bigint,
  longest_ms      bigint,
  enqueued_at     timestamptz not null default clock_timestamp(),
  try_at          timestamptz
);

comment on table sluice.work_outbox is 'Works that programs enqueued in transactions of their own, and messages that works write when they end. Engines move them to their queues in the order of id.';
comment on column sluice.work_outbox.transaction_id is 'Null: the id of the message.';
comment on column sluice.work_outbox.payload is 'As in segments; encrypted if the queue is.';
comment on column sluice.work_outbox.latest_key is 'A debounce key, or a conflation key if quiet_ms is null. Null: none.';
comment on column sluice.work_outbox.try_at is 'When engines try again to move the work. Null: no engine has failed to.';
comment on column sluice.work_outbox.lane is 'The lane in which the partition is created, if the work is the first of it. Null: that of the priority of the queue.';

-- Rows are deleted as fast as they are added.
alter table sluice.work_claims set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
alter table sluice.work_latest set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
alter table sluice.work_items set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
alter table sluice.work_limits set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
alter table sluice.work_lines set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
alter table sluice.work_outbox set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

alter table sluice.dead_letters
  add column history text,
  add column progress text,
  add column work_lane smallint,
  add column error_shape text,
  add column shape_id bigint;

comment on column sluice.dead_letters.history is 'The failures of a work, as in work_items.errors; null for other messages.';
comment on column sluice.dead_letters.progress is 'The last report of a work, as in work_progress.report; null: none.';
comment on column sluice.dead_letters.work_lane is 'The lane of a work. Null: no engine had the message. A redrive makes a work of a letter that has a lane.';
comment on column sluice.dead_letters.error_shape is 'The error with numbers, ids and quoted values folded. Null: not computed yet.';
comment on column sluice.dead_letters.shape_id is 'A hash of error_shape: letters with the same shape have the same one.';

-- For counts by shape of error. Has all columns that they read.
create index dead_letters_by_shape on sluice.dead_letters (queue_id, group_name, shape_id, failed_at, id);
-- For the job that computes the shapes of older letters. Empty when it is done.
create index dead_letters_without_shape on sluice.dead_letters (id) where shape_id is null;

-- Counts by shape read the index alone where vacuum has marked the pages.
alter table sluice.dead_letters set (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05
);

create table sluice.dead_letter_jobs (
  id                bigint generated always as identity primary key,
  action            text not null check (action in ('redrive', 'delete')),
  letters           bigint[],
  queue             text,
  namespace         text,
  group_name        text,
  partition         text,
  shape_id          bigint,
  error             text,
  failed_from       timestamptz,
  failed_to         timestamptz,
  target_queue      text,
  rate              integer check (rate > 0),
  created_by        text,
  created_at        timestamptz not null default clock_timestamp(),
  last_letter       bigint not null,
  total             bigint not null,
  state             text not null default 'waiting'
                      check (state in ('waiting', 'running', 'completed', 'cancelled')),
  cancel_requested  boolean not null default false,
  owner             uuid,
  lease_until       timestamptz,
  position          bigint not null default 0,
  moved             bigint not null default 0,
  duplicates        bigint not null default 0,
  deleted           bigint not null default 0,
  gone              bigint not null default 0,
  refused           bigint not null default 0,
  error_letters     bigint[] not null default '{}',
  error_texts       text[] not null default '{}',
  last_failure      text,
  started_at        timestamptz,
  progress_at       timestamptz,
  finished_at       timestamptz
) with (fillfactor = 70);

comment on table sluice.dead_letter_jobs is 'Jobs that move dead letters back or delete them. A bridge runs a job under a lease, in steps; each step is one transaction with its letters and its row here.';
comment on column sluice.dead_letter_jobs.letters is 'Ids of the letters, ascending. Null: all that match the filter in the columns up to failed_to.';
comment on column sluice.dead_letter_jobs.target_queue is 'The queue that gets the messages; null: each goes back to its own.';
comment on column sluice.dead_letter_jobs.rate is 'Most letters in a second; null: any number.';
comment on column sluice.dead_letter_jobs.last_letter is 'The newest letter when the job was made. Later ones are not touched.';
comment on column sluice.dead_letter_jobs.total is 'How many letters matched when the job was made.';
comment on column sluice.dead_letter_jobs.owner is 'The process that runs the job, or ran it when it died; null: none.';
comment on column sluice.dead_letter_jobs.position is 'Id of the last letter that is done.';
comment on column sluice.dead_letter_jobs.refused is 'Letters that stay, because they cannot be moved.';
comment on column sluice.dead_letter_jobs.error_letters is 'The first letters that were refused.';
comment on column sluice.dead_letter_jobs.error_texts is 'Why they were refused.';
comment on column sluice.dead_letter_jobs.last_failure is 'Why the last step failed and is tried again; null: it did not.';

create index dead_letter_jobs_open on sluice.dead_letter_jobs (id) where finished_at is null;
create index dead_letter_jobs_finished on sluice.dead_letter_jobs (finished_at) where finished_at is not null;

-- Priorities of items.

alter table sluice.queues add column item_priority boolean not null default false;

comment on column sluice.queues.item_priority is 'Whether the lane of a message counts. It always does in the queues work.*.';

alter table sluice.partitions add column lane_heads bigint[];

comment on column sluice.partitions.lane_heads is 'The seq of the newest message of each lane, 0: none. Null: all messages are of the lane in lane.';

alter table sluice.scheduled add column lane smallint;

comment on column sluice.scheduled.lane is 'The lane of the message; null: that of the queue.';

-- For requests that name a work by its id. Ids are in the order of time, so the indexes grow at their ends.
create index scheduled_by_message on sluice.scheduled (message_id);
create index dead_letters_by_message on sluice.dead_letters (message_id);
