-- Statements of KnownTopics: the number of partitions of each topic of a source, in the table state.

-- name: note-topics
-- A number never decreases. The caller sorts the keys, so that two callers cannot deadlock.
insert into sluice.state as known (key, value)
select key, jsonb_build_object('partitions', partitions)
from unnest(:keys::text[], :partitions::int[]) as topic (key, partitions)
on conflict (key) do update set value = excluded.value, updated_at = now()
where (known.value ->> 'partitions')::int < (excluded.value ->> 'partitions')::int;

-- name: known-topic
select (value ->> 'partitions')::int as partitions from sluice.state where key = :key;
