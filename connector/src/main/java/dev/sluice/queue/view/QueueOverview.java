package dev.sluice.queue.view;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Shows how much the queues of a schema hold: messages by state, lag, leases and dead letters. It computes counts of
 * messages from heads and cursors. A call reads every partition of the queues that it shows, and the cursors there; its
 * cost never depends on the number of messages. A list reads only what its page shows, and continues after the last row
 * of the page before.
 *
 * <p>Every method is one transaction and blocks. Safe for use by many threads.
 */
public final class QueueOverview {
    /** Dead letters whose errors are counted. */
    private static final int SCANNED_LETTERS = 10_000;

    private static final int TOP_ERRORS = 10;

    private final Transactions transactions;
    private final Statements statements;

    /** Makes the view of a schema that {@link QueueSchema} has brought up to date. */
    public QueueOverview(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("queue_overview.sql", schema);
    }

    /**
     * The distribution of a quantity. All fields are 0 if there are no values.
     *
     * @param average the average
     * @param median the median
     * @param least the least value
     * @param greatest the greatest value
     */
    public record Spread(double average, double median, double least, double greatest) {}

    /**
     * The lag of all groups, over the partitions in which they have unread messages.
     *
     * @param messages unread messages of a partition
     * @param seconds age of the oldest unread message of a partition
     */
    public record Lag(Spread messages, Spread seconds) {}

    /**
     * Live leases.
     *
     * @param active how many leases
     * @param partitions partitions under a lease
     * @param messages messages under a lease
     * @param acked how many of these messages are acknowledged
     */
    public record Leases(long active, long partitions, long messages, long acked) {}

    /**
     * Dead letters.
     *
     * @param letters how many dead letters
     * @param partitions how many partitions they come from
     * @param errors the most frequent errors of the newest dead letters
     */
    public record DeadLetterSummary(long letters, long partitions, List<ErrorCount> errors) {
        public DeadLetterSummary {
            errors = List.copyOf(errors);
        }
    }

    /**
     * An error of dead letters.
     *
     * @param error text of the error
     * @param letters how many dead letters have it
     */
    public record ErrorCount(String error, long letters) {}

    /**
     * What several queues hold together.
     *
     * @param label name of their namespace or task; empty for all queues of a filter
     * @param queues how many queues
     * @param partitions how many partitions they have
     * @param counts their messages
     */
    public record Sum(String label, long queues, long partitions, MessageCounts counts) {
        static Sum of(ResultSet row) throws SQLException {
            return new Sum(
                    row.getString("label"), row.getLong("queues"), row.getLong("partitions"), MessageCounts.of(row));
        }
    }

    /**
     * What all queues of a filter hold together.
     *
     * @param sum queues, partitions and messages
     * @param namespaces how many namespaces the queues have
     * @param tasks how many tasks the queues have
     */
    public record Totals(Sum sum, long namespaces, long tasks) {}

    /**
     * Returns queues, newest first.
     *
     * @param before id of the last queue of the page before; null: start at the newest
     * @param limit most queues returned, 0 or more
     * @param offset how many queues to skip first, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<QueueStatus> queues(ResourceFilter filter, @Nullable Long before, int limit, long offset) {
        return transactions.run(
                "could not read the queues",
                connection -> filter.set(statements.on(connection, "queues"))
                        .set("before", before)
                        .set("limit", limit)
                        .set("offset", offset)
                        .list(row -> new QueueStatus(QueueInfo.of(row), MessageCounts.of(row))));
    }

    /** Returns a queue, or empty if there is no queue of that name. */
    public Optional<QueueStatus> queue(String name) {
        return queues(ResourceFilter.ofQueue(name), null, 1, 0).stream().findFirst();
    }

    /**
     * Returns what all queues of a filter hold together.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Totals totals(ResourceFilter filter) {
        return transactions.run(
                "could not read the queues",
                connection -> filter.set(statements.on(connection, "totals"))
                        .first(row -> new Totals(Sum.of(row), row.getLong("namespaces"), row.getLong("tasks")))
                        .orElseThrow());
    }

    /**
     * Returns namespaces by name, with what their queues hold. Does not count dead letters.
     *
     * @param after last namespace of the page before; null: start at the first
     * @param limit most namespaces returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<Sum> namespaces(@Nullable String after, int limit) {
        return sums("could not read the namespaces", false, after, limit);
    }

    /** Returns tasks by name, as {@link #namespaces} does namespaces. */
    public List<Sum> tasks(@Nullable String after, int limit) {
        return sums("could not read the tasks", true, after, limit);
    }

    private List<Sum> sums(String what, boolean byTask, @Nullable String after, int limit) {
        return transactions.run(
                what,
                connection -> statements
                        .on(connection, "sums")
                        .set("by_task", byTask)
                        .set("after", after)
                        .set("limit", limit)
                        .list(Sum::of));
    }

    /**
     * Returns the partitions of a queue, by name.
     *
     * @param after name of the last partition of the page before; empty: start at the first
     * @param limit most partitions returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<PartitionStatus> partitions(long queueId, String after, int limit) {
        return transactions.run(
                "could not read the partitions",
                connection -> statements
                        .on(connection, "partitions")
                        .set("queue_id", queueId)
                        .set("after", after)
                        .set("limit", limit)
                        .list(PartitionStatus::of));
    }

    /**
     * Returns by queue id how many messages the groups have passed, summed over the groups. Leaves out queues without
     * groups.
     *
     * @param queues ids of the queues
     * @throws QueueException if PostgreSQL failed
     */
    public Map<Long, Long> consumedByQueue(Collection<Long> queues) {
        return transactions.run("could not read the consumer groups", connection -> {
            var consumed = new HashMap<Long, Long>();
            statements
                    .on(connection, "consumed-by-queue")
                    .set("queues", queues, Long::longValue)
                    .forEach(row -> consumed.put(row.getLong("queue_id"), row.getLong("consumed")));
            return consumed;
        });
    }

    /**
     * Returns by name how many partitions queues have. Leaves out missing queues.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<String, Long> partitionNumbers(Collection<String> queues) {
        return transactions.run("could not read the partitions", connection -> {
            var numbers = new HashMap<String, Long>();
            statements
                    .on(connection, "partition-numbers")
                    .set("names", queues.toArray(String[]::new))
                    .forEach(row -> numbers.put(row.getString("name"), row.getLong("number")));
            return numbers;
        });
    }

    /**
     * Returns the lag of all groups.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Lag lag() {
        return transactions.run(
                "could not read the lag",
                connection -> statements
                        .on(connection, "lag")
                        .first(row -> new Lag(spread(row, "messages"), spread(row, "s")))
                        .orElseThrow());
    }

    private static Spread spread(ResultSet row, String unit) throws SQLException {
        return new Spread(
                row.getDouble("avg_" + unit),
                row.getDouble("median_" + unit),
                row.getDouble("min_" + unit),
                row.getDouble("max_" + unit));
    }

    /**
     * Returns the leases that are live now.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Leases leases(ResourceFilter filter) {
        return transactions.run(
                "could not read the leases",
                connection -> filter.set(statements.on(connection, "leases"))
                        .first(row -> new Leases(
                                row.getLong("active"),
                                row.getLong("partitions"),
                                row.getLong("messages"),
                                row.getLong("acked")))
                        .orElseThrow());
    }

    /**
     * Returns the number of dead letters and their most frequent errors.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public DeadLetterSummary deadLetters(ResourceFilter filter) {
        return transactions.run("could not read the dead letters", connection -> {
            List<ErrorCount> errors = errors(connection, filter);
            return filter.set(statements.on(connection, "dead-letter-count"))
                    .first(row -> new DeadLetterSummary(row.getLong("letters"), row.getLong("partitions"), errors))
                    .orElseThrow();
        });
    }

    private List<ErrorCount> errors(Connection connection, ResourceFilter filter) throws SQLException {
        return filter.set(statements.on(connection, "dead-letter-errors"))
                .set("scanned", SCANNED_LETTERS)
                .set("limit", TOP_ERRORS)
                .list(row -> new ErrorCount(row.getString("error"), row.getLong("letters")));
    }
}
