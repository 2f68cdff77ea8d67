-- Statements of Housekeeping: rows of queues that were deleted.

-- name: delete-claims
delete from sluice.work_claims w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-items
delete from sluice.work_items w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-keys
delete from sluice.work_keys w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-cancels
delete from sluice.work_cancels w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-ends
delete from sluice.work_ends w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-minutes
delete from sluice.work_minutes w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-progress
delete from sluice.work_progress w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-limits
delete from sluice.work_limits w where not exists (select from sluice.queues q where q.id = w.queue_id);

-- name: delete-lines
delete from sluice.work_lines w where not exists (select from sluice.partitions p where p.id = w.partition_id);

-- name: delete-latest
delete from sluice.work_latest w where not exists (select from sluice.queues q where q.id = w.queue_id);
