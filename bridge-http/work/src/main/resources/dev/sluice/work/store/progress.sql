-- Statements of ProgressRows: the table work_progress.

-- name: put
-- Stores reports of works whose outcomes this transaction stores.
insert into sluice.work_progress (queue_id, message_id, report)
select r.queue_id, r.message_id, r.report
from unnest(:queues::bigint[], :ids::uuid[], :reports::text[]) as r (queue_id, message_id, report)
order by r.queue_id, r.message_id
on conflict (queue_id, message_id) do update set report = excluded.report, updated_at = clock_timestamp();

-- name: put-held
-- Stores reports of works that this engine still holds: in a claim, or as items. Nobody can end the claim or the item
-- before this transaction has ended.
insert into sluice.work_progress (queue_id, message_id, report)
select r.queue_id, r.message_id, r.report
from unnest(:queues::bigint[], :ids::uuid[], :reports::text[], :claims::uuid[], :partitions::bigint[], :seqs::bigint[],
            :leases::uuid[])
  as r (queue_id, message_id, report, claim, partition_id, seq, lease_id)
left join lateral (
  select true as is_held from sluice.work_claims c where c.id = r.claim and c.owner = :owner for key share
) claimed on true
left join lateral (
  select true as is_held from sluice.work_items i
  where i.partition_id = r.partition_id and i.seq = r.seq and i.lease_id = r.lease_id
  for key share
) item on true
where claimed.is_held or item.is_held
order by r.queue_id, r.message_id
on conflict (queue_id, message_id) do update set report = excluded.report, updated_at = clock_timestamp();

-- name: load
select p.message_id, p.report
from unnest(:ids::uuid[]) as wanted (id)
cross join lateral (
  select * from sluice.work_progress p where p.queue_id = :queue and p.message_id = wanted.id offset 0
) p
where p.report is not null;

-- name: load-histories
select p.message_id, p.history
from unnest(:ids::uuid[]) as wanted (id)
cross join lateral (
  select * from sluice.work_progress p where p.queue_id = :queue and p.message_id = wanted.id offset 0
) p
where p.history is not null;

-- name: delete
delete from sluice.work_progress p
using unnest(:queues::bigint[], :ids::uuid[]) as done (queue_id, message_id)
where p.queue_id = any (array[done.queue_id]) and p.message_id = done.message_id;

-- name: delete-old
-- Deletes at most :limit reports that no engine has renewed within a week. A work that still runs stores its report
-- again when it reports again. The failures of a work that was put back wait for it longer: it may wait in its queue.
delete from sluice.work_progress p
using (
  select p.queue_id, p.message_id from sluice.work_progress p
  where p.updated_at < now() - interval '7 days'
    and (p.history is null or p.updated_at < now() - interval '90 days')
    and not exists (select from sluice.work_items i where i.queue_id = p.queue_id and i.message_id = p.message_id)
  order by p.updated_at
  limit :limit
) old
where p.queue_id = any (array[old.queue_id]) and p.message_id = old.message_id;
