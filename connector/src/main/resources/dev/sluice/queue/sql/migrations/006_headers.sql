-- Headers
--
-- A message has headers: a JSON object of strings, as text. A column without a default is added without a rewrite of the
-- table.

alter table sluice.segments add column headers text[];

comment on column sluice.segments.headers is 'Headers of the messages, each the text of a JSON object of strings, encrypted if the queue is. Null: the message has none. The array is null when no message of the run has any.';
comment on column sluice.segments.payload_bytes is 'Sum of the lengths of payloads and headers when they were written: what a pop bounds its answer by.';

alter table sluice.segments alter column headers set statistics 0;

do $$
begin
  alter table sluice.segments alter column headers set compression lz4;
exception when feature_not_supported or invalid_parameter_value then
  -- As for the payloads.
  alter table sluice.segments alter column headers set storage external;
end $$;

alter table sluice.scheduled add column headers text;
alter table sluice.parked add column headers text;
alter table sluice.dead_letters add column headers text;

comment on column sluice.scheduled.headers is 'As an element of segments.headers.';
comment on column sluice.parked.headers is 'As an element of segments.headers.';
comment on column sluice.dead_letters.headers is 'As an element of segments.headers.';

-- A message keeps its time of creation when it is released or redriven.
comment on column sluice.scheduled.created_at is 'When the message was written here, or the time it brought along.';
comment on column sluice.segments.created_ats is 'Times of creation that messages bring along from where they were before: another queue, a topic, the table scheduled, parked or dead_letters. Null when no message of the run does.';

create or replace view sluice.messages as
select q.name as queue,
       p.name as partition,
       s.partition_id,
       s.first_seq + m.position - 1 as seq,
       m.id,
       m.transaction_id,
       m.payload,
       s.trace_ids[m.position] as trace_id,
       s.producer_subs[m.position] as producer_sub,
       coalesce(s.created_ats[m.position], s.created_at) as created_at,
       s.headers[m.position] as headers
from sluice.segments s
join sluice.partitions p on p.id = s.partition_id
join sluice.queues q on q.id = p.queue_id
cross join lateral unnest(s.ids, s.transaction_ids, s.payloads) with ordinality as m (id, transaction_id, payload, position)
where m.payload is not null;

-- The empty queue name
--
-- The contract of Queen allows a queue with the empty name. No index changes, and the tables of the checks are small.

alter table sluice.queues drop constraint queues_name_check;
alter table sluice.queues add constraint queues_name_check check (length(name) <= 255);

alter table sluice.pending_subscriptions drop constraint pending_subscriptions_queue_name_check;
alter table sluice.pending_subscriptions add constraint pending_subscriptions_queue_name_check
  check (length(queue_name) <= 255);

comment on column sluice.minute_counters.queue is 'Name of the queue; empty for counts of no queue. The queue with the empty name has a text here that is longer than any name.';

-- An index of transaction ids
--
-- Finds a message by its transaction id in a partition of millions. The writer of messages does not touch it: a job of
-- the bridge adds the messages of large partitions, block by block, a while after they were written.

create table sluice.transaction_id_hashes (
  partition_id  bigint not null,
  bucket        smallint not null,
  first_seq     bigint not null,
  last_seq      bigint not null,
  hashes        integer[] not null,
  offsets       smallint[] not null,
  primary key (partition_id, bucket, first_seq),
  check (cardinality(hashes) = cardinality(offsets))
) with (toast_tuple_target = 8160);

-- Hashes do not compress.
alter table sluice.transaction_id_hashes
  alter column hashes set storage external,
  alter column offsets set storage external;

comment on table sluice.transaction_id_hashes is 'Index of the transaction ids of large partitions. A block of 16,384 consecutive seqs has 64 rows, one for each bucket. The messages after the last block of a partition are not in it.';
comment on column sluice.transaction_id_hashes.partition_id is 'sluice.partitions.id. First in the key, so that the rows of a deleted partition are found.';
comment on column sluice.transaction_id_hashes.bucket is 'The lowest six bits of the hashes of this row.';
comment on column sluice.transaction_id_hashes.first_seq is 'First seq of the block.';
comment on column sluice.transaction_id_hashes.last_seq is 'Last seq of the block.';
comment on column sluice.transaction_id_hashes.hashes is 'CRC-32C of the transaction ids of this bucket, in UTF-8. Different ids may have the same hash.';
comment on column sluice.transaction_id_hashes.offsets is 'Element i is the seq of element i of hashes, minus first_seq. A deleted message stays here.';
