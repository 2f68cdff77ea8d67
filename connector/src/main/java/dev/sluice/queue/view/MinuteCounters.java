package dev.sluice.queue.view;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Stores and returns the data of charts: for each minute, what each bridge did for each queue, and samples of its
 * process. Bridges add to the current minute every few seconds. Nothing else depends on these rows.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class MinuteCounters {
    /** Stands for the queue of counts that belong to no queue. No queue has a name with U+0000. */
    public static final String NO_QUEUE = "\0";

    /** The text of {@link #NO_QUEUE} in the table. */
    private static final String STORED_NO_QUEUE = "";

    /** The text of the empty name in the table. It is longer than the name of any queue. */
    static final String STORED_EMPTY_NAME = "(empty name)" + " ".repeat(NewMessage.MAX_NAME_LENGTH);

    /** Most samples, and most counts of partitions, that one call returns. */
    private static final int MAX_ROWS = 100_000;

    /** Rows deleted in one transaction. */
    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Statements statements;

    /** Makes the counters of a schema that {@link QueueSchema} has brought up to date. */
    public MinuteCounters(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("minute_counters.sql", schema);
    }

    /**
     * What to add to the counters of one queue.
     *
     * @param queue name of the queue; {@link #NO_QUEUE} if the counts belong to none
     * @param values by {@link Counter}; missing counters are 0
     */
    public record Increment(String queue, Map<Counter, Long> values) {
        public Increment {
            values = Map.copyOf(values);
        }
    }

    /**
     * The counters of a span of time.
     *
     * @param bucket start of the span
     * @param queue name of the queue; {@link #NO_QUEUE} for all queues together, and for counts of none
     * @param worker host and port of the bridge; empty for all bridges together
     * @param values all counters
     */
    public record Point(Instant bucket, String queue, String worker, Map<Counter, Long> values) {
        public Point {
            values = Map.copyOf(values);
        }

        /** Returns the value of a counter. */
        public long get(Counter counter) {
            return values.getOrDefault(counter, 0L);
        }
    }

    /**
     * Selects the rows of a series.
     *
     * @param from start of the time
     * @param to end of the time
     * @param bucket length of a bucket in whole minutes; zero: one bucket for all of the time
     * @param queues only these queues
     * @param host only bridges on this machine; null: all
     */
    public record Range(
            Instant from,
            Instant to,
            Duration bucket,
            ResourceFilter queues,
            @Nullable String host) {}

    /**
     * The samples of one metric in a bucket.
     *
     * @param bucket start of the bucket
     * @param worker host and port of the bridge
     * @param metric name of the metric
     * @param samples how many samples
     * @param average their average
     * @param least the least sample
     * @param greatest the greatest sample
     * @param last the last sample
     */
    public record Sample(
            Instant bucket,
            String worker,
            String metric,
            long samples,
            double average,
            double least,
            double greatest,
            double last) {

        private static Sample of(ResultSet row) throws SQLException {
            return new Sample(
                    row.getTimestamp("bucket").toInstant(),
                    row.getString("worker"),
                    row.getString("metric"),
                    row.getLong("samples"),
                    row.getDouble("average"),
                    row.getDouble("min"),
                    row.getDouble("max"),
                    row.getDouble("last"));
        }
    }

    /**
     * Adds to the counters of the current minute.
     *
     * @param worker host and port of the bridge
     * @throws QueueException if PostgreSQL failed; if the commit failed, the counts may have been added
     */
    public void add(String worker, List<Increment> increments) {
        if (increments.isEmpty()) {
            return;
        }
        transactions.run("could not add to the counters", connection -> {
            BoundStatement statement = statements
                    .on(connection, "add")
                    .set("worker", worker)
                    .setTexts("queues", increments, each -> stored(each.queue()));
            for (Counter counter : Counter.values()) {
                statement.set(
                        counter.column(), increments, each -> each.values().getOrDefault(counter, 0L));
            }
            return statement.execute();
        });
    }

    /**
     * The last point of a page of a series.
     *
     * @param bucket its bucket
     * @param queue its queue
     * @param worker its bridge
     */
    public record Key(Instant bucket, String queue, String worker) {}

    /** Selects points of a series by their queue and counters. */
    public enum Which {
        /** All points. */
        ALL,
        /** Points of a queue. */
        NAMED,
        /** Points of a queue with popped messages. */
        POPPED,
        /** Points of a queue with waiting pops. */
        PARKED
    }

    /**
     * Returns counters by time, newest first, then by queue and bridge.
     *
     * @param byQueue whether each queue has its own points; otherwise all queues are added up
     * @param byWorker whether each bridge has its own points; otherwise all bridges are added up
     * @param which which points to return
     * @param limit most points returned, 0 or more
     * @param after where the page before ended; null: start at the newest
     * @throws QueueException if PostgreSQL failed
     */
    public List<Point> series(
            Range range, boolean byQueue, boolean byWorker, Which which, int limit, @Nullable Key after) {
        String queue = range.queues().queue();
        return transactions.run(
                "could not read the counters",
                connection -> bounded(statements.on(connection, "series"), range)
                        .set("queue", queue == null ? null : stored(queue))
                        .set("namespace", range.queues().namespace())
                        .set("task", range.queues().task())
                        .set("empty_name", STORED_EMPTY_NAME)
                        .set("host", like(range.host()))
                        .set("by_queue", byQueue)
                        .set("by_worker", byWorker)
                        .set("which", which.name().toLowerCase(Locale.ROOT))
                        .set("after_bucket", after == null ? null : after.bucket())
                        .set("after_queue", after == null ? null : stored(after.queue()))
                        .set("after_worker", after == null ? null : after.worker())
                        .set("limit", limit)
                        .list(MinuteCounters::point));
    }

    private static Point point(ResultSet row) throws SQLException {
        var values = new EnumMap<Counter, Long>(Counter.class);
        for (Counter counter : Counter.values()) {
            values.put(counter, row.getLong(counter.column()));
        }
        return new Point(
                row.getTimestamp("bucket").toInstant(), shown(row.getString("queue")), row.getString("worker"), values);
    }

    private static String stored(String queue) {
        return queue.equals(NO_QUEUE) ? STORED_NO_QUEUE : queue.isEmpty() ? STORED_EMPTY_NAME : queue;
    }

    private static String shown(String stored) {
        return stored.equals(STORED_NO_QUEUE) ? NO_QUEUE : stored.equals(STORED_EMPTY_NAME) ? "" : stored;
    }

    /**
     * How many partitions of a queue were created in a bucket.
     *
     * @param bucket start of the bucket
     * @param queue name of the queue
     * @param partitions how many partitions
     */
    public record Created(Instant bucket, String queue, long partitions) {}

    /**
     * Returns how many existing partitions of some queues were created, by time and queue, newest first.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public List<Created> partitionsCreated(Range range, Collection<String> queues) {
        return transactions.run(
                "could not read the partitions",
                connection -> bounded(statements.on(connection, "partitions-created"), range)
                        .set("names", queues.toArray(String[]::new))
                        .set("limit", MAX_ROWS)
                        .list(row -> new Created(
                                row.getTimestamp("bucket").toInstant(),
                                row.getString("queue"),
                                row.getLong("created"))));
    }

    /**
     * Adds samples to the current minute.
     *
     * @param worker host and port of the bridge
     * @param samples how many samples of each metric
     * @param metrics names of the metrics; element i of the other arrays belongs to metric i
     * @throws QueueException if PostgreSQL failed
     */
    public void addSamples(
            String worker,
            int samples,
            List<String> metrics,
            double[] sums,
            double[] least,
            double[] greatest,
            double[] lasts) {
        transactions.run(
                "could not add samples",
                connection -> statements
                        .on(connection, "add-samples")
                        .set("worker", worker)
                        .set("samples", samples)
                        .set("metrics", metrics.toArray(String[]::new))
                        .set("sums", text(sums))
                        .set("minima", text(least))
                        .set("maxima", text(greatest))
                        .set("lasts", text(lasts))
                        .execute());
    }

    private static String[] text(double[] values) {
        return Arrays.stream(values).mapToObj(Double::toString).toArray(String[]::new);
    }

    /**
     * Returns samples by time, bridge and metric, oldest first.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public List<Sample> samples(Range range) {
        return transactions.run(
                "could not read the samples",
                connection -> bounded(statements.on(connection, "samples"), range)
                        .set("host", like(range.host()))
                        .set("limit", MAX_ROWS)
                        .list(Sample::of));
    }

    /**
     * Deletes rows of a given age, a thousand in one transaction.
     *
     * @param days least age
     * @return how many rows were deleted
     * @throws QueueException if PostgreSQL failed; some rows may have been deleted
     */
    public long prune(int days) {
        return prune("prune", days) + prune("prune-samples", days);
    }

    private long prune(String name, int days) {
        return transactions.repeat(
                "could not delete old counters",
                connection -> statements
                        .on(connection, name)
                        .set("days", days)
                        .set("rows", ROWS)
                        .execute());
    }

    private static BoundStatement bounded(BoundStatement statement, Range range) throws SQLException {
        return statement
                .set("from", range.from())
                .set("to", range.to())
                .set("minutes", range.bucket().toMinutes());
    }

    /** Returns the pattern of the bridges on a machine. */
    private static @Nullable String like(@Nullable String host) {
        return host == null ? null : host.replaceAll("([\\\\%_])", "\\\\$1") + ":%";
    }
}
