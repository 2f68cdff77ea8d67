-- The empty queue name
--
-- The contract of Queen allows a queue with the empty name. No index changes, and the tables of the checks are small.

alter table sluice.queues drop constraint queues_name_check;
alter table sluice.queues add constraint queues_name_check check (length(name) <= 255);

alter table sluice.pending_subscriptions drop constraint pending_subscriptions_queue_name_check;
alter table sluice.pending_subscriptions add constraint pending_subscriptions_queue_name_check
  check (length(queue_name) <= 255);

comment on column sluice.minute_counters.queue is 'Name of the queue; empty for counts of no queue. The queue with the empty name has a text here that is longer than any name.';
