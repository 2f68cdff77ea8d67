-- Statements of IdIndex: segments by a transaction id.

-- name: find
-- Returns the first seqs of the indexed segments that have the id, and the first seq of the segments that are not
-- indexed. Reads one row for each block of the partition. Different ids may have the same hash, so the statement
-- compares the id with those of the segment.
select coalesce((
         select max(s.first_seq) from sluice.segments s where s.partition_id = p.id and s.first_seq <= rest.seq
       ), rest.seq) as rest,
       array(
         select distinct s.first_seq
         from sluice.transaction_id_hashes h
         cross join lateral unnest(array_positions(h.hashes, :hash)) as at (index)
         cross join lateral (
           select s.first_seq, s.last_seq, s.transaction_ids from sluice.segments s
           where s.partition_id = h.partition_id and s.first_seq <= h.first_seq + h.offsets[at.index]
           order by s.first_seq desc
           limit 1
         ) s
         where h.partition_id = p.id and h.bucket = :bucket
           and s.last_seq >= p.tail and :transaction_id = any (s.transaction_ids)
         order by s.first_seq desc
       ) as indexed
from sluice.partitions p
cross join lateral (
  select greatest(p.tail, (
    select h.last_seq + 1 from sluice.transaction_id_hashes h
    where h.partition_id = p.id and h.bucket = :bucket
    order by h.first_seq desc
    limit 1
  )) as seq
) rest
where p.id = :partition;
