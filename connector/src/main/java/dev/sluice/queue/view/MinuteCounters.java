package dev.sluice.queue.view;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * What charts are drawn from: per minute, what each bridge did for each queue, and how it was. Bridges add to it every
 * few seconds; nothing else depends on it.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class MinuteCounters {
    /** Most samples and counts of partitions that are read at a time. */
    private static final int MAX_ROWS = 100_000;

    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Statements statements;

    /** Makes the counters of a schema that {@link QueueSchema} has brought up to date. */
    public MinuteCounters(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("minute_counters.sql", schema);
    }

    /**
     * Counts of one queue.
     *
     * @param queue its name; empty: of none in particular
     * @param values by {@link Counter}; those that are missing are 0
     */
    public record Increment(String queue, Map<Counter, Long> values) {
        public Increment {
            values = Map.copyOf(values);
        }
    }

    /**
     * A time with its counts.
     *
     * @param bucket beginning of the time
     * @param queue name of the queue; empty when they are of all, or of none in particular
     * @param worker host and port of the bridge; empty when they are of all
     * @param values all of them
     */
    public record Point(Instant bucket, String queue, String worker, Map<Counter, Long> values) {
        /** Copies the values. */
        public Point {
            values = Map.copyOf(values);
        }

        /** Returns the value of a counter. */
        public long get(Counter counter) {
            return values.getOrDefault(counter, 0L);
        }
    }

    /**
     * What a series is about.
     *
     * @param from from this time
     * @param to up to this time
     * @param bucket length of a bucket, whole minutes; zero: all of the time is one bucket
     * @param queues of these queues
     * @param host name of the machine of the bridge; null: any
     */
    public record Range(
            Instant from,
            Instant to,
            Duration bucket,
            ResourceFilter queues,
            @Nullable String host) {}

    /**
     * Several samples of one metric.
     *
     * @param bucket beginning of the time they were taken in
     * @param worker host and port of the bridge
     * @param metric name of what was measured
     * @param samples how many
     * @param average their average
     * @param least the least
     * @param greatest the greatest
     * @param last the last
     */
    public record Sample(
            Instant bucket,
            String worker,
            String metric,
            long samples,
            double average,
            double least,
            double greatest,
            double last) {}

    /**
     * Adds to the minute that is now.
     *
     * @param worker host and port of the bridge
     * @throws QueueException if PostgreSQL failed; when it failed while committing, they may have been added
     */
    public void add(String worker, List<Increment> increments) {
        if (increments.isEmpty()) {
            return;
        }
        transactions.run("could not add to the counters", connection -> {
            try (var statement = statement(connection, "add")
                    .set("worker", worker)
                    .set("queues", increments.stream().map(Increment::queue).toArray(String[]::new))) {
                for (Counter counter : Counter.values()) {
                    statement.set(
                            counter.column(),
                            increments.stream()
                                    .mapToLong(each -> each.values().getOrDefault(counter, 0L))
                                    .toArray());
                }
                return statement.update();
            }
        });
    }

    /**
     * Where a page of a series ended.
     *
     * @param bucket of the last point
     * @param queue of the last point
     * @param worker of the last point
     */
    public record Key(Instant bucket, String queue, String worker) {}

    /** Which points of a series are wanted. */
    public enum Which {
        ALL,
        /** Those of a queue. */
        NAMED,
        /** Those of a queue with popped messages. */
        POPPED,
        /** Those of a queue on which pops waited. */
        PARKED
    }

    /**
     * Returns counts by time, newest first; of one time by queue and bridge.
     *
     * @param byQueue a point for each queue; otherwise of all together
     * @param byWorker a point for each bridge; otherwise of all together
     * @param which which points
     * @param limit most points returned, 0 or more
     * @param after where the page before ended; null: from the newest on
     * @throws QueueException if PostgreSQL failed
     */
    public List<Point> series(
            Range range, boolean byQueue, boolean byWorker, Which which, int limit, @Nullable Key after) {
        return transactions.run("could not read the counters", connection -> {
            var points = new ArrayList<Point>();
            try (var statement = range.queues()
                            .set(bounded(statement(connection, "series"), range))
                            .set("host", like(range.host()))
                            .set("by_queue", byQueue)
                            .set("by_worker", byWorker)
                            .set("which", which.name().toLowerCase(Locale.ROOT))
                            .set("after_bucket", after == null ? null : after.bucket())
                            .set("after_queue", after == null ? null : after.queue())
                            .set("after_worker", after == null ? null : after.worker())
                            .set("limit", limit);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    points.add(point(row));
                }
            }
            return points;
        });
    }

    private static Point point(ResultSet row) throws SQLException {
        var values = new EnumMap<Counter, Long>(Counter.class);
        for (Counter counter : Counter.values()) {
            values.put(counter, row.getLong(counter.column()));
        }
        return new Point(
                row.getTimestamp("bucket").toInstant(), row.getString("queue"), row.getString("worker"), values);
    }

    /**
     * A count of partitions.
     *
     * @param bucket beginning of the time they were made in
     * @param queue name of their queue
     * @param partitions how many
     */
    public record Created(Instant bucket, String queue, long partitions) {}

    /**
     * Returns how many partitions of some queues were made that still exist, by time and queue, newest first.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public List<Created> partitionsCreated(Range range, Collection<String> queues) {
        return transactions.run("could not read the partitions", connection -> {
            var created = new ArrayList<Created>();
            try (var statement = bounded(statement(connection, "partitions-created"), range)
                            .set("names", queues.toArray(String[]::new))
                            .set("limit", MAX_ROWS);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    created.add(new Created(
                            row.getTimestamp("bucket").toInstant(), row.getString("queue"), row.getLong("created")));
                }
            }
            return created;
        });
    }

    /**
     * Adds samples to the minute that is now.
     *
     * @param worker host and port of the bridge
     * @param samples how many were taken of each metric
     * @param metrics names of what was measured; element i of the others belongs to element i
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
        transactions.run("could not add samples", connection -> {
            try (var statement = statement(connection, "add-samples")
                    .set("worker", worker)
                    .set("samples", samples)
                    .set("metrics", metrics.toArray(String[]::new))
                    .set("sums", text(sums))
                    .set("minima", text(least))
                    .set("maxima", text(greatest))
                    .set("lasts", text(lasts))) {
                return statement.update();
            }
        });
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
        return transactions.run("could not read the samples", connection -> {
            var samples = new ArrayList<Sample>();
            try (var statement = bounded(statement(connection, "samples"), range)
                            .set("host", like(range.host()))
                            .set("limit", MAX_ROWS);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    samples.add(new Sample(
                            row.getTimestamp("bucket").toInstant(),
                            row.getString("worker"),
                            row.getString("metric"),
                            row.getLong("samples"),
                            row.getDouble("average"),
                            row.getDouble("min"),
                            row.getDouble("max"),
                            row.getDouble("last")));
                }
            }
            return samples;
        });
    }

    /**
     * Deletes what is older than that, a thousand rows at a time.
     *
     * @return how many rows there were
     * @throws QueueException if PostgreSQL failed; some may have been deleted
     */
    public long prune(int days) {
        return prune("prune", days) + prune("prune-samples", days);
    }

    private long prune(String name, int days) {
        long pruned = 0;
        int step;
        do {
            step = transactions.run("could not delete old counters", connection -> {
                try (var statement =
                        statement(connection, name).set("days", days).set("rows", ROWS)) {
                    return statement.update();
                }
            });
            pruned += step;
        } while (step > 0);
        return pruned;
    }

    private static BoundStatement bounded(BoundStatement statement, Range range) throws SQLException {
        return statement
                .set("from", range.from())
                .set("to", range.to())
                .set("minutes", range.bucket().toMinutes());
    }

    /** Returns the pattern of the workers on a machine. */
    private static @Nullable String like(@Nullable String host) {
        return host == null ? null : host.replaceAll("([\\\\%_])", "\\\\$1") + ":%";
    }

    private BoundStatement statement(Connection connection, String name) throws SQLException {
        return new BoundStatement(connection, statements.get(name));
    }
}
