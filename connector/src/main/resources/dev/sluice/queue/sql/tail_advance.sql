-- Statements of TailAdvance: the tails of partitions advance, and the cursors behind them too.

-- name: lock-partitions-to-clear
select id, head, tail from sluice.partitions where id = any (:partitions::bigint[]) order by id for update;

-- name: lock-cursors-to-clear
-- Waits for running pops and acknowledgements.
select count(*) from (
  select c.group_id, c.partition_id
  from (
    select g.id as group_id, p.id as partition_id
    from unnest(:partitions::bigint[]) as wanted (id)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = wanted.id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c
) locked;

-- name: advance-cursors
-- Moves the cursors behind a new tail: past the deleted messages, and past the acknowledged messages that follow
-- them. A lease without messages ends. A closed cursor (taking.sql) stays closed. A cursor may become idle, because its
-- partition is locked for update.
update sluice.cursors c
set position = moved.position,
    acked = c.acked - int8multirange(int8range(0, moved.position + 1)),
    failed_seqs = (
      select array_agg(f.seq order by f.seq) from unnest(c.failed_seqs) as f (seq) where f.seq > moved.position
    ),
    failed_counts = (
      select array_agg(f.count order by f.seq) from unnest(c.failed_seqs, c.failed_counts) as f (seq, count)
      where f.seq > moved.position
    ),
    deliveries = 0,
    lease_id = case when c.lease_end > moved.position then c.lease_id end,
    lease_end = case when c.lease_end > moved.position then c.lease_end end,
    available_at = case when c.lease_end > moved.position or c.available_at > now() + interval '50 years'
                        then c.available_at
                        when moved.position = moved.head then null
                        else clock_timestamp() end
from (
  select of.group_id, of.partition_id, of.head,
         coalesce((
           select upper(done) - 1 from unnest(c.acked) as done
           where lower(done) <= of.tail and upper(done) > of.tail
         ), of.tail - 1) as position
  from (
    select g.id as group_id, p.id as partition_id, p.head, advanced.tail
    from unnest(:partitions::bigint[], :tails::bigint[]) as advanced (partition_id, tail)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = advanced.partition_id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  cross join lateral (
    select c.acked from sluice.cursors c
    where c.group_id = of.group_id and c.partition_id = of.partition_id and c.position < of.tail - 1
    offset 0
  ) c
  offset 0
) moved
where c.group_id = any (array[moved.group_id]) and c.partition_id = moved.partition_id;

-- name: advance-tails
-- A tail never moves back. Retention deletes the segments before it, which deletions names.
with advanced as (
  update sluice.partitions p set tail = advanced.tail
  from unnest(:partitions::bigint[], :tails::bigint[]) as advanced (partition_id, tail)
  where p.id = any (array[advanced.partition_id]) and p.tail < advanced.tail
  returning p.id, p.tail
)
insert into sluice.deletions as d (partition_id, before_seq)
select id, tail from advanced
on conflict (partition_id) do update set before_seq = greatest(d.before_seq, excluded.before_seq);
