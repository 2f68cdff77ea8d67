-- Statements of Traces: notes that consumers make about messages.

-- name: message-exists
-- Whether the message is stored outside of the index, scheduled, or a dead letter. Reads the segments near the group's
-- position first, where its consumers work; then the segments from :rest on, newest first.
select case
  when exists (
    select
    from sluice.partitions p
    cross join lateral (
      select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id and g.name = :group offset 0
    ) g
    cross join lateral (
      select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
    ) c
    cross join lateral (
      select s.transaction_ids from sluice.segments s
      where s.partition_id = p.id and s.first_seq > c.position - :near and s.first_seq <= c.position + :near
      offset 0
    ) s
    where p.id = :partition and :transaction_id = any (s.transaction_ids)
  ) then true
  when exists (
    select from sluice.partitions p
    cross join lateral (
      select s.transaction_ids from sluice.segments s
      where s.partition_id = p.id and s.last_seq >= p.tail and s.first_seq >= :rest
      order by s.first_seq desc
    ) s
    where p.id = :partition and :transaction_id = any (s.transaction_ids)
  ) then true
  when exists (
    select from sluice.scheduled w where w.partition_id = :partition and w.transaction_id = :transaction_id
  ) then true
  else exists (
    select from sluice.dead_letters d where d.partition_id = :partition and d.transaction_id = :transaction_id
  )
end as found;

-- name: add
insert into sluice.traces (partition_id, transaction_id, group_name, event_type, data)
values (:partition, :transaction_id, :group, :event_type, :data)
returning id;

-- name: name
insert into sluice.trace_names (name, trace_id) select distinct name, :trace from unnest(:names::text[]) as names (name);

-- name: of-message
-- Oldest first, after :after, until the data exceed :max_bytes. Uses the index traces_by_message.
select page.*, (select array_agg(n.name order by n.name) from sluice.trace_names n where n.trace_id = page.id) as names
from (
  select part.*, count(*) over () as found,
         sum(octet_length(part.data)) over (order by part.id) - octet_length(part.data) as bytes_before
  from (
    select t.* from sluice.traces t
    where t.partition_id = :partition and t.transaction_id = :transaction_id and t.id > :after
    order by t.id
    limit :limit
  ) part
) page
where page.bytes_before < :max_bytes
order by page.id;

-- name: by-name
-- Newest first, before :before, until data and payloads exceed :max_bytes. Uses the primary key of trace_names. The
-- payload is null unless the message is in one of the newest :segments segments of its partition.
select * from (
select part.*, count(*) over () as found,
       sum(octet_length(part.data) + coalesce(octet_length(part.payload), 0)) over (order by part.id desc)
         - octet_length(part.data) - coalesce(octet_length(part.payload), 0) as bytes_before
from (
select t.*, q.name as queue, p.name as partition,
       (select array_agg(n.name order by n.name) from sluice.trace_names n where n.trace_id = t.id) as names,
       (select recent.payloads[array_position(recent.transaction_ids, t.transaction_id)]
        from (
          select s.transaction_ids, s.payloads from sluice.segments s
          where s.partition_id = t.partition_id
          order by s.first_seq desc
          limit :segments
        ) recent
        where t.transaction_id = any (recent.transaction_ids)
        limit 1) as payload
from sluice.trace_names named
cross join lateral (select * from sluice.traces t where t.id = named.trace_id offset 0) t
left join lateral (select * from sluice.partitions p where p.id = t.partition_id offset 0) p on true
left join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q on true
where named.name = :name and (:before::bigint is null or named.trace_id < :before)
order by named.trace_id desc
limit :limit offset :offset
) part
) page
where page.bytes_before < :max_bytes
order by page.id desc;

-- name: count-by-name
select count(*) as total from sluice.trace_names where name = :name;

-- name: names
-- The names after :after, with counts for the names on the page. Each name costs one index probe, whatever its number
-- of traces.
with recursive names as (
  (select name from sluice.trace_names where :after::text is null or name > :after order by name limit 1)
  union all
  select (select n.name from sluice.trace_names n where n.name > names.name order by n.name limit 1)
  from names where names.name is not null
)
select page.name, page.total, count(t.id) as traces, count(distinct (t.partition_id, t.transaction_id)) as messages,
       max(t.created_at) as last_seen
from (select name, count(*) over () as total from names where name is not null order by name limit :limit offset :offset) page
join sluice.trace_names n on n.name = page.name
join sluice.traces t on t.id = n.trace_id
group by page.name, page.total
order by page.name;

-- name: count-names
with recursive names as (
  (select name from sluice.trace_names order by name limit 1)
  union all
  select (select n.name from sluice.trace_names n where n.name > names.name order by n.name limit 1)
  from names where names.name is not null
)
select count(name) as total from names;

-- name: prune
-- Deletes at most :rows traces older than :days, oldest first.
delete from sluice.traces where id in (
  select oldest.id
  from (select id, created_at from sluice.traces order by id limit :rows) oldest
  where oldest.created_at < now() - :days * interval '1 day'
);
