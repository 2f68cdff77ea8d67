package dev.sluice.queue.view;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueInfo;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.TailAdvance;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * What the queues of a schema hold, counted by arithmetic on heads and cursors. Costs a look at every partition of the
 * queues asked for and its cursors, and never depends on the number of messages. A list costs what its page holds: it
 * continues after the last row of the page before.
 *
 * <p>Every method is one transaction and blocks. Safe for use by many threads.
 */
public final class QueueOverview {
    /** Dead letters of which the errors are counted. */
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
     * Values of one quantity.
     *
     * @param average 0 when there are none, as the others
     * @param median the middle
     * @param least the least
     * @param greatest the greatest
     */
    public record Spread(double average, double median, double least, double greatest) {}

    /**
     * How far groups are behind, over their partitions with something unread.
     *
     * @param messages how many are unread
     * @param seconds how long the oldest of them has waited
     */
    public record Lag(Spread messages, Spread seconds) {}

    /**
     * Live leases.
     *
     * @param active how many
     * @param partitions partitions they are on
     * @param messages messages they hold
     * @param acked of these, how many are acknowledged
     */
    public record Leases(long active, long partitions, long messages, long acked) {}

    /**
     * Dead letters.
     *
     * @param letters how many
     * @param partitions partitions they come from
     * @param errors the most frequent errors of the newest ones, with their number
     */
    public record DeadLetterSummary(long letters, long partitions, List<ErrorCount> errors) {
        public DeadLetterSummary {
            errors = List.copyOf(errors);
        }
    }

    /** An error, and how many dead letters have it. */
    public record ErrorCount(String error, long letters) {}

    /**
     * What the queues of a namespace, of a task or of a filter hold together.
     *
     * @param label name of the namespace or task; empty for a filter
     * @param queues how many queues
     * @param partitions how many partitions they have
     * @param counts their messages
     */
    public record Sum(String label, long queues, long partitions, MessageCounts counts) {
        static Sum of(String label, ResultSet row) throws SQLException {
            return new Sum(label, row.getLong("queues"), row.getLong("partitions"), MessageCounts.of(row));
        }
    }

    /**
     * What all queues of a filter hold.
     *
     * @param sum all of it
     * @param namespaces how many namespaces they are in
     * @param tasks how many tasks
     */
    public record Totals(Sum sum, long namespaces, long tasks) {}

    /**
     * Returns queues, newest first.
     *
     * @param before id of the last queue of the page before; null: from the newest on
     * @param limit most of them returned, 0 or more
     * @param offset how many to leave out first, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<QueueStatus> queues(ResourceFilter filter, @Nullable Long before, int limit, long offset) {
        return transactions.run("could not read the queues", connection -> {
            var queues = new ArrayList<QueueStatus>();
            try (var statement = filter.set(statement(connection, "queues"))
                            .set("before", before)
                            .set("limit", limit)
                            .set("offset", offset);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    queues.add(new QueueStatus(QueueInfo.of(row), MessageCounts.of(row)));
                }
            }
            return queues;
        });
    }

    /** Returns the queue of that name, or nothing when there is none. */
    public Optional<QueueStatus> queue(String name) {
        return queues(ResourceFilter.ofQueue(name), null, 1, 0).stream().findFirst();
    }

    /**
     * Returns what all queues of a filter hold together.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Totals totals(ResourceFilter filter) {
        return transactions.run("could not read the queues", connection -> {
            try (var statement = filter.set(statement(connection, "totals"));
                    ResultSet row = statement.query()) {
                row.next();
                return new Totals(Sum.of("", row), row.getLong("namespaces"), row.getLong("tasks"));
            }
        });
    }

    /**
     * Returns namespaces by name, with what their queues hold. Dead letters are not counted.
     *
     * @param after last namespace of the page before; null: from the first on
     * @param limit most of them returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<Sum> namespaces(@Nullable String after, int limit) {
        return sums("namespaces", after, limit);
    }

    /** The same of tasks. */
    public List<Sum> tasks(@Nullable String after, int limit) {
        return sums("tasks", after, limit);
    }

    private List<Sum> sums(String name, @Nullable String after, int limit) {
        return transactions.run("could not read the " + name, connection -> {
            var sums = new ArrayList<Sum>();
            try (var statement = statement(connection, name).set("after", after).set("limit", limit);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    sums.add(Sum.of(row.getString("label"), row));
                }
            }
            return sums;
        });
    }

    /**
     * Returns the partitions of a queue, by name.
     *
     * @param after name of the last partition of the page before; empty: from the first on
     * @param limit most of them returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<PartitionStatus> partitions(long queueId, String after, int limit) {
        return transactions.run("could not read the partitions", connection -> {
            var partitions = new ArrayList<PartitionStatus>();
            try (var statement = statement(connection, "partitions")
                            .set("queue_id", queueId)
                            .set("after", after)
                            .set("limit", limit);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    partitions.add(PartitionStatus.of(row));
                }
            }
            return partitions;
        });
    }

    /**
     * Returns, by the id of the queue, how many messages groups have passed, summed over the groups. A queue nobody
     * reads is not there.
     *
     * @param queues ids of the queues
     * @throws QueueException if PostgreSQL failed
     */
    public Map<Long, Long> consumedByQueue(Collection<Long> queues) {
        return transactions.run("could not read the consumer groups", connection -> {
            var consumed = new HashMap<Long, Long>();
            try (var statement = statement(connection, "consumed-by-queue").set("queues", TailAdvance.longs(queues));
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    consumed.put(row.getLong("queue_id"), row.getLong("consumed"));
                }
            }
            return consumed;
        });
    }

    /**
     * Returns how many partitions queues have, by name. A queue that does not exist is not there.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<String, Long> partitionNumbers(Collection<String> queues) {
        return transactions.run("could not read the partitions", connection -> {
            var numbers = new HashMap<String, Long>();
            try (var statement =
                            statement(connection, "partition-numbers").set("names", queues.toArray(String[]::new));
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    numbers.put(row.getString("name"), row.getLong("number"));
                }
            }
            return numbers;
        });
    }

    /**
     * Returns how far all groups are behind.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Lag lag() {
        return transactions.run("could not read the lag", connection -> {
            try (var statement = statement(connection, "lag");
                    ResultSet row = statement.query()) {
                row.next();
                return new Lag(spread(row, "messages"), spread(row, "s"));
            }
        });
    }

    private static Spread spread(ResultSet row, String unit) throws SQLException {
        return new Spread(
                row.getDouble("avg_" + unit),
                row.getDouble("median_" + unit),
                row.getDouble("min_" + unit),
                row.getDouble("max_" + unit));
    }

    /**
     * Returns what is leased now.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Leases leases(ResourceFilter filter) {
        return transactions.run("could not read the leases", connection -> {
            try (var statement = filter.set(statement(connection, "leases"));
                    ResultSet row = statement.query()) {
                row.next();
                return new Leases(
                        row.getLong("active"),
                        row.getLong("partitions"),
                        row.getLong("messages"),
                        row.getLong("acked"));
            }
        });
    }

    /**
     * Returns how many dead letters there are, and why.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public DeadLetterSummary deadLetters(ResourceFilter filter) {
        return transactions.run("could not read the dead letters", connection -> {
            var errors = new ArrayList<ErrorCount>();
            try (var statement = filter.set(statement(connection, "dead-letter-errors"))
                            .set("scanned", SCANNED_LETTERS)
                            .set("limit", TOP_ERRORS);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    errors.add(new ErrorCount(row.getString("error"), row.getLong("letters")));
                }
            }
            try (var statement = filter.set(statement(connection, "dead-letter-count"));
                    ResultSet row = statement.query()) {
                row.next();
                return new DeadLetterSummary(row.getLong("letters"), row.getLong("partitions"), errors);
            }
        });
    }

    private BoundStatement statement(Connection connection, String name) throws SQLException {
        return new BoundStatement(connection, statements.get(name));
    }
}
