-- Reads messages by their seqs, for pops and for readers without a group.

-- name: read
-- Returns the messages of the runs [first, last] as slices of segments, in the order of the runs, until the payloads
-- and headers pass :max_bytes. Costs two index probes per run and one row per segment, and unpacks only the slices it
-- returns. The sort that adds up the bytes has narrow rows; the payloads are fetched afterwards, for the rows that are
-- returned. A segment with more than :large_bytes has one message. Its payload is not fetched: read-large does that.
-- Arrays come as the bytes of their binary form. The driver would make objects of their elements first, and asks for
-- some types of arrays as a text, which takes the server and the driver several times as long. A slice of all elements
-- would be a copy, so whole arrays are not sliced.
select sliced.ordinal, s.first_seq + sliced.low - 1 as slice_seq, sliced.total_bytes,
       s.created_at,
       array_send(case when sliced.is_whole then s.ids else s.ids[sliced.low:sliced.high] end) as ids,
       array_send(case when sliced.is_whole then s.transaction_ids else s.transaction_ids[sliced.low:sliced.high] end) as transaction_ids,
       sliced.is_large, sliced.slice_bytes,
       array_send(case when sliced.is_large then null
                       when sliced.is_whole then s.payloads
                       else s.payloads[sliced.low:sliced.high] end) as payloads,
       array_send(s.trace_ids[sliced.low:sliced.high]) as trace_ids,
       array_send(s.producer_subs[sliced.low:sliced.high]) as producer_subs,
       array_send(s.created_ats[sliced.low:sliced.high]) as created_ats,
       array_send(s.headers[sliced.low:sliced.high]) as headers
from (
  select run.ordinal, s.partition_id, s.first_seq, slice.low, slice.high,
         sum(s.payload_bytes * (slice.high - slice.low + 1) / (s.last_seq - s.first_seq + 1))
           over (order by run.ordinal, s.first_seq) as total_bytes,
         s.first_seq = s.last_seq and s.payload_bytes > :large_bytes as is_large,
         slice.high - slice.low = s.last_seq - s.first_seq as is_whole,
         s.payload_bytes * (slice.high - slice.low + 1) / (s.last_seq - s.first_seq + 1) as slice_bytes
  from unnest(:partitions::bigint[], :firsts::bigint[], :lasts::bigint[]) with ordinality
    as run (partition_id, first, last, ordinal)
  cross join lateral (
    select s.partition_id, s.first_seq, s.last_seq, s.payload_bytes from sluice.segments s
    where s.partition_id = run.partition_id
      and s.first_seq >= coalesce(
        (select max(b.first_seq) from sluice.segments b
         where b.partition_id = run.partition_id and b.first_seq <= run.first), 0)
      and s.first_seq <= run.last
    offset 0
  ) s
  cross join lateral (
    select greatest(run.first - s.first_seq, 0)::integer + 1 as low,
           least(run.last - s.first_seq, s.last_seq - s.first_seq)::integer + 1 as high
  ) slice
  where s.last_seq >= run.first
) sliced
cross join lateral (
  select * from sluice.segments s
  where s.partition_id = sliced.partition_id and s.first_seq = sliced.first_seq
  limit 1
) s
where sliced.total_bytes - sliced.slice_bytes <= :max_bytes
order by sliced.ordinal, sliced.first_seq;

-- name: read-large
-- The payload of a segment that has one message. Null: the message is deleted.
select payloads[1] as payload from sluice.segments where partition_id = :partition and first_seq = :seq;
