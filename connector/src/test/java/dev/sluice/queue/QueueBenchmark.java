package dev.sluice.queue;

import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.postgresql.PGConnection;

/**
 * Compares the queue's segment rows with three tables of one row per message, on the same server and in turns:
 *
 * <ul>
 *   <li><em>Same content</em> has the columns of a message of the queue and indexes on partition and seq and on
 *       transaction id. The client assigns the seqs, so no lock is taken.
 *   <li><em>Locked</em> is the same table, with seqs that are assigned under a lock of the partition, as in the queue.
 *   <li><em>Unordered</em> has no seqs. It finds ids and duplicates, and cannot be read in order.
 * </ul>
 *
 * <p>Each measurement begins with a checkpoint, and autovacuum is off, so that no measurement pays for the one before
 * it. Prints the median of messages per second, the factor by which the segments were faster in the same round (median,
 * least and most), and the bytes of write-ahead log per message.
 *
 * <p>Run by {@code mvn -pl connector test-compile exec:java -Dexec.mainClass=dev.sluice.queue.QueueBenchmark}. The
 * optional argument is the number of seconds per measurement, 2 by default.
 */
public final class QueueBenchmark {
    private static final int FLUSH_MESSAGES = 10_000;
    /** An odd number, so that there is a median. */
    private static final int ROUNDS = 7;

    private static final MessageIds IDS = new MessageIds();
    private static final String SAME_CONTENT = "same_content";
    private static final String LOCKED = "locked";
    /**
     * Messages in a table before a measurement. A queue keeps its messages, and the indexes of an empty table cost
     * nothing.
     */
    private static final int CONTENT = 1_000_000;
    /** Batch of a pop. */
    private static final int POP_MESSAGES = 100;
    /** Least number of messages that a pop can find, over all partitions. */
    private static final int MIN_READY_MESSAGES = 200_000;

    private final TestPostgres postgres;
    private final long nanos;

    private QueueBenchmark(TestPostgres postgres, Duration each) {
        this.postgres = postgres;
        this.nanos = each.toNanos();
    }

    /** Runs the benchmark. */
    public static void main(String[] args) throws Exception {
        var each = Duration.ofSeconds(args.length > 0 ? Long.parseLong(args[0]) : 2);
        try (TestPostgres postgres = TestPostgres.withSchema()) {
            var benchmark = new QueueBenchmark(postgres, each);
            for (int partitions : new int[] {100, 10_000, 100_000}) {
                benchmark.popAndAck(partitions);
            }
            postgres.execute("alter system set autovacuum = off");
            postgres.execute("select pg_reload_conf()");
            for (int perSegment : new int[] {100, 10, 1}) {
                benchmark.compareWrites(perSegment);
            }
        }
        System.exit(0);
    }

    private interface Write {
        void all(List<NewMessage> messages) throws Exception;
    }

    private void compareWrites(int perSegment) throws Exception {
        postgres.execute("drop table if exists unordered, same_content, locked, heads");
        postgres.execute(
                "create table unordered (id uuid primary key, partition_id bigint not null, transaction_id text not null,"
                        + " payload text not null, created_at timestamptz not null default now(), unique (partition_id, transaction_id))");
        for (String table : List.of(SAME_CONTENT, LOCKED)) {
            postgres.execute("create table " + table
                    + " (partition_id bigint, seq bigint, id uuid not null, transaction_id text not null, payload text not null,"
                    + " created_at timestamptz not null default now(), primary key (partition_id, seq),"
                    + " unique (partition_id, transaction_id))");
        }
        postgres.execute("create table heads (id bigint primary key, head bigint not null) with (fillfactor = 50)");
        postgres.execute(
                "insert into heads select i, 0 from generate_series(0, " + (FLUSH_MESSAGES / perSegment - 1) + ") i");
        postgres.execute("vacuum analyze heads");
        // Large segments of the cases before leave free space in their pages, which small segments would search.
        postgres.execute("truncate sluice.segments");
        String queue = "w" + perSegment;
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
                Connection connection = postgres.dataSource().getConnection()) {
            IndexPlans.on(connection); // As the queue's writer: one index probe after the other.
            connection.setAutoCommit(false);
            var segments = new Measured("segments", messages -> writer.write(messages, List.of()));
            var next = new HashMap<Long, Long>();
            List<Measured> all = List.of(
                    segments,
                    new Measured("same content", messages -> copyNumbered(connection, SAME_CONTENT, messages, next)),
                    new Measured("locked", messages -> copyLocked(connection, messages)),
                    new Measured("unordered", messages -> copyUnordered(connection, messages)));
            for (Measured each : all) {
                for (int content = 0; content < CONTENT; content += FLUSH_MESSAGES) {
                    each.write.all(messages(queue, FLUSH_MESSAGES / perSegment, perSegment));
                }
            }
            postgres.execute("vacuum analyze");
            for (int round = 0; round < ROUNDS; round++) {
                for (Measured each : all) {
                    postgres.execute("checkpoint");
                    long before = wal();
                    double rate = rate(queue, perSegment, each.write);
                    each.walBytes[round] = (wal() - before) / (rate * nanos / 1e9);
                    each.rates[round] = rate;
                }
            }
            System.out.printf(Locale.ROOT, "write, %3d messages a segment:", perSegment);
            for (Measured each : all) {
                double[] times = each.timesLessThan(segments);
                System.out.printf(
                        Locale.ROOT,
                        "  %s %,.0f/s (%.2f times, %.2f to %.2f, %.0f bytes of WAL a message)",
                        each.name,
                        median(each.rates),
                        median(times),
                        times[0],
                        times[ROUNDS - 1],
                        median(each.walBytes));
            }
            System.out.println();
        }
    }

    /** A way to write, with the measurements of each round. */
    private static final class Measured {
        private final String name;
        private final Write write;
        private final double[] rates = new double[ROUNDS];
        private final double[] walBytes = new double[ROUNDS];

        Measured(String name, Write write) {
            this.name = name;
            this.write = write;
        }

        /** Returns the factors by which the other was faster, least first. */
        private double[] timesLessThan(Measured other) {
            var times = new double[ROUNDS];
            for (int round = 0; round < ROUNDS; round++) {
                times[round] = other.rates[round] / rates[round];
            }
            Arrays.sort(times);
            return times;
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /** Returns messages written per second, without the time to make them. */
    private double rate(String queue, int perSegment, Write write) throws Exception {
        long spent = 0;
        long messages = 0;
        do {
            List<NewMessage> batch = messages(queue, FLUSH_MESSAGES / perSegment, perSegment);
            long start = System.nanoTime();
            write.all(batch);
            spent += System.nanoTime() - start;
            messages += FLUSH_MESSAGES;
        } while (spent < nanos);
        return messages / (spent / 1e9);
    }

    private void popAndAck(int partitions) {
        String name = "p" + partitions;
        var target = new PopTarget(name, null, "readers");
        var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            int perPartition = Math.max(POP_MESSAGES, MIN_READY_MESSAGES / partitions);
            for (int from = 0; from < partitions; from += 100) {
                var messages = new ArrayList<NewMessage>();
                for (int p = from; p < Math.min(partitions, from + 100); p++) {
                    for (int i = 0; i < perPartition; i++) {
                        messages.add(message(name, "p" + p));
                    }
                }
                writer.write(messages, List.of());
            }
        }
        var request = List.of(new PopRequest(POP_MESSAGES, 1, false, Subscription.ALL));
        queue.pop(target, request); // Registers the group, with a cursor for each partition.
        postgres.execute("vacuum analyze");
        postgres.execute("checkpoint");
        long start = System.nanoTime();
        long count = 0;
        long pops = 0;
        while (System.nanoTime() - start < nanos) {
            PopResult result = queue.pop(target, request).get(0);
            if (result.messages().isEmpty()) {
                break;
            }
            queue.acknowledge(result.messages().stream()
                    .map(message -> new Acknowledgement(
                            "readers",
                            message.partitionId(),
                            message.transactionId(),
                            result.leaseId(),
                            Acknowledgement.Verdict.COMPLETED,
                            null))
                    .toList());
            count += result.messages().size();
            pops++;
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf(
                Locale.ROOT,
                "pop and ack, %,7d partitions: %,8.0f messages/s, %.0f messages and %.2f ms a round%n",
                partitions,
                count / seconds,
                (double) count / Math.max(1, pops),
                seconds * 1000 / Math.max(1, pops));
    }

    private long wal() {
        return Long.parseLong(postgres.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
                .get(0));
    }

    private static List<NewMessage> messages(String queue, int partitions, int perSegment) {
        var messages = new ArrayList<NewMessage>(FLUSH_MESSAGES);
        for (int p = 0; p < partitions; p++) {
            for (int i = 0; i < perSegment; i++) {
                messages.add(message(queue, "p" + p));
            }
        }
        return messages;
    }

    private static NewMessage message(String queue, String partition) {
        UUID id = IDS.next();
        String payload = "{\"id\":\"" + id + "\",\"type\":\"order.updated\",\"note\":\""
                + "abcdefghij0123456789".repeat(6) + "\"}";
        return NewMessage.of(
                id, queue, partition, UUID.randomUUID().toString(), payload.getBytes(StandardCharsets.UTF_8));
    }

    private static void copyUnordered(Connection connection, List<NewMessage> messages)
            throws SQLException, IOException {
        var text = new StringBuilder();
        for (NewMessage message : messages) {
            text.append(partition(message)).append('\t');
            content(text, message);
        }
        copy(connection, "unordered (partition_id, id, transaction_id, payload)", text);
    }

    /**
     * Writes like a flush: moves the heads of the partitions, whose rows stay locked until the commit, and copies the
     * messages with the new seqs.
     */
    private static void copyLocked(Connection connection, List<NewMessage> messages) throws SQLException, IOException {
        var counts = new TreeMap<Long, Long>();
        for (NewMessage message : messages) {
            counts.merge(partition(message), 1L, Long::sum);
        }
        var claim = new Statements.Sql(
                "update heads h set head = h.head + w.counts[width_bucket(h.id, w.ids)]"
                        + " from (values (?::bigint[], ?::bigint[])) as w (ids, counts)"
                        + " where h.id = any (w.ids) returning h.id, h.head",
                List.of("ids", "counts"));
        var next = new HashMap<Long, Long>();
        new BoundStatement(connection, claim)
                .set("ids", longs(counts.keySet()))
                .set("counts", longs(counts.values()))
                .forEach(row -> next.put(row.getLong(1), row.getLong(2) - counts.get(row.getLong(1)) + 1));
        copyNumbered(connection, LOCKED, messages, next);
    }

    /** Copies the messages with the next seqs of each partition, from 1 in a new one. */
    private static void copyNumbered(
            Connection connection, String table, List<NewMessage> messages, Map<Long, Long> next)
            throws SQLException, IOException {
        var text = new StringBuilder();
        for (NewMessage message : messages) {
            long seq = next.getOrDefault(partition(message), 1L);
            next.put(partition(message), seq + 1);
            text.append(partition(message)).append('\t').append(seq).append('\t');
            content(text, message);
        }
        copy(connection, table + " (partition_id, seq, id, transaction_id, payload)", text);
    }

    private static void content(StringBuilder text, NewMessage message) {
        text.append(message.id())
                .append('\t')
                .append(message.transactionId())
                .append('\t')
                .append(new String(message.payload(), StandardCharsets.UTF_8))
                .append('\n');
    }

    private static void copy(Connection connection, String columns, StringBuilder text)
            throws SQLException, IOException {
        connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn("copy " + columns + " from stdin", new StringReader(text.toString()));
        connection.commit();
    }

    private static long[] longs(Collection<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }

    private static long partition(NewMessage message) {
        return Long.parseLong(message.partition().substring(1));
    }
}
