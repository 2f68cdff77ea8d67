-- Statements of SeenSegments: transaction ids of the newest segments.

-- name: seen
-- The transaction ids after a seq, newest segments first. The rows come through a cursor, a few at a time. The reader
-- stops at the first row outside the window, or when its cache is full. The ids include those that a service
-- generated, because Kafka may deliver a message with such an id twice.
select s.first_seq, s.transaction_ids, s.created_at > now() - :window_ms * interval '1 millisecond' as inside
from sluice.segments s
where s.partition_id = :partition and s.first_seq > :after
order by s.first_seq desc;

-- name: read-ahead
-- The same for many partitions. It goes from each segment to the next older one, and stops at the first one outside the
-- window, at the first one after :most ids, or at the first one that would make it more than :room ids. It does not
-- read the ids of the segment at which it stops. The rows of the recursion are narrow, so they fit into memory. Three
-- index probes for a segment.
with recursive newest as (
  select wanted.partition_id, wanted.after, wanted.most, wanted.window_ms,
         s.first_seq, s.inside, s.ids as total,
         s.inside and s.ids <= :room as is_read
  from unnest(:partitions::bigint[], :afters::bigint[], :most::bigint[], :windows_ms::bigint[])
    as wanted (partition_id, after, most, window_ms)
  cross join lateral (
    select s.first_seq, s.last_seq - s.first_seq + 1 as ids,
           s.created_at > now() - wanted.window_ms * interval '1 millisecond' as inside
    from sluice.segments s
    where s.partition_id = wanted.partition_id and s.first_seq > wanted.after
    order by s.first_seq desc
    limit 1
  ) s
  union all
  select newer.partition_id, newer.after, newer.most, newer.window_ms,
         s.first_seq, s.inside, newer.total + s.ids,
         s.inside and newer.total < newer.most and newer.total + s.ids <= :room
  from newest newer
  cross join lateral (
    select s.first_seq, s.last_seq - s.first_seq + 1 as ids,
           s.created_at > now() - newer.window_ms * interval '1 millisecond' as inside
    from sluice.segments s
    where s.partition_id = newer.partition_id and s.first_seq > newer.after and s.first_seq < newer.first_seq
    order by s.first_seq desc
    limit 1
  ) s
  where newer.is_read
)
select newest.partition_id, newest.first_seq, newest.inside,
       case when newest.is_read then (
         select s.transaction_ids from sluice.segments s
         where s.partition_id = newest.partition_id and s.first_seq = newest.first_seq
       ) end as transaction_ids
from newest;
