-- Statements of IdIndex: segments by a transaction id.

-- name: find
-- Returns the first seqs of the indexed segments that have the id: visible ones, and invisible ones that retention has
-- not deleted yet. Reads one row for each block of the partition. Different ids may have the same hash, so the
-- statement compares the id with those of the segment. Also returns where the index begins, where the segments begin
-- that are not indexed as a whole, and where those of them begin that are visible.
select found.indexed, found.invisible, coalesce(index.first_seq, 0) as begin,
       coalesce(unindexed.first_seq, index.next_seq, 0) as unindexed,
       coalesce(rest.first_seq, greatest(index.next_seq, p.tail)) as rest
from sluice.partitions p
cross join lateral (
  select (
    select h.first_seq from sluice.transaction_id_hashes h
    where h.partition_id = p.id and h.bucket = :bucket
    order by h.first_seq
    limit 1
  ) as first_seq, (
    select h.last_seq + 1 from sluice.transaction_id_hashes h
    where h.partition_id = p.id and h.bucket = :bucket
    order by h.first_seq desc
    limit 1
  ) as next_seq
) index
cross join lateral (
  select max(s.first_seq) as first_seq from sluice.segments s
  where s.partition_id = p.id and s.first_seq <= index.next_seq
) unindexed
cross join lateral (
  select max(s.first_seq) as first_seq from sluice.segments s
  where s.partition_id = p.id and s.first_seq <= greatest(index.next_seq, p.tail)
) rest
cross join lateral (
  select array_agg(distinct s.first_seq order by s.first_seq desc) filter (where s.last_seq >= p.tail) as indexed,
         array_agg(distinct s.first_seq order by s.first_seq desc) filter (where s.last_seq < p.tail) as invisible
  from sluice.transaction_id_hashes h
  cross join lateral unnest(array_positions(h.hashes, :hash)) as at (index)
  cross join lateral (
    select s.first_seq, s.last_seq, s.transaction_ids from sluice.segments s
    where s.partition_id = h.partition_id and s.first_seq <= h.first_seq + h.offsets[at.index]
    order by s.first_seq desc
    limit 1
  ) s
  where h.partition_id = p.id and h.bucket = :bucket and :transaction_id = any (s.transaction_ids)
) found
where p.id = :partition;
