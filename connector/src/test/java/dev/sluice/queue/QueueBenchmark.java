package dev.sluice.queue;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.postgresql.PGConnection;

/**
 * Compares the queue's segment rows with two tables of one row per message, same content, same server, in turns: one that
 * finds ids and duplicates, and one that can be read in order by partition, too, as a queue must. Neither locks or numbers
 * anything. Each begins with a checkpoint, and nothing is vacuumed meanwhile: what one has left would be work in the time of the
 * next. Prints messages per second, how many times more the segments take, and the bytes of write-ahead log a message costs.
 *
 * <p>Run by {@code mvn -pl connector test-compile exec:java -Dexec.mainClass=dev.sluice.queue.QueueBenchmark}. The optional
 * argument is the number of seconds per measurement, 2 by default.
 */
public final class QueueBenchmark {
    private static final int FLUSH_MESSAGES = 10_000;
    private static final int ROUNDS = 3;
    private static final MessageIds IDS = new MessageIds();
    private static final String ROWS = "plain";
    private static final String ORDERED_ROWS = "ordered";

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
        for (String table : List.of(ROWS, ORDERED_ROWS)) {
            postgres.execute("drop table if exists " + table);
            postgres.execute(
                    "create table " + table
                            + " (id uuid primary key, partition_id bigint not null, transaction_id text not null,"
                            + " payload text not null, created_at timestamptz not null default now(), unique (partition_id, transaction_id))");
        }
        postgres.execute("create index on " + ORDERED_ROWS + " (partition_id, created_at, id)");
        String queue = "w" + perSegment;
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
                Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            var segments = new Measured("segments", messages -> writer.write(messages, List.of()));
            var rows = new Measured("rows", messages -> copyRows(connection, ROWS, messages));
            var ordered = new Measured("ordered rows", messages -> copyRows(connection, ORDERED_ROWS, messages));
            List<Measured> all = List.of(segments, rows, ordered);
            for (Measured each : all) {
                each.write.all(
                        messages(queue, FLUSH_MESSAGES / perSegment, perSegment)); // The partitions exist from here on.
            }
            for (int round = 0; round < ROUNDS; round++) {
                for (Measured each : all) {
                    postgres.execute("checkpoint");
                    long before = wal();
                    double rate = rate(queue, perSegment, each.write);
                    each.walBytes = (wal() - before) / (rate * nanos / 1e9);
                    each.best = Math.max(each.best, rate);
                }
            }
            System.out.printf(Locale.ROOT, "write, %3d messages a segment:", perSegment);
            for (Measured each : all) {
                System.out.printf(
                        Locale.ROOT,
                        "  %s %,.0f/s (%.1f times, %.0f bytes of WAL a message)",
                        each.name,
                        each.best,
                        segments.best / each.best,
                        each.walBytes);
            }
            System.out.println();
        }
    }

    /** A way to write, with its best rate in messages a second. */
    private static final class Measured {
        private final String name;
        private final Write write;
        private double best;
        private double walBytes;

        Measured(String name, Write write) {
            this.name = name;
            this.write = write;
        }
    }

    /** Returns messages written per second; making them is not counted. */
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
            int perPartition = Math.max(100, 200_000 / partitions);
            for (int from = 0; from < partitions; from += 100) {
                var messages = new ArrayList<NewMessage>();
                for (int p = from; p < Math.min(partitions, from + 100); p++) {
                    for (int i = 0; i < (p < 2_000 ? perPartition : 1); i++) {
                        messages.add(message(name, "p" + p));
                    }
                }
                writer.write(messages, List.of());
            }
        }
        var request = List.of(new PopRequest(100, 1, false, Subscription.ALL));
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
                "pop and ack of up to 100, %,7d partitions: %,8.0f messages/s, %.2f ms a round%n",
                partitions,
                count / seconds,
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
        return new NewMessage(
                id,
                queue,
                partition,
                UUID.randomUUID().toString(),
                false,
                payload.getBytes(StandardCharsets.UTF_8),
                null,
                null);
    }

    private static void copyRows(Connection connection, String table, List<NewMessage> messages)
            throws SQLException, java.io.IOException {
        var text = new StringBuilder();
        for (NewMessage message : messages) {
            text.append(message.id())
                    .append('\t')
                    .append(message.partition().substring(1))
                    .append('\t')
                    .append(message.transactionId())
                    .append('\t')
                    .append(new String(message.payload(), StandardCharsets.UTF_8))
                    .append('\n');
        }
        connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn(
                        "copy " + table + " (id, partition_id, transaction_id, payload) from stdin",
                        new java.io.StringReader(text.toString()));
        connection.commit();
    }
}
