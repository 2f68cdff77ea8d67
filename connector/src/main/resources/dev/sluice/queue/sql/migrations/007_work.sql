-- Work: handlers that an engine runs for the messages of the queues work.TYPE. A work that succeeds has no row of its
-- own: it is one of the seqs of a row of work_claims.

create table sluice.work_types (
  queue        text primary key check (length(queue) between 1 and 255),
  paused_at    timestamptz,
  concurrency  integer check (concurrency > 0),
  updated_at   timestamptz not null default now()
);

comment on table sluice.work_types is 'What operators have set for a type of work while engines run.';
comment on column sluice.work_types.queue is 'sluice.queues.name. The row stays if the queue is deleted.';
comment on column sluice.work_types.paused_at is 'Since when no engine claims works of the type. Null: engines claim.';
comment on column sluice.work_types.concurrency is 'Most works of the type that one engine runs at a time. Null: as the engine is set up.';

create table sluice.work_claims (
  id            uuid primary key,
  queue_id      bigint not null,
  partition_id  bigint not null,
  first_seq     bigint not null,
  last_seq      bigint not null,
  done          int8multirange not null default '{}',
  closes        boolean not null,
  owner         uuid not null,
  lease_until   timestamptz not null,
  claimed_at    timestamptz not null default clock_timestamp(),
  check (last_seq >= first_seq)
) with (fillfactor = 80);

comment on table sluice.work_claims is 'Runs of works that an engine has begun. The cursor of the group work is behind them. Deleted when the last work is done.';
comment on column sluice.work_claims.queue_id is 'sluice.queues.id. No foreign key: it would lock the queue after its cursors.';
comment on column sluice.work_claims.done is 'The seqs of the run that are done, or were no works.';
comment on column sluice.work_claims.closes is 'Whether the cursor is not ready until the work is done, so that the order of a key holds.';
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
  closes          boolean not null,
  attempts        integer not null default 0 check (attempts >= 0),
  crashes         integer not null default 0 check (crashes >= 0),
  snoozes         bigint not null default 0 check (snoozes >= 0),
  errors          text,
  primary key (partition_id, seq)
) with (fillfactor = 80);

comment on table sluice.work_items is 'Works with a history: failed, snoozed, given back by an engine that stopped, or begun when an engine died. A row has a copy of the message, so it outlives retention.';
comment on column sluice.work_items.partition_id is 'The partition in which the message was; it need not exist any more.';
comment on column sluice.work_items.queue_id is 'sluice.queues.id. No foreign key, as in work_claims.';
comment on column sluice.work_items.available_at is 'Past: may be claimed. Future with an owner: leased until then. Future without: not due.';
comment on column sluice.work_items.owner is 'The engine that runs the work, or ran it when it died; null: none.';
comment on column sluice.work_items.closes is 'Whether the cursor of its partition is not ready until the work is done.';
comment on column sluice.work_items.attempts is 'Runs of the handler that failed.';
comment on column sluice.work_items.crashes is 'Engines that died while the work was begun.';
comment on column sluice.work_items.errors is 'The newest failures, a JSON array as text; encrypted if the queue is. Null: none.';

create index work_items_due on sluice.work_items (queue_id, lane, available_at);
-- For engines that look for works that must run alone.
create index work_items_crashed on sluice.work_items (queue_id, available_at) where crashes > 0;
-- For requests that name a work by its id.
create index work_items_by_message on sluice.work_items (message_id);

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

create table sluice.work_cancels (
  queue_id      bigint not null,
  message_id    uuid not null,
  requested_at  timestamptz not null default clock_timestamp(),
  primary key (queue_id, message_id)
);

comment on table sluice.work_cancels is 'Works that are to be cancelled. The engine that claims or runs the work deletes the row.';

create index work_cancels_old on sluice.work_cancels (requested_at);

create table sluice.work_progress (
  queue_id      bigint not null,
  message_id    uuid not null,
  report        text not null,
  updated_at    timestamptz not null default clock_timestamp(),
  primary key (queue_id, message_id)
);

comment on table sluice.work_progress is 'What handlers report of works that are not done: progress and log lines. Deleted with the work.';
comment on column sluice.work_progress.report is 'A JSON object as text, bounded by the engine; encrypted if the queue is.';
comment on column sluice.work_progress.updated_at is 'When the engine stored the report.';

create index work_progress_old on sluice.work_progress (updated_at);

create table sluice.work_outbox (
  id              bigint generated always as identity primary key,
  queue           text not null,
  partition       text not null,
  message_id      uuid not null,
  payload         text not null,
  headers         text,
  lane            smallint not null,
  deliver_at      timestamptz,
  delay_ms        bigint,
  enqueued_at     timestamptz not null default clock_timestamp()
);

comment on table sluice.work_outbox is 'Works that programs enqueued in transactions of their own. Engines move them to their queues in the order of id.';
comment on column sluice.work_outbox.payload is 'As in segments; encrypted if the queue is.';
comment on column sluice.work_outbox.lane is 'The lane in which the partition is created, if the work is the first of it.';

-- Rows are deleted as fast as they are added.
alter table sluice.work_claims set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
alter table sluice.work_items set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
alter table sluice.work_outbox set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

alter table sluice.dead_letters add column history text, add column progress text;

comment on column sluice.dead_letters.history is 'The failures of a work, as in work_items.errors; null for other messages.';
comment on column sluice.dead_letters.progress is 'The last report of a work, as in work_progress.report; null: none.';
