-- name: claim
-- Locks the partitions in order of their ids, and gives each as many seqs as messages shall come. From here to the commit nobody
-- else gives out seqs in them, nor decides that one of them is empty. To lock first and to move the heads later would change every
-- row twice. Both lists are in order of the ids: the count of an id is found by halves, and the scan of the index looks for one id
-- after the other without beginning again at its root, which a join would for each. To find counts is an eighth of the work; where all
-- are the same it is given as "each" and none is looked for.
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
-- Read, not locked: as they are when the statement begins, so a message pushed after an option was set is written under it. The
-- time is that of the segments; read under the locks of claim, so it does not go back within a partition unless the clock does.
select id, dedup_window_ms, encryption_enabled, clock_timestamp() as now
from sluice.queues
where id = any (:queues::bigint[]);

-- name: correct
-- Sets heads that were moved too far, by duplicates and by messages that are not due, or not far enough. Where nothing new has
-- come, the newest segment tells when something last did. Under the locks of claim.
update sluice.partitions p
set head = moved.head,
    last_push_at = case
      when moved.is_new then clock_timestamp()
      when moved.head > 0 then coalesce(
        (select s.created_at from sluice.segments s where s.partition_id = p.id order by s.first_seq desc limit 1), p.last_push_at)
    end
from unnest(:partitions::bigint[], :heads::bigint[], :are_new::boolean[]) as moved (id, head, is_new)
where p.id = any (array[moved.id]);
