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
