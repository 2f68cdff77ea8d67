-- Statements of ClaimRows: the table work_claims.

-- name: insert
insert into sluice.work_claims (id, queue_id, partition_id, first_seq, last_seq, done, closes, limited, owner, lease_until)
select taken.id, taken.queue_id, taken.partition_id, taken.first_seq, taken.last_seq, taken.done::int8multirange, taken.closes,
       taken.limited, :owner, clock_timestamp() + :lease_ms * interval '1 millisecond'
from unnest(:ids::uuid[], :queues::bigint[], :partitions::bigint[], :firsts::bigint[], :lasts::bigint[], :done::text[],
            :closes::boolean[], :limited::text[])
  as taken (id, queue_id, partition_id, first_seq, last_seq, done, closes, limited);

-- name: finish
-- Deletes claims whose works are all done. Returns those that this engine still held, with the seqs that were done before.
delete from sluice.work_claims c where c.id = any ( :ids::uuid[]) and c.owner = :owner
returning c.id, array(
  select seq from unnest(c.done) as done cross join lateral generate_series(lower(done), upper(done) - 1) as seq
) as before;

-- name: note-done
-- Notes works that are done. Returns the claims that this engine still held, with the seqs that were done before.
-- The order of ids is the order of the locks.
with held as materialized (
  select c.id, c.done, noted.done::int8multirange as added
  from (select * from unnest(:ids::uuid[], :done::text[]) as noted (id, done) order by noted.id) noted
  cross join lateral (
    select c.id, c.done from sluice.work_claims c where c.id = noted.id and c.owner = :owner for no key update
  ) c
)
update sluice.work_claims c
set done = c.done + held.added
from held
where c.id = any (array[held.id])
returning c.id, array(
  select seq from unnest(held.done) as done cross join lateral generate_series(lower(done), upper(done) - 1) as seq
) as before;

-- name: finish-limited
-- Like finish, for claims whose works take room. Returns how many of them were not done.
delete from sluice.work_claims c
where c.id = any ( :ids::uuid[]) and c.owner = :owner
returning c.id, c.queue_id, c.limited,
          array(
            select seq from unnest(c.done) as done cross join lateral generate_series(lower(done), upper(done) - 1) as seq
          ) as before,
          c.last_seq - c.first_seq + 1 - coalesce((select sum(upper(run) - lower(run)) from unnest(c.done) as run), 0)::bigint as works;

-- name: note-done-limited
-- Like note-done, for claims whose works take room. Returns how many works were not done before.
update sluice.work_claims c
set done = c.done + noted.done
from (
  select w.id, noted.done::int8multirange as done, w.done as before
  from (select * from unnest(:ids::uuid[], :done::text[]) as noted (id, done) order by noted.id) noted
  cross join lateral (
    select w.id, w.done from sluice.work_claims w where w.id = noted.id and w.owner = :owner for update
  ) w
  offset 0
) noted
where c.id = any (array[noted.id])
returning c.id, c.queue_id, c.limited,
          array(
            select seq from unnest(noted.before) as done cross join lateral generate_series(lower(done), upper(done) - 1) as seq
          ) as before,
          coalesce((select sum(upper(run) - lower(run)) from unnest(noted.done - noted.before) as run), 0)::bigint as works;

-- name: renew
-- Returns the claims that this engine still holds. The order of ids is the order of the locks.
update sluice.work_claims c
set lease_until = clock_timestamp() + :lease_ms * interval '1 millisecond'
where c.id = any (array(
  select w.id from sluice.work_claims w where w.id = any ( :ids::uuid[]) and w.owner = :owner order by w.id for update
))
returning c.id;

-- name: abandon
-- Ends the leases of claims whose commit was not confirmed. None of their works has begun, so recover must count no
-- crash: a claim without an owner says so.
update sluice.work_claims c
set owner = '00000000-0000-0000-0000-000000000000', lease_until = clock_timestamp()
where c.id = any ( :ids::uuid[]) and c.owner = :owner;

-- name: recover
-- Makes items of what claims have left whose leases have ended, each with a crash. Leaves those out that the caller
-- holds: it lives. Returns the partitions of these claims, and whether a partition must be opened because none of its
-- works is left.
with expired as (
  select * from sluice.work_claims c
  where c.queue_id = :queue and c.lease_until <= now() and not c.id = any ( :held::uuid[])
  order by c.lease_until
  limit :limit
  for update skip locked
), gone as (
  delete from sluice.work_claims c using expired e where c.id = any (array[e.id]) returning c.id
), added as (
  insert into sluice.work_items
    (partition_id, seq, queue_id, partition_name, lane, message_id, transaction_id, payload, headers, trace_id, producer_sub,
     created_at, available_at, closes, crashes)
  select e.partition_id, left_over.seq, e.queue_id, p.name,
         case when p.lane_heads[1] >= left_over.seq then 0 when p.lane_heads[2] >= left_over.seq then 1
              when p.lane_heads[3] >= left_over.seq then 2 when p.lane_heads[4] >= left_over.seq then 3 else p.lane end,
         s.ids[at.i], s.transaction_ids[at.i], s.payloads[at.i],
         s.headers[at.i], s.trace_ids[at.i], s.producer_subs[at.i], coalesce(s.created_ats[at.i], s.created_at),
         clock_timestamp(), e.closes,
         case when e.owner = '00000000-0000-0000-0000-000000000000' then 0 else 1 end
  from expired e
  cross join lateral (select p.name, p.lane, p.lane_heads from sluice.partitions p where p.id = e.partition_id offset 0) p
  cross join lateral generate_series(e.first_seq, e.last_seq) as left_over (seq)
  cross join lateral (
    select * from sluice.segments s
    where s.partition_id = e.partition_id and s.first_seq <= left_over.seq
    order by s.first_seq desc
    limit 1
  ) s
  cross join lateral (select (left_over.seq - s.first_seq + 1)::integer as i) at
  where not e.done @> left_over.seq and s.last_seq >= left_over.seq and s.payloads[at.i] is not null
  on conflict (partition_id, seq) do nothing
  returning partition_id
)
select e.partition_id, e.closes and e.partition_id not in (select partition_id from added) as opens,
       (select count(*) from added) as works, e.limited,
       case when e.limited is null then 0
            else e.last_seq - e.first_seq + 1 - coalesce((select sum(upper(run) - lower(run)) from unnest(e.done) as run), 0)
       end::bigint as room
from expired e;
