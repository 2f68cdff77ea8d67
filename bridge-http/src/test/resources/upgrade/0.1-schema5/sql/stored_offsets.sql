-- Statements of StoredOffsets: an operator changes the offsets of sources.

-- name: set-offset
insert into sluice.sink_offsets (source, topic, partition, next_offset)
values (:source, :topic, :partition, :next)
on conflict (source, topic, partition) do update set next_offset = excluded.next_offset, refused = null, updated_at = now();

-- name: forget-offset
delete from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition;

-- name: forget-offsets
with doomed as (
  select source, topic, partition from sluice.sink_offsets where source = :source
  order by topic collate "C", partition
  for update
)
delete from sluice.sink_offsets o
using doomed
where o.source = any (array[doomed.source]) and o.topic = doomed.topic
  and o.partition = doomed.partition;
