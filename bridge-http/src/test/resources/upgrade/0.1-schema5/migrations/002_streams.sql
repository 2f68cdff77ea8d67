-- Streams: the state of a stream processor, which changes together with its cursor and its results.

create table sluice.stream_queries (
  id            bigint generated always as identity primary key,
  name          text not null unique check (length(name) between 1 and 255),
  source_queue  text not null check (length(source_queue) between 1 and 255),
  sink_queue    text check (length(sink_queue) between 1 and 255),
  config_hash   text not null check (length(config_hash) between 1 and 255),
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now()
);

comment on table sluice.stream_queries is 'A stream processor by name. Registered by its first start; its state belongs to one config_hash.';
comment on column sluice.stream_queries.source_queue is 'What it reads, as it said; for people.';
comment on column sluice.stream_queries.sink_queue is 'What it writes to, as it said; for people. Null: nothing in particular.';
comment on column sluice.stream_queries.config_hash is 'Stands for how it computes. State that was made in another way is removed when a query is reset; end the workers of the old way first, for a cycle of theirs that is under way still commits.';

create table sluice.stream_state (
  partition_id  bigint not null,
  query_id      bigint not null,
  key           text collate "C" not null check (length(key) <= 512),
  value         text not null,
  window_end    double precision,
  updated_at    timestamptz not null default now(),
  primary key (partition_id, query_id, key)
) with (fillfactor = 80);

comment on table sluice.stream_state is 'What a stream processor remembers of a partition, by key. Goes with the partition, or when the processor is reset.';
comment on column sluice.stream_state.partition_id is 'sluice.partitions.id, which is where the messages come from. First in the key, so that a deleted partition''s rows are found.';
comment on column sluice.stream_state.query_id is 'sluice.stream_queries.id. No foreign key: it would cost a lock for every row.';
comment on column sluice.stream_state.key is 'Compared byte by byte, so that a prefix is a range.';
comment on column sluice.stream_state.value is 'JSON text, byte for byte as it was sent; encrypted if the partition''s queue is.';
comment on column sluice.stream_state.window_end is 'The number in the field windowEnd of the value; null if there is none.';

-- Most cycles change the same few rows, and leave a dead version each time.
alter table sluice.stream_state set (
  autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
  toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 1000
);
