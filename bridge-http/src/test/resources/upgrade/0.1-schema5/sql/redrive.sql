-- name: take-dead-letters
-- Locks the dead letters in the order of their ids. If two transactions redrive one letter, the second finds it gone.
select d.id, q.name as queue, d.partition_name, d.transaction_id, d.payload, d.trace_id, d.producer_sub
from sluice.dead_letters d
cross join lateral (select q.name from sluice.queues q where q.id = d.queue_id offset 0) q
where d.id = any (:ids::bigint[])
order by d.id
for update of d;

-- name: remove-dead-letters
delete from sluice.dead_letters where id = any (:ids::bigint[]);
