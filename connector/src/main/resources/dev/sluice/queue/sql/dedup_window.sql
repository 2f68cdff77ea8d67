-- Statements of DedupWindow: transaction ids in the segments.

-- name: verify-seen
-- The transaction ids at the seqs of a hit. Two index probes for each.
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
