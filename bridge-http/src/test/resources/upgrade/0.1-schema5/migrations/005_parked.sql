-- A queue that cannot be written to, for instance because a transaction keeps one of its partitions locked, must not hold
-- up the other queues of its source.

create table sluice.parked (
  id              bigint generated always as identity,
  queue           text not null,
  partition       text not null,
  message_id      uuid not null,
  transaction_id  text not null,
  generated_id    boolean not null,
  payload         text not null,
  trace_id        uuid,
  producer_sub    text,
  deliver_at      timestamptz,
  lane            smallint,
  origin_at       timestamptz,
  parked_at       timestamptz not null default clock_timestamp(),
  primary key (queue, id)
);

comment on table sluice.parked is 'Messages of queues that could not be written to when their source moved on. They go to their queue in the order of id. The messages that follow them in the queue wait here, too.';
comment on column sluice.parked.generated_id is 'Whether transaction_id was made for the message.';
comment on column sluice.parked.payload is 'As in segments; encrypted if the queue is.';
comment on column sluice.parked.deliver_at is 'When the message is due; null: at once.';
comment on column sluice.parked.lane is 'The lane the partition is created in, if the message is the first of it; null: that of the queue.';
comment on column sluice.parked.origin_at is 'The time of creation that the message brings along; null: none.';
comment on column sluice.parked.parked_at is 'When the message was written here.';

-- Rows are deleted as fast as they are added.
alter table sluice.parked set (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 1000
);
