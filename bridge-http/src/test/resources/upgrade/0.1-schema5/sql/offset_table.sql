-- Statements of OffsetTable: the stored offsets of sources.

-- name: move-offset
-- A compare-and-set: changes no row if another writer has moved the offset, or if the source is refused.
update sluice.sink_offsets set next_offset = :next, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset = :expected
  and refused is null;

-- name: start-offset
-- Changes no row if an offset is stored.
insert into sluice.sink_offsets (source, topic, partition, next_offset)
values (:source, :topic, :partition, :next)
on conflict (source, topic, partition) do nothing;

-- name: stored-offset
select next_offset, refused from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition;

-- name: confirmed-offset
-- Waits for a transaction that moves the offset.
select next_offset, refused from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition
for no key update;

-- name: refuse
-- Only if the offset is stored. Otherwise no stored record can be confused with the new one.
update sluice.sink_offsets set refused = :reason, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset > :offset;
