-- If a topic was deleted and created again, its sink must not continue by itself, however often it is started.

alter table sluice.sink_offsets add column refused text;

comment on column sluice.sink_offsets.refused is 'Why the source may not go on from here. Null: it may. Cleared by who sets the offset.';
