package dev.sluice.queue.view;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.ResultSet;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalLong;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * What consumers note about messages, found again by message or by a name that several messages share.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class Traces {
    /** Most traces of one message that are returned. */

    /** How far from a group's position a message is looked for first. */
    private static final int NEAR = 10_000;
    /** Newest segments of a partition in which the payload of a trace's message is looked for. */
    private static final int SEGMENTS = 20;

    /** Data and payloads of a page; the trace that passes it is still in it. */
    private static final long PAGE_BYTES = 16L << 20;

    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Statements statements;
    private final PayloadCipher cipher;

    /**
     * Makes the traces of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts the payloads that are shown
     */
    public Traces(DataSource dataSource, String schema, PayloadCipher cipher) {
        this.cipher = cipher;
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("traces.sql", schema);
    }

    /**
     * A part of a list.
     *
     * @param entries the part
     * @param more whether there are more after them
     * @param total how many there are in all
     */
    public record Page<T>(List<T> entries, boolean more, long total) {
        public Page {
            entries = List.copyOf(entries);
        }
    }

    /**
     * A name of traces.
     *
     * @param name the name
     * @param traces how many have it
     * @param messages how many messages they are about
     * @param lastSeen when the newest was noted
     */
    public record Name(String name, long traces, long messages, Instant lastSeen) {}

    /**
     * Notes something about a message.
     *
     * @param group the consumer's group
     * @param data JSON text
     * @param names names to find it under
     * @return the id of the trace; nothing when there is no such message
     * @throws QueueException if PostgreSQL failed; nothing was noted, unless it failed while committing
     */
    public OptionalLong add(
            long partitionId,
            String transactionId,
            String group,
            String eventType,
            String data,
            Collection<String> names) {
        return transactions.run("could not add a trace", connection -> {
            try (var statement = new BoundStatement(connection, statements.get("message-exists"))
                            .set("partition", partitionId)
                            .set("transaction_id", transactionId)
                            .set("group", group)
                            .set("near", NEAR);
                    ResultSet row = statement.query()) {
                row.next();
                if (!row.getBoolean(1)) {
                    return OptionalLong.empty();
                }
            }
            long id;
            try (var statement = new BoundStatement(connection, statements.get("add"))
                            .set("partition", partitionId)
                            .set("transaction_id", transactionId)
                            .set("group", group)
                            .set("event_type", eventType)
                            .set("data", data);
                    ResultSet row = statement.query()) {
                row.next();
                id = row.getLong("id");
            }
            try (var statement = new BoundStatement(connection, statements.get("name"))
                    .set("trace", id)
                    .set("names", names.toArray(String[]::new))) {
                statement.update();
            }
            return OptionalLong.of(id);
        });
    }

    /**
     * Returns the traces of a message, oldest first. The page ends early when its data pass 16 MiB.
     *
     * @param after id of the last trace of the page before; 0: from the oldest on
     * @param limit most of them returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public Page<Trace> ofMessage(long partitionId, String transactionId, long after, int limit) {
        return transactions.run("could not read the traces of message " + transactionId, connection -> {
            var traces = new ArrayList<Trace>();
            long found = 0;
            try (var statement = new BoundStatement(connection, statements.get("of-message"))
                            .set("partition", partitionId)
                            .set("transaction_id", transactionId)
                            .set("after", after)
                            .set("max_bytes", PAGE_BYTES)
                            .set("limit", limit + 1); // One more tells whether there are more.
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    found = row.getLong("found");
                    traces.add(Trace.of(row));
                }
            }
            return page(traces, limit, found, found);
        });
    }

    /**
     * Returns traces of a name, newest first. The page ends early when its data and payloads pass 16 MiB.
     *
     * @param before id of the last trace of the page before; null: from the newest on
     * @throws QueueException if PostgreSQL failed
     */
    public Page<Trace.Found> byName(String name, int limit, long offset, @Nullable Long before) {
        return transactions.run("could not read the traces named " + name, connection -> {
            var traces = new ArrayList<Trace.Found>();
            long found = 0;
            try (var statement = new BoundStatement(connection, statements.get("by-name"))
                            .set("name", name)
                            .set("before", before)
                            .set("segments", SEGMENTS)
                            .set("max_bytes", PAGE_BYTES)
                            .set("limit", limit + 1)
                            .set("offset", offset);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    found = row.getLong("found");
                    String queue = row.getString("queue");
                    String stored = row.getString("payload");
                    traces.add(new Trace.Found(
                            Trace.of(row),
                            queue,
                            row.getString("partition"),
                            queue == null || stored == null ? null : cipher.open(queue, stored)));
                }
            }
            try (var statement = new BoundStatement(connection, statements.get("count-by-name")).set("name", name);
                    ResultSet row = statement.query()) {
                row.next();
                return page(traces, limit, found, row.getLong(1));
            }
        });
    }

    /** Returns the page of what was read, which is one entry more than asked for unless there are no more. */
    private static <T> Page<T> page(List<T> read, int limit, long found, long total) {
        boolean more = read.size() > limit || read.size() < found;
        return new Page<>(read.subList(0, Math.min(limit, read.size())), more, total);
    }

    /**
     * Returns names of traces, in their order.
     *
     * @param after last name of the page before; null: from the first on
     * @throws QueueException if PostgreSQL failed
     */
    public Page<Name> names(int limit, long offset, @Nullable String after) {
        return transactions.run("could not read the names of traces", connection -> {
            var names = new ArrayList<Name>();
            try (var statement = new BoundStatement(connection, statements.get("names"))
                            .set("after", after)
                            .set("limit", limit + 1)
                            .set("offset", offset);
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    Timestamp lastSeen = row.getTimestamp("last_seen");
                    names.add(new Name(
                            row.getString("name"),
                            row.getLong("traces"),
                            row.getLong("messages"),
                            lastSeen.toInstant()));
                }
            }
            try (var statement = new BoundStatement(connection, statements.get("count-names"));
                    ResultSet row = statement.query()) {
                row.next();
                return page(names, limit, names.size(), row.getLong(1));
            }
        });
    }

    /**
     * Deletes traces older than that, a thousand at a time.
     *
     * @return how many there were
     * @throws QueueException if PostgreSQL failed; some may have been deleted
     */
    public long prune(int days) {
        long pruned = 0;
        int step;
        do {
            step = transactions.run("could not delete old traces", connection -> {
                try (var statement = new BoundStatement(connection, statements.get("prune"))
                        .set("days", days)
                        .set("rows", ROWS)) {
                    return statement.update();
                }
            });
            pruned += step;
        } while (step > 0);
        return pruned;
    }
}
