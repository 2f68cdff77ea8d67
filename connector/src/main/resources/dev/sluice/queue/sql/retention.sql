-- Statements of Retention: each step of a sweep is one short transaction.

-- name: sweep-lock
-- One process runs a sweep at a time.
select pg_try_advisory_xact_lock(hashtextextended(:key, 0)) as locked;

-- name: set-up-step
-- A step commits without waiting for the disk, so that it does not hold its locks meanwhile. If a crash undoes the
-- step, the next sweep repeats it.
select set_config('synchronous_commit', 'off', true);

-- name: queues-with-limits
-- The queues whose options delete messages by age.
select name from sluice.queues
where ttl_s > 0 or max_wait_time_s > 0 or retention_enabled and (retention_s > 0 or completed_retention_s > 0)
order by id;

-- name: expired
-- The new tail of each partition by each reason to delete, or null. Reads the oldest :segments segments of a
-- partition if the oldest one has expired; otherwise the partition costs one index probe. `more`: later segments may
-- have expired too. The first message of a claim of works and what follows it stay: an engine that takes the claim over
-- reads them.
select p.id, expired.ttl_tail, expired.retention_tail, expired.completed_tail, expired.max_wait_tail, expired.more
from sluice.partitions p
cross join lateral (select * from sluice.queues q where q.id = p.queue_id offset 0) q
cross join lateral (
  select case when q.ttl_s > 0 then now() - q.ttl_s * interval '1 second' end as ttl,
         case when q.retention_enabled and q.retention_s > 0
              then now() - q.retention_s * interval '1 second' end as retention,
         case when q.retention_enabled and q.completed_retention_s > 0
              then now() - q.completed_retention_s * interval '1 second' end as completed,
         case when q.max_wait_time_s > 0 then now() - q.max_wait_time_s * interval '1 second' end as max_wait
) before
cross join lateral (
  select s.created_at from sluice.segments s
  where s.partition_id = p.id and s.first_seq >= p.tail
  order by s.first_seq
  limit 1
) oldest
left join lateral (
  select w.first_seq as first from sluice.work_claims w where w.partition_id = p.id order by w.first_seq limit 1
) claimed on true
cross join lateral (
  select case when count(*) > 0 and count(*) = count(c.position)
              then least(min(c.position), claimed.first - 1) end as done_by_all,
         count(*) = 0 or min(c.position) < p.head as unread
  from (select g.id from sluice.consumer_groups g where g.queue_id = q.id offset 0) g
  left join lateral (
    select c.position from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id offset 0
  ) c on true
) groups
cross join lateral (
  select coalesce(min(s.first_seq) filter (where s.created_at > before.ttl), max(s.last_seq) + 1) as ttl_end,
         coalesce(min(s.first_seq) filter (where s.created_at > before.retention), max(s.last_seq) + 1) as retention_end,
         coalesce(min(s.first_seq) filter (where s.created_at > before.completed), max(s.last_seq) + 1) as completed_end,
         coalesce(min(s.first_seq) filter (where s.created_at > before.max_wait), max(s.last_seq) + 1) as max_wait_end,
         max(s.last_seq) filter (where s.last_seq <= groups.done_by_all) + 1 as done_end,
         max(s.last_seq) + 1 as scanned_end,
         case when claimed.first <= max(s.last_seq)
              then coalesce(max(s.first_seq) filter (where s.first_seq <= claimed.first), p.tail) end as claimed_start,
         count(*) = :segments as cut
  from (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = p.id and s.first_seq >= p.tail
    order by s.first_seq
    limit :segments
  ) s
) ends
cross join lateral (
  select case when before.ttl is not null then least(ends.ttl_end, ends.claimed_start) end as ttl_tail,
         case when before.retention is not null
              then least(ends.retention_end, ends.claimed_start) end as retention_tail,
         case when before.completed is not null and ends.done_end is not null
              then least(ends.done_end, ends.completed_end) end as completed_tail,
         case when before.max_wait is not null and groups.unread
                and (groups.done_by_all is null or groups.done_by_all < ends.max_wait_end - 1)
              then least(ends.max_wait_end, ends.claimed_start) end as max_wait_tail
) tails
cross join lateral (
  select nullif(tails.ttl_tail, p.tail) as ttl_tail, nullif(tails.retention_tail, p.tail) as retention_tail,
         nullif(tails.completed_tail, p.tail) as completed_tail, nullif(tails.max_wait_tail, p.tail) as max_wait_tail,
         ends.cut and greatest(tails.ttl_tail, tails.retention_tail, tails.completed_tail, tails.max_wait_tail)
           = ends.scanned_end as more
) expired
where p.id = any (:partitions::bigint[])
  and oldest.created_at <= greatest(before.ttl, before.retention, before.completed, before.max_wait)
  and coalesce(expired.ttl_tail, expired.retention_tail, expired.completed_tail, expired.max_wait_tail) is not null;

-- name: try-lock-partitions
-- Skips partitions that another transaction has locked.
select id, tail from sluice.partitions where id = any (:partitions::bigint[]) order by id for update skip locked;

-- name: busy-partitions
-- Locks the cursors behind the new tails. Returns the partitions in which another transaction has locked such a
-- cursor.
with behind as materialized (
  select of.group_id, of.partition_id
  from (
    select g.id as group_id, p.id as partition_id, advanced.tail
    from unnest(:partitions::bigint[], :tails::bigint[]) as advanced (partition_id, tail)
    cross join lateral (select p.id, p.queue_id, p.head from sluice.partitions p where p.id = advanced.partition_id offset 0) p
    cross join lateral (select g.id from sluice.consumer_groups g where g.queue_id = p.queue_id offset 0) g
    offset 0
  ) of
  cross join lateral (
    select from sluice.cursors c
    where c.group_id = of.group_id and c.partition_id = of.partition_id and c.position < of.tail - 1
    offset 0
  ) c
), locked as (
  select c.group_id, c.partition_id
  from behind of
  join sluice.cursors c on c.group_id = any (array[of.group_id]) and c.partition_id = of.partition_id
  order by of.group_id, of.partition_id
  for no key update of c skip locked
)
select distinct busy.partition_id
from (select group_id, partition_id from behind except select group_id, partition_id from locked) busy;

-- name: claimed-partitions
-- Returns the partitions in which works are claimed before the new tails. The transaction holds the locks of
-- busy-partitions, so no claim of such works can follow.
select advanced.partition_id
from unnest(:partitions::bigint[], :tails::bigint[]) as advanced (partition_id, tail)
cross join lateral (
  select w.first_seq from sluice.work_claims w where w.partition_id = advanced.partition_id order by w.first_seq limit 1
) claimed
where claimed.first_seq < advanced.tail;

-- name: deletions
-- The next partitions with rows to delete.
select partition_id from sluice.deletions where partition_id > :after order by partition_id limit :limit;

-- name: delete-segments
-- Deletes at most :rows segments that deletions names. Skips rows that another transaction has locked.
delete from sluice.segments s
using (
  select old.partition_id, old.first_seq
  from sluice.deletions d
  cross join lateral (
    select s.partition_id, s.first_seq from sluice.segments s
    where s.partition_id = d.partition_id and s.first_seq < coalesce(d.before_seq, 9223372036854775807)
    order by s.first_seq
    limit :rows
    for update skip locked
  ) old
  where d.partition_id = any (:partitions::bigint[])
  limit :rows
) old
where s.partition_id = any (array[old.partition_id]) and s.first_seq = old.first_seq;

-- name: delete-old-dead-letters
-- Deletes those of the :rows oldest dead letters that failed too long ago. Looks no further: the ids of dead letters are
-- in the order of time. Skips locked rows.
delete from sluice.dead_letters where id = any (array(
  select old.id
  from (select l.id, l.failed_at from sluice.dead_letters l where l.id > 0 order by l.id limit :rows for update skip locked) old
  where old.failed_at < now() - :kept_s * interval '1 second'
));

-- name: delete-dead-letters-of-deleted
-- This statement and the next three delete rows of deleted partitions, at most :rows. They skip locked rows.
delete from sluice.dead_letters where id = any (array(
  select l.id
  from sluice.deletions d
  cross join lateral (
    select l.id from sluice.dead_letters l where l.partition_id = d.partition_id limit :rows for update skip locked
  ) l
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-scheduled-of-deleted
delete from sluice.scheduled where id = any (array(
  select s.id
  from sluice.deletions d
  cross join lateral (
    select s.id from sluice.scheduled s where s.partition_id = d.partition_id limit :rows for update skip locked
  ) s
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-traces-of-deleted
delete from sluice.traces where id = any (array(
  select t.id
  from sluice.deletions d
  cross join lateral (
    select t.id from sluice.traces t where t.partition_id = d.partition_id limit :rows for update skip locked
  ) t
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-stream-state-of-deleted
-- Rows of stream_state have no id. Within one statement ctid identifies them.
delete from sluice.stream_state where ctid = any (array(
  select t.place
  from sluice.deletions d
  cross join lateral (
    select t.ctid as place from sluice.stream_state t where t.partition_id = d.partition_id limit :rows for update skip locked
  ) t
  where d.partition_id = any (:partitions::bigint[]) and d.before_seq is null
  limit :rows
));

-- name: delete-hashes
-- Deletes the rows of blocks whose messages are all invisible, :rows at most: all 64 rows of a block. Nothing updates
-- these rows, so within one statement ctid identifies them.
delete from sluice.transaction_id_hashes where ctid = any (array(
  select row.place
  from (
    select h.partition_id, h.first_seq
    from sluice.deletions d
    cross join lateral (
      select h.partition_id, h.first_seq from sluice.transaction_id_hashes h
      where h.partition_id = d.partition_id and h.bucket = 0
        and h.first_seq < coalesce(d.before_seq, 9223372036854775807)
        and h.last_seq < coalesce(d.before_seq, 9223372036854775807)
      limit :rows / 64
    ) h
    where d.partition_id = any (:partitions::bigint[])
    limit :rows / 64
  ) block
  cross join generate_series(0, 63) as bucket (number)
  cross join lateral (
    select h.ctid as place from sluice.transaction_id_hashes h
    where h.partition_id = block.partition_id and h.bucket = bucket.number and h.first_seq = block.first_seq
    offset 0
  ) row
));

-- name: lock-deletions
select partition_id from sluice.deletions
where partition_id = any (:partitions::bigint[])
order by partition_id
for update skip locked;

-- name: finish-deletions
-- The transaction holds the locks of lock-deletions. This is a second statement because it must see every segment
-- that was committed before the lock.
delete from sluice.deletions d
where d.partition_id = any (:partitions::bigint[])
  and (select 1 from sluice.segments s
       where s.partition_id = d.partition_id and s.first_seq < coalesce(d.before_seq, 9223372036854775807)
       limit 1) is null
  and coalesce((
       select h.last_seq from sluice.transaction_id_hashes h
       where h.partition_id = d.partition_id and h.bucket = 0
       order by h.first_seq
       limit 1
     ) >= d.before_seq, (
       select 1 from sluice.transaction_id_hashes h where h.partition_id = d.partition_id and h.bucket = 0 limit 1
     ) is null)
  and (d.before_seq is not null
       or (select 1 from sluice.dead_letters l where l.partition_id = d.partition_id limit 1) is null
       and (select 1 from sluice.scheduled w where w.partition_id = d.partition_id limit 1) is null
       and (select 1 from sluice.traces t where t.partition_id = d.partition_id limit 1) is null
       and (select 1 from sluice.stream_state t where t.partition_id = d.partition_id limit 1) is null);
