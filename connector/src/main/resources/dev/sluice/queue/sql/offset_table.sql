-- Statements of OffsetTable: the stored offsets of sources.

-- name: move-offset
-- A compare-and-set: changes no row if another writer has moved the offset, or if the source is refused.
update sluice.sink_offsets set next_offset = :next, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset = :expected
  and refused is null
returning 1 as ordinal;

-- name: move-offsets
-- The same for several sources. Returns which of them have moved.
update sluice.sink_offsets o set next_offset = moved.next, updated_at = now()
from unnest(:sources::text[], :topics::text[], :numbers::integer[], :nexts::bigint[], :expecteds::bigint[]) with ordinality
  as moved (source, topic, partition, next, expected, ordinal)
where o.source = any (array[moved.source]) and o.topic = moved.topic and o.partition = moved.partition
  and o.next_offset = moved.expected and o.refused is null
returning moved.ordinal;

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
