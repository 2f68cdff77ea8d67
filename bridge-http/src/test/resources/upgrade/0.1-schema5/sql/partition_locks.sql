-- Statements of PartitionLocks. Until the commit, no other transaction gives out seqs in the locked partitions.

-- name: lock-partitions
select id from sluice.partitions where id = any (:partitions::bigint[]) order by id for no key update;

-- name: lock-free-partitions
-- Skips the partitions that another transaction holds.
select id from sluice.partitions where id = any (:partitions::bigint[]) for no key update skip locked;
