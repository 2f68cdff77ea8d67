-- Statements of UnreadRows: works that are not done.

-- name: left
-- Returns those of the works of a queue that may be left in a table. Reads at most :segments segments that the engines
-- have not done. If there are more, or if engines run works whose messages an operator has deleted, all may be left.
with unread as materialized (
  select s.ids
  from (
    select p.id from sluice.partitions p where p.queue_id = :queue and p.id > 0 offset 0
  ) p
  cross join lateral (
    select least(
      coalesce((
        select c.position + 1
        from (select g.id from sluice.consumer_groups g where g.queue_id = :queue and g.name = :group offset 0) g
        cross join lateral (
          select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
        ) c
      ), 0),
      (select w.first_seq from sluice.work_claims w where w.partition_id = p.id order by w.first_seq limit 1)
    ) as first_seq
  ) open
  cross join lateral (
    select s.ids from sluice.segments s
    where s.partition_id = p.id and s.last_seq >= open.first_seq
      and s.first_seq >= coalesce((
        select b.first_seq from sluice.segments b
        where b.partition_id = p.id and b.first_seq <= open.first_seq
        order by b.first_seq desc
        limit 1
      ), 0)
    order by s.first_seq
    limit :segments + 1
  ) s
  limit :segments + 1
), cleared as materialized (
  select 1
  from (select w.partition_id, w.first_seq from sluice.work_claims w where w.queue_id = :queue offset 0) w
  left join lateral (select p.tail from sluice.partitions p where p.id = w.partition_id offset 0) p on true
  where w.first_seq < coalesce(p.tail, w.first_seq + 1)
  limit 1
)
select wanted.id
from unnest(:ids::uuid[]) as wanted (id)
where (select count(*) from unread) > :segments
  or (select count(*) from cleared) > 0
  or wanted.id in (select unnest(u.ids) from unread u)
  or wanted.id in (select o.message_id from sluice.work_outbox o where o.id > 0)
  or (select i.seq from sluice.work_items i where i.queue_id = :queue and i.message_id = wanted.id limit 1) is not null
  or (select s.partition_id from sluice.scheduled s where s.message_id = wanted.id limit 1) is not null;
