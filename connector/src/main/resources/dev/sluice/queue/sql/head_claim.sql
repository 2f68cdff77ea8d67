-- Statements of HeadClaim: seqs and heads of partitions, and the cursors that wait for messages. Claim, options and wake
-- go to the server together, in this order.

-- name: claim
-- Locks the partitions in order of their ids, and moves each head by as many seqs as the flush is likely to need.
-- Until the commit, no other transaction gives out seqs in them or decides that one of them is empty. Locking first
-- and moving the heads later would change every row twice. Both lists are in order of the ids, so a count is found by
-- halves. The scan of the index looks for one id after the other without starting at its root each time, which a join
-- would do. Finding the counts takes an eighth of the time; if all counts are the same, :each is that count and none
-- is looked for.
update sluice.partitions p
set head = p.head + coalesce(:each, wanted.counts[width_bucket(p.id, wanted.ids)]),
    last_push_at = case
      when coalesce(:each, wanted.counts[width_bucket(p.id, wanted.ids)]) > 0 then clock_timestamp()
      else p.last_push_at
    end
from (values (:partitions::bigint[], :counts::bigint[])) as wanted (ids, counts)
where p.id = any (wanted.ids)
returning p.id, p.queue_id, p.head, p.scheduled;

-- name: options
-- Reads the options without a lock, as they are when the statement starts. So a message that is pushed after an option
-- was set is written under it. The time is the creation time of the segments. It is read under the locks of claim, so
-- it does not go back within a partition unless the clock does.
select id, dedup_window_ms, encryption_enabled, item_priority or name like 'work.%' as has_lanes, lane,
       clock_timestamp() as now
from sluice.queues
where id = any (:queues::bigint[]);

-- name: wake
-- Makes the idle cursors of the partitions ready. Relies on the index cursors_idle, which is on this sum. Runs under
-- the locks of claim, with a later snapshot: a cursor that has become idle before claim got the lock is seen. The rows
-- are locked as idle, so they are idle when they are changed.
with idle as (
  select group_id, partition_id from sluice.cursors
  where partition_id + 0 = any (:filled::bigint[]) and available_at is null
  order by group_id + 0, partition_id -- In the order of the primary key the server could read all of it.
  for no key update
)
update sluice.cursors c set available_at = clock_timestamp()
from idle
where c.group_id = any (array[idle.group_id]) and c.partition_id = idle.partition_id;

-- name: correct
-- Corrects heads that were moved too far, because of duplicates and messages that are not due, or not far enough. If a
-- partition has no new message, its newest segment tells the time of the last push. Runs under the locks of claim.
update sluice.partitions p
set head = moved.head,
    last_push_at = case
      when moved.is_new then clock_timestamp()
      when moved.head > 0 then coalesce(
        (select s.created_at from sluice.segments s where s.partition_id = p.id order by s.first_seq desc limit 1), p.last_push_at)
    end
from unnest(:partitions::bigint[], :heads::bigint[], :are_new::boolean[]) as moved (id, head, is_new)
where p.id = any (array[moved.id]);
