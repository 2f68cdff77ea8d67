-- name: move-offset
-- Compare and set: changes no row when somebody else has moved the offset, or the source may not go on.
update sluice.sink_offsets set next_offset = :next, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset = :expected
  and refused is null;

-- name: start-offset
-- Changes no row when there is an offset already.
insert into sluice.sink_offsets (source, topic, partition, next_offset)
values (:source, :topic, :partition, :next)
on conflict (source, topic, partition) do nothing;

-- name: stored-offset
select next_offset, refused from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition;

-- name: confirmed-offset
-- Waits for a transaction that is moving the offset.
select next_offset, refused from sluice.sink_offsets where source = :source and topic = :topic and partition = :partition
for no key update;

-- name: refuse
-- Where the offset is not stored, by its first record or by who has set it since, the record cannot be taken for another.
update sluice.sink_offsets set refused = :reason, updated_at = now()
where source = :source and topic = :topic and partition = :partition and next_offset > :offset;
