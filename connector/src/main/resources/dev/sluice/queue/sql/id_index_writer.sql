-- Statements of IdIndexWriter: blocks of the index of transaction ids.

-- name: lock
-- One process writes the index at a time. Its transactions do not wait for the disk: if a crash undoes one, the next
-- run repeats it.
select pg_try_advisory_xact_lock(hashtextextended(:key, 0)) as locked, set_config('synchronous_commit', 'off', true);

-- name: partitions
-- The next partitions, by id, that hold :least messages or more and a whole block that is not indexed. Reads the table
-- in the order of its key.
select p.id
from sluice.partitions p
where p.id > :after and p.head - p.tail + 1 >= :least
  and p.head >= :size - 1 + greatest(p.tail / :size * :size, (
    select h.last_seq + 1 from sluice.transaction_id_hashes h
    where h.partition_id = p.id and h.bucket = 0
    order by h.first_seq desc
    limit 1
  ))
order by p.id
limit :limit;

-- name: next-block
-- The next block of a partition; no row if its messages are not complete. The lock keeps the partition from being
-- deleted before the block is committed, so that the deletion finds the block. Pushes do not wait for it.
select block.first_seq
from sluice.partitions p
cross join lateral (
  select greatest(p.tail / :size * :size, (
    select h.last_seq + 1 from sluice.transaction_id_hashes h
    where h.partition_id = p.id and h.bucket = 0
    order by h.first_seq desc
    limit 1
  )) as first_seq
) block
where p.id = :partition and p.head - p.tail + 1 >= :least and p.head >= block.first_seq + :size - 1
for key share of p;

-- name: transaction-ids
-- The transaction ids of the segments that have seqs from :first to :last.
select s.first_seq, s.transaction_ids
from sluice.segments s
where s.partition_id = :partition
  and s.first_seq >= coalesce(
    (select max(b.first_seq) from sluice.segments b where b.partition_id = :partition and b.first_seq <= :first), 0)
  and s.first_seq <= :last
order by s.first_seq;

-- name: add-block
insert into sluice.transaction_id_hashes (partition_id, bucket, first_seq, last_seq, hashes, offsets)
select :partition, block.bucket - 1, :first, :last, block.hashes::integer[], block.offsets::smallint[]
from unnest(:hashes::text[], :offsets::text[]) with ordinality as block (hashes, offsets, bucket);
