package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.GroupInfo;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.view.QueueOverview;
import dev.sluice.queue.view.QueueStatus;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A database with a writer, a reader and all administration classes. */
public final class AdministrationFixture implements AutoCloseable {
    public static final String GROUP = PopTarget.DEFAULT_GROUP;

    public final TestPostgres postgres = TestPostgres.withSchema();
    public final QueueWriter writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    public final Queue queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
    /** Has a key, because only then may options ask for encryption. */
    public final Queues queues =
            new Queues(postgres.dataSource(), "sluice", PayloadCipher.of("test:" + "0f".repeat(32), null), () -> {});

    public final ConsumerGroups groups = new ConsumerGroups(postgres.dataSource(), "sluice");
    public final DeadLetters deadLetters = new DeadLetters(postgres.dataSource(), "sluice", PayloadCipher.NONE);
    public final QueueOverview overview = new QueueOverview(postgres.dataSource(), "sluice");
    public final Retention retention = new Retention(postgres.dataSource(), "sluice");

    public void push(NewMessage... messages) {
        writer.write(List.of(messages), List.of());
    }

    /** Pushes {@code t<first>} to {@code t<last>} to partition p of queue q, one segment for each. */
    public void pushOneByOne(int first, int last) {
        for (NewMessage message : Messages.run(first, last)) {
            push(message);
        }
    }

    public PopResult pop(String group, int batch) {
        return pop(new PopTarget("q", null, group), batch);
    }

    public PopResult pop(PopTarget target, int batch) {
        return queue.pop(target, List.of(new PopRequest(batch, 1000, false, Subscription.ALL)))
                .get(0);
    }

    public List<AcknowledgeOutcome> acknowledge(
            String group, PopResult popped, Verdict verdict, String... transactionIds) {
        List<String> only = List.of(transactionIds);
        return queue.acknowledge(popped.messages().stream()
                .filter(message -> only.isEmpty() || only.contains(message.transactionId()))
                .map(message -> new Acknowledgement(
                        group, message.partitionId(), message.transactionId(), popped.leaseId(), verdict, "broken"))
                .toList());
    }

    /** Pops and completes all messages that the group has not read of queue q. */
    public void readAll(String group) {
        while (true) {
            PopResult popped = pop(group, 1000);
            if (popped.messages().isEmpty()) {
                return;
            }
            acknowledge(group, popped, Verdict.COMPLETED);
        }
    }

    public QueueInfo configure(QueueOptions.Builder options) {
        return queues.configure("q", "", "", options.build());
    }

    public static List<String> transactionIds(PopResult popped) {
        return popped.messages().stream().map(Message::transactionId).toList();
    }

    /** Moves the times of the segments of queue q up to that seq into the past. */
    public void age(Duration by, long upToSeq) {
        postgres.execute("update sluice.segments set created_at = created_at - interval '" + by.toSeconds()
                + " seconds' where last_seq <= " + upToSeq);
    }

    public String one(String sql) {
        return postgres.query(sql).get(0);
    }

    /** Returns queue {@code name} with its counts. */
    public Optional<QueueInfo> info(String name) {
        return overview.queue(name).map(QueueStatus::queue);
    }

    public long partition(String name) {
        return queues.findPartition("q", name).orElseThrow();
    }

    /** Returns the cursors, partitions and segments that break an invariant; empty if none does. */
    public List<String> broken() {
        return postgres.query("""
                select 'cursor stands outside its partition', c.group_id, c.partition_id, c.position, p.tail, p.head
                from sluice.cursors c join sluice.partitions p on p.id = c.partition_id
                where c.position < p.tail - 1 or c.position > p.head
                union all
                select 'acked outside (position + 1, head]', c.group_id, c.partition_id, c.position, lower(r), p.head
                from sluice.cursors c join sluice.partitions p on p.id = c.partition_id, unnest(c.acked) r
                where lower(r) <= c.position + 1 or upper(r) > p.head + 1
                union all
                select 'idle with something to read', c.group_id, c.partition_id, c.position, p.tail, p.head
                from sluice.cursors c join sluice.partitions p on p.id = c.partition_id
                where c.available_at is null and c.position < p.head
                union all
                select 'cursor without a partition', c.group_id, c.partition_id, 0, 0, 0
                from sluice.cursors c where not exists (select from sluice.partitions p where p.id = c.partition_id)
                union all
                select 'partition without its cursor', g.id, p.id, 0, 0, 0
                from sluice.consumer_groups g join sluice.partitions p on p.queue_id = g.queue_id
                where not exists (select from sluice.cursors c where c.group_id = g.id and c.partition_id = p.id)
                union all
                select 'seqs that are kept and not there', 0, p.id, count(s.last_seq), p.tail, p.head
                from sluice.partitions p left join sluice.segments s on s.partition_id = p.id and s.first_seq >= p.tail
                group by p.id having coalesce(sum(s.last_seq - s.first_seq + 1), 0) <> p.head - p.tail + 1
                union all
                select 'segment of no partition, and not marked', 0, s.partition_id, s.first_seq, 0, 0
                from sluice.segments s
                where not exists (select from sluice.partitions p where p.id = s.partition_id)
                  and not exists (select from sluice.deletions d where d.partition_id = s.partition_id)
                union all
                select 'segment before the tail, and not marked', 0, s.partition_id, s.first_seq, 0, 0
                from sluice.segments s join sluice.partitions p on p.id = s.partition_id and s.first_seq < p.tail
                where not exists (select from sluice.deletions d where d.partition_id = p.id and d.before_seq > s.first_seq)
                """);
    }

    /** Returns a group of queue q. */
    public GroupInfo group(String name) {
        List<GroupInfo> infos = groups.list(name, "q");
        assertThat(infos).hasSize(1);
        return infos.get(0);
    }

    /** Returns when segment {@code i} of queue q was written, the first being 1. */
    public Instant writtenAt(int i) {
        try (var connection = postgres.dataSource().getConnection();
                var statement = connection.prepareStatement(
                        "select created_at from sluice.segments order by first_seq offset ? limit 1")) {
            statement.setInt(1, i - 1);
            try (var row = statement.executeQuery()) {
                row.next();
                return row.getTimestamp(1).toInstant();
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the transaction ids of the visible messages, by seq. */
    public List<String> kept() {
        return postgres.query("select transaction_id from sluice.messages order by seq");
    }

    /** Runs all of the work at the same time, and returns the results. */
    public static <T> List<T> inParallel(List<Callable<T>> work) throws Exception {
        var pool = Executors.newFixedThreadPool(Math.min(8, work.size()));
        try {
            var results = new ArrayList<T>();
            for (Future<T> each : pool.invokeAll(work)) {
                results.add(each.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }

    @Override
    public void close() {
        writer.close();
        postgres.close();
    }
}
