-- Statements of MinuteCounters: the data of charts. Counters have a row for each minute, queue and bridge; samples
-- have a row for each minute and bridge.

-- name: add
-- Adds to the current minute of the database's clock.
insert into sluice.minute_counters as m (bucket, queue, worker,
  push_requests, push_messages, pop_requests, pop_messages, pop_empty, ack_requests, ack_completed, ack_failed,
  redeliveries, dead_letters, transactions, database_errors, retention_messages, completed_retention_messages, eviction_messages,
  retention_events, partitions_deleted, lag_count, lag_sum_ms, lag_max_ms, parked)
select date_trunc('minute', now()), added.queue, :worker,
  added.push_requests, added.push_messages, added.pop_requests, added.pop_messages, added.pop_empty,
  added.ack_requests, added.ack_completed, added.ack_failed, added.redeliveries, added.dead_letters, added.transactions,
  added.database_errors, added.retention_messages, added.completed_retention_messages, added.eviction_messages,
  added.retention_events, added.partitions_deleted, added.lag_count, added.lag_sum_ms, added.lag_max_ms, added.parked
from unnest(:queues::text[],
  :push_requests::bigint[], :push_messages::bigint[], :pop_requests::bigint[], :pop_messages::bigint[],
  :pop_empty::bigint[], :ack_requests::bigint[], :ack_completed::bigint[], :ack_failed::bigint[], :redeliveries::bigint[],
  :dead_letters::bigint[], :transactions::bigint[], :database_errors::bigint[], :retention_messages::bigint[],
  :completed_retention_messages::bigint[], :eviction_messages::bigint[], :retention_events::bigint[], :partitions_deleted::bigint[],
  :lag_count::bigint[], :lag_sum_ms::bigint[], :lag_max_ms::bigint[], :parked::bigint[])
  as added (queue,
    push_requests, push_messages, pop_requests, pop_messages, pop_empty, ack_requests, ack_completed, ack_failed,
    redeliveries, dead_letters, transactions, database_errors, retention_messages, completed_retention_messages, eviction_messages,
    retention_events, partitions_deleted, lag_count, lag_sum_ms, lag_max_ms, parked)
order by added.queue
on conflict (bucket, queue, worker) do update set
  push_requests = m.push_requests + excluded.push_requests,
  push_messages = m.push_messages + excluded.push_messages,
  pop_requests = m.pop_requests + excluded.pop_requests,
  pop_messages = m.pop_messages + excluded.pop_messages,
  pop_empty = m.pop_empty + excluded.pop_empty,
  ack_requests = m.ack_requests + excluded.ack_requests,
  ack_completed = m.ack_completed + excluded.ack_completed,
  ack_failed = m.ack_failed + excluded.ack_failed,
  redeliveries = m.redeliveries + excluded.redeliveries,
  dead_letters = m.dead_letters + excluded.dead_letters,
  transactions = m.transactions + excluded.transactions,
  database_errors = m.database_errors + excluded.database_errors,
  retention_messages = m.retention_messages + excluded.retention_messages,
  completed_retention_messages = m.completed_retention_messages + excluded.completed_retention_messages,
  eviction_messages = m.eviction_messages + excluded.eviction_messages,
  retention_events = m.retention_events + excluded.retention_events,
  partitions_deleted = m.partitions_deleted + excluded.partitions_deleted,
  lag_count = m.lag_count + excluded.lag_count,
  lag_sum_ms = m.lag_sum_ms + excluded.lag_sum_ms,
  lag_max_ms = greatest(m.lag_max_ms, excluded.lag_max_ms),
  parked = greatest(m.parked, excluded.parked);

-- name: series
-- Adds up the counters of buckets of :minutes minutes, or of one bucket for all of the time if :minutes is 0. Newest
-- first, after the row of the :after parameters. If :by_queue or :by_worker is false, that column is empty.
select * from (
select coalesce(
         to_timestamp(floor(extract(epoch from m.bucket) / nullif(:minutes * 60, 0)) * :minutes * 60),
         date_trunc('minute', :from::timestamptz)) as bucket,
       case when :by_queue then m.queue else '' end as queue,
       case when :by_worker then m.worker else '' end as worker,
       sum(m.push_requests)::bigint as push_requests, sum(m.push_messages)::bigint as push_messages,
       sum(m.pop_requests)::bigint as pop_requests, sum(m.pop_messages)::bigint as pop_messages,
       sum(m.pop_empty)::bigint as pop_empty, sum(m.ack_requests)::bigint as ack_requests,
       sum(m.ack_completed)::bigint as ack_completed, sum(m.ack_failed)::bigint as ack_failed,
       sum(m.redeliveries)::bigint as redeliveries, sum(m.dead_letters)::bigint as dead_letters, sum(m.transactions)::bigint as transactions,
       sum(m.database_errors)::bigint as database_errors, sum(m.retention_messages)::bigint as retention_messages,
       sum(m.completed_retention_messages)::bigint as completed_retention_messages,
       sum(m.eviction_messages)::bigint as eviction_messages, sum(m.retention_events)::bigint as retention_events,
       sum(m.partitions_deleted)::bigint as partitions_deleted,
       sum(m.lag_count)::bigint as lag_count, sum(m.lag_sum_ms)::bigint as lag_sum_ms, max(m.lag_max_ms) as lag_max_ms,
       max(m.parked) as parked
from sluice.minute_counters m
where m.bucket >= date_trunc('minute', :from::timestamptz) and m.bucket <= :to::timestamptz
  and (:queue::text is null or m.queue = :queue)
  and (:namespace::text is null and :task::text is null or exists (
    select from sluice.queues q
    where q.name = m.queue and (:namespace::text is null or q.namespace = :namespace) and (:task::text is null or q.task = :task)))
  and (:host::text is null or m.worker like :host)
group by 1, 2, 3
) series
where case :which when 'all' then true
                  when 'named' then series.queue <> ''
                  when 'popped' then series.queue <> '' and series.pop_messages > 0
                  when 'parked' then series.queue <> '' and series.parked > 0 end
  and (:after_bucket::timestamptz is null or series.bucket < :after_bucket::timestamptz
    or (series.bucket = :after_bucket::timestamptz and (series.queue, series.worker) > (:after_queue, :after_worker)))
order by series.bucket desc, series.queue, series.worker
limit :limit;

-- name: prune
-- Deletes at most :rows counters older than :days.
delete from sluice.minute_counters m
using (
  select bucket, queue, worker from sluice.minute_counters
  where bucket < now() - :days * interval '1 day'
  order by bucket
  limit :rows
) old
where m.bucket = old.bucket and m.queue = old.queue and m.worker = old.worker;

-- name: add-samples
-- Adds to the current minute of the database's clock.
insert into sluice.minute_samples as m (bucket, worker, samples, metrics, sums, minima, maxima, lasts)
values (date_trunc('minute', now()), :worker, :samples, :metrics::text[], :sums::float8[], :minima::float8[], :maxima::float8[],
        :lasts::float8[])
on conflict (bucket, worker) do update set
  samples = m.samples + excluded.samples,
  metrics = excluded.metrics,
  sums = (select array_agg(a + b order by i) from unnest(m.sums, excluded.sums) with ordinality as x (a, b, i)),
  minima = (select array_agg(least(a, b) order by i) from unnest(m.minima, excluded.minima) with ordinality as x (a, b, i)),
  maxima = (select array_agg(greatest(a, b) order by i) from unnest(m.maxima, excluded.maxima) with ordinality as x (a, b, i)),
  lasts = excluded.lasts;

-- name: samples
-- The samples of buckets of :minutes minutes, oldest first.
select to_timestamp(floor(extract(epoch from m.bucket) / (:minutes * 60)) * :minutes * 60) as bucket, m.worker, v.metric,
       sum(m.samples)::bigint as samples, sum(v.sum) / sum(m.samples) as average, min(v.min) as min, max(v.max) as max,
       (array_agg(v.last order by m.bucket desc))[1] as last
from sluice.minute_samples m
cross join lateral unnest(m.metrics, m.sums, m.minima, m.maxima, m.lasts) as v (metric, sum, min, max, last)
where m.bucket >= date_trunc('minute', :from::timestamptz) and m.bucket <= :to::timestamptz
  and (:host::text is null or m.worker like :host)
group by 1, 2, 3
order by 1, 2, 3
limit :limit;

-- name: prune-samples
-- Deletes at most :rows samples older than :days.
delete from sluice.minute_samples m
using (
  select bucket, worker from sluice.minute_samples
  where bucket < now() - :days * interval '1 day'
  order by bucket
  limit :rows
) old
where m.bucket = old.bucket and m.worker = old.worker;

-- name: partitions-created
-- How many existing partitions were created, by bucket and queue, newest first.
select to_timestamp(floor(extract(epoch from p.created_at) / (:minutes * 60)) * :minutes * 60) as bucket, q.name as queue,
       count(*) as created
from sluice.partitions p
join sluice.queues q on q.id = p.queue_id
where p.created_at >= :from and p.created_at <= :to and q.name = any (:names::text[])
group by 1, 2
order by 1 desc, 2
limit :limit;
