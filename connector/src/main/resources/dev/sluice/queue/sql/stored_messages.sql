-- Statements of StoredMessages. They change nothing and lock nothing. They find the segments of a page by their
-- primary key.

-- name: leaves-out-partitions
-- Whether more partitions match the filter than the next statement reads.
select count(*) > :partitions as leaves_out
from (
  select 1
  from sluice.partitions p
  join sluice.queues q on q.id = p.queue_id
  where (:queue::text is null or q.name = :queue)
    and (:partition::text is null or p.name = :partition)
    and (:namespace::text is null or q.namespace = :namespace)
    and (:task::text is null or q.task = :task)
    and p.last_push_at >= :from::timestamptz and p.created_at <= :to::timestamptz
  limit :partitions + 1
) matching;

-- name: messages
-- The newest messages written from :from to :to. The steps:
--   candidates    the :partitions partitions with the newest pushes
--   search_end    bisects each partition for the last seq written up to :to
--   ended         narrows the range of seqs by the state
--   newest        the newest few segments of each range
--   enough        the time since which these segments hold :scanned messages; older segments are not read
--   search_begin  bisects each partition for the first seq since then
--   found         the segments in the ranges, newest first, with the number of messages up to each
--   page          unpacks the segments that hold the newest :scanned messages
-- The page ends with the message whose headers exceed :max_bytes together with those before it.
with recursive candidates as (
  select c.*, chosen.queue, chosen.namespace, chosen.task, chosen.priority
  from (
    select p.id, q.id as queue_id, q.name as queue, q.namespace, q.task, q.priority
    from sluice.partitions p
    join sluice.queues q on q.id = p.queue_id
    where (:queue::text is null or q.name = :queue)
      and (:partition::text is null or p.name = :partition)
      and (:namespace::text is null or q.namespace = :namespace)
      and (:task::text is null or q.task = :task)
      and p.last_push_at >= :from::timestamptz and p.created_at <= :to::timestamptz
    order by p.last_push_at desc, p.id desc
    limit :partitions
  ) chosen
  cross join lateral (
    select * from sluice.partition_counts c where c.queue_id = chosen.queue_id and c.partition_id = chosen.id
    offset 0 -- Without it the planner may compute the view for all partitions.
  ) c
), search_end as (
  select c.partition_id,
         case when newest.before then newest.last_seq else c.tail - 1 end as low,
         case when newest.before then newest.last_seq else newest.first_seq - 1 end as high
  from candidates c
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at <= :to::timestamptz as before
    from sluice.segments s
    where s.partition_id = c.partition_id and s.first_seq <= c.head
    order by s.first_seq desc
    limit 1
  ) newest
  union all
  select search.partition_id,
         case when middle.before then middle.last_seq else search.low end,
         case when middle.before then search.high else middle.first_seq - 1 end
  from search_end search
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at <= :to::timestamptz as before
    from sluice.segments s
    where s.partition_id = search.partition_id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) middle
  where search.low < search.high
), ended as (
  select c.*,
         case when :state::text in ('pending', 'processing') then c.done else c.tail - 1 end as low,
         case when :state::text = 'completed' then least(search.high, greatest(c.done, upper(c.acked) - 1))
              when :state::text = 'processing' and c.leased_until is null then 0
              else search.high end as high
  from candidates c
  join search_end search on search.partition_id = c.partition_id and search.low >= search.high
), few as (
  select 2 * :scanned / greatest(count(*), 1) + 10 as segments from ended
), newest as (
  select e.partition_id, e.low, s.first_seq, s.created_at, size.messages
  from ended e
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at from sluice.segments s
    where s.partition_id = e.partition_id and s.first_seq <= e.high
    order by s.first_seq desc
    limit (select segments from few)
  ) s
  cross join lateral (
    select least(s.last_seq, e.high, case
             when :before_at::timestamptz is null then s.last_seq
             when (s.created_at, e.partition_id) < (:before_at::timestamptz, :before_partition::bigint) then s.last_seq
             when (s.created_at, e.partition_id) = (:before_at::timestamptz, :before_partition::bigint)
               then :before_seq::bigint - 1
             else 0
           end) - greatest(s.first_seq - 1, e.low) as messages
  ) size
  where size.messages > 0 and s.created_at >= :from::timestamptz
), enough as (
  select coalesce(max(created_at) filter (where through >= :scanned), :from::timestamptz) as since
  from (select n.created_at, sum(n.messages) over (order by n.created_at desc) as through from newest n) newest
), search_begin as (
  select n.partition_id,
         case when all_seen.yes then known.first_seq - 1 else n.low end as low,
         case when all_seen.yes then known.first_seq - 1 else n.oldest - 1 end as high
  from (
    select n.partition_id, n.low, count(*) as segments, min(n.first_seq) as oldest, min(n.created_at) as oldest_at,
           min(n.first_seq) filter (where n.created_at >= enough.since) as first_seq
    from newest n cross join enough
    group by n.partition_id, n.low
  ) n
  cross join lateral (select n.first_seq) known
  cross join lateral (
    select n.segments < (select segments from few) or n.oldest_at < (select since from enough) as yes
  ) all_seen
  where n.first_seq is not null
  union all
  select search.partition_id,
         case when middle.before then middle.last_seq else search.low end,
         case when middle.before then search.high else middle.first_seq - 1 end
  from search_begin search
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at < (select since from enough) as before
    from sluice.segments s
    where s.partition_id = search.partition_id and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) middle
  where search.low < search.high
), ranges as (
  select e.queue_id, e.queue, e.namespace, e.task, e.priority, e.partition_id, e.partition, e.groups, e.done, e.acked,
         e.leased_until, greatest(e.low, search.low) as low, e.high
  from ended e
  join search_begin search on search.partition_id = e.partition_id and search.low >= search.high
), found as (
  select r.*, s.first_seq, s.written_at, size.messages as size,
         sum(size.messages) over (order by s.written_at desc, r.partition_id desc, s.first_seq desc) as through
  from ranges r
  cross join lateral (
    select s.first_seq, s.last_seq, s.created_at as written_at from sluice.segments s
    where s.partition_id = r.partition_id and s.first_seq <= r.high
      and s.first_seq >= coalesce(
        (select max(b.first_seq) from sluice.segments b where b.partition_id = r.partition_id and b.first_seq <= r.low + 1), 0)
    order by s.first_seq desc
    limit :scanned
  ) s
  cross join lateral (
    select least(s.last_seq, r.high, case
             when :before_at::timestamptz is null then s.last_seq
             when (s.written_at, r.partition_id) < (:before_at::timestamptz, :before_partition::bigint) then s.last_seq
             when (s.written_at, r.partition_id) = (:before_at::timestamptz, :before_partition::bigint)
               then :before_seq::bigint - 1
             else 0
           end) - greatest(s.first_seq - 1, r.low) as messages
  ) size
  where size.messages > 0
), page as (
  select f.queue_id, f.queue, f.partition, f.namespace, f.task, f.priority, f.partition_id, f.leased_until,
         at.seq, m.id, m.transaction_id, m.trace_id, m.producer_sub, m.headers, f.written_at,
         coalesce(s.created_ats[m.position], f.written_at) as created_at, state.name as state
  from found f
  join sluice.segments s on s.partition_id = f.partition_id and s.first_seq = f.first_seq
  cross join lateral unnest(s.ids, s.transaction_ids, s.trace_ids, s.producer_subs, s.headers,
                            case when s.has_deletions then s.payloads end)
    with ordinality as m (id, transaction_id, trace_id, producer_sub, headers, payload, position)
  cross join lateral (select f.first_seq + m.position - 1 as seq) at
  cross join lateral (
    select case
      when exists (
        select from sluice.dead_letters d
        where d.partition_id = f.partition_id and d.transaction_id = m.transaction_id and d.seq = at.seq
      ) then 'dead_letter'
      when f.groups > 0 and (at.seq <= f.done or at.seq <@ f.acked) then 'completed'
      when f.leased_until is not null then 'processing'
      else 'pending'
    end as name
  ) state
  where f.through - f.size < :scanned
    and at.seq > f.low and at.seq <= f.high
    and (:before_at::timestamptz is null
      or (f.written_at, f.partition_id, at.seq) < (:before_at::timestamptz, :before_partition::bigint, :before_seq::bigint))
    and (not s.has_deletions or m.payload is not null)
    and (:state::text is null or state.name = :state)
  order by f.written_at desc, f.partition_id desc, at.seq desc
  limit :limit offset :offset
)
select page.*, named.groups, named.past
from (
  select page.*, count(*) over () as found,
         coalesce(sum(octet_length(page.headers)) over (
           order by page.written_at desc, page.partition_id desc, page.seq desc
           rows between unbounded preceding and 1 preceding), 0) as bytes_before
  from page
) page
cross join lateral (
  select count(*) as groups, count(*) filter (where c.position >= page.seq) as past
  from sluice.consumer_groups g
  join sluice.cursors c on c.group_id = g.id and c.partition_id = page.partition_id
  where g.queue_id = page.queue_id and g.name <> '__QUEUE_MODE__'
) named
where page.bytes_before < :max_bytes
order by page.written_at desc, page.partition_id desc, page.seq desc;

-- name: dead-messages
-- As the statement messages, but only messages with a dead letter.
with page as (
  select distinct on (d.created_at, d.partition_id, d.seq)
         q.id as queue_id, q.name as queue, d.partition_name as partition, q.namespace, q.task, q.priority, d.partition_id,
         null::timestamptz as leased_until, d.seq, d.message_id as id, d.transaction_id, d.trace_id, d.producer_sub, d.headers,
         d.created_at as written_at, d.created_at, 'dead_letter' as state
  from sluice.dead_letters d
  join sluice.queues q on q.id = d.queue_id
  where (:queue::text is null or q.name = :queue)
    and (:partition::text is null or d.partition_name = :partition)
    and (:namespace::text is null or q.namespace = :namespace)
    and (:task::text is null or q.task = :task)
    and d.created_at >= :from and d.created_at <= :to
    and (:before_at::timestamptz is null
      or (d.created_at, d.partition_id, d.seq) < (:before_at::timestamptz, :before_partition::bigint, :before_seq::bigint))
  order by d.created_at desc, d.partition_id desc, d.seq desc
  limit :limit offset :offset
)
select page.*, named.groups, named.past
from (
  select page.*, count(*) over () as found,
         coalesce(sum(octet_length(page.headers)) over (
           order by page.written_at desc, page.partition_id desc, page.seq desc
           rows between unbounded preceding and 1 preceding), 0) as bytes_before
  from page
) page
cross join lateral (
  select count(*) as groups, count(*) filter (where c.position >= page.seq) as past
  from sluice.consumer_groups g
  join sluice.cursors c on c.group_id = g.id and c.partition_id = page.partition_id
  where g.queue_id = page.queue_id and g.name <> '__QUEUE_MODE__'
) named
where page.bytes_before < :max_bytes
order by page.written_at desc, page.partition_id desc, page.seq desc;

-- name: named-groups
-- Whether consumers without a group read these queues, and how many named groups read them.
select coalesce(bool_or(g.name = '__QUEUE_MODE__'), false) as queue_mode,
       count(distinct g.name) filter (where g.name <> '__QUEUE_MODE__') as named
from sluice.consumer_groups g
join sluice.queues q on q.id = g.queue_id
where (:queue::text is null or q.name = :queue)
  and (:namespace::text is null or q.namespace = :namespace)
  and (:task::text is null or q.task = :task);

-- name: seqs-between
-- Bisects a partition for the seqs written from :from to :to. If there are none, last is less than first.
with recursive search as (
  select edge.first, edge.time, p.tail - 1 as low, p.head as high
  from sluice.partitions p
  cross join (values (true, :from::timestamptz), (false, :to::timestamptz)) as edge (first, time)
  where p.id = :partition
  union all
  select search.first, search.time,
         case when middle.before then middle.last_seq else search.low end,
         case when middle.before then search.high else middle.first_seq - 1 end
  from search
  cross join lateral (
    select s.first_seq, s.last_seq,
           case when search.first then s.created_at < search.time else s.created_at <= search.time end as before
    from sluice.segments s
    where s.partition_id = :partition and s.first_seq <= (search.low + search.high + 1) / 2
    order by s.first_seq desc
    limit 1
  ) middle
  where search.low < search.high
)
select max(low) filter (where first) + 1 as first, max(low) filter (where not first) as last from search where low >= high;

-- name: message
-- The newest message with a transaction id. Sources: 1, the segments that begin from :first to :last; 2, scheduled
-- messages; 3, dead letters, which hold a copy. Reads these segments, newest first.
select q.id as queue_id, q.name as queue, q.namespace, q.task, q.priority, q.lease_time_s, q.retry_limit, q.retry_delay_ms, q.ttl_s,
       coalesce(found.dead_partition, c.partition) as partition, found.*, c.done, c.groups, c.leased_until,
       c.groups > 0 and (found.seq <= c.done or found.seq <@ c.acked) as read,
       dead.error, dead.retries
from (
  (select 1 as source, null as dead_partition, null::bigint as dead_queue_id, s.partition_id,
          s.first_seq + at.index - 1 as seq, s.ids[at.index] as id, s.transaction_ids[at.index] as transaction_id,
          s.payloads[at.index] as payload, s.trace_ids[at.index] as trace_id,
          s.producer_subs[at.index] as producer_sub, coalesce(s.created_ats[at.index], s.created_at) as written_at,
          s.headers[at.index] as headers
   from sluice.segments s
   join sluice.partitions p on p.id = s.partition_id
   cross join lateral (select array_position(s.transaction_ids, :transaction_id) as index) at
   where s.partition_id = :partition and s.last_seq >= p.tail and s.first_seq between :first and :last
     and :transaction_id = any (s.transaction_ids) and s.payloads[at.index] is not null
   order by s.first_seq desc
   limit 1)
  union all
  (select 2, null, null, w.partition_id, null, w.message_id, w.transaction_id, w.payload, w.trace_id, w.producer_sub, w.created_at,
          w.headers
   from sluice.scheduled w
   where w.partition_id = :partition and w.transaction_id = :transaction_id
   limit 1)
  union all
  (select 3, d.partition_name, d.queue_id, d.partition_id, d.seq, d.message_id, d.transaction_id, d.payload, d.trace_id,
          d.producer_sub, d.created_at, d.headers
   from sluice.dead_letters d
   where d.partition_id = :partition and d.transaction_id = :transaction_id
   order by d.id desc
   limit 1)
) found
left join sluice.partitions p on p.id = found.partition_id
left join lateral (
  select * from sluice.partition_counts c where c.queue_id = p.queue_id and c.partition_id = p.id
  offset 0 -- Without it the planner may compute the view for all partitions.
) c on true
join sluice.queues q on q.id = coalesce(c.queue_id, found.dead_queue_id)
left join lateral (
  select d.error, d.retries from sluice.dead_letters d
  where d.partition_id = found.partition_id and d.transaction_id = found.transaction_id
    and (found.seq is null or d.seq = found.seq)
  order by d.id desc
  limit 1
) dead on true
order by found.source
limit 1;

-- name: groups-of-message
-- The groups that read the partition of a message.
select g.name, c.position >= :seq::bigint or c.acked @> :seq::bigint as consumed,
       case when c.lease_id is not null and c.available_at > now() and :seq::bigint > c.position and :seq::bigint <= c.lease_end
            then c.available_at end as leased_until
from sluice.cursors c
join sluice.consumer_groups g on g.id = c.group_id
where c.partition_id = :partition
  and g.queue_id = (select queue_id from sluice.partitions where id = :partition)
order by g.name;
