package dev.sluice.queue.view;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.index.IdIndex;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.OptionalLong;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Stores and finds traces: notes that consumers make about messages. A reader finds them by message, or by a name that
 * the traces of several messages share.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class Traces {
    /** How far from the position of a group {@link #add} looks for a message first. */
    private static final int NEAR = 10_000;
    /** In how many of the newest segments of a partition {@link #byName} looks for a payload. */
    private static final int SEGMENTS = 20;
    /** Bytes of data and payload on a page. The trace that exceeds the limit is the last one on the page. */
    private static final long PAGE_BYTES = 16L << 20;
    /** Traces deleted in one transaction. */
    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final IdIndex ids;

    /**
     * Makes the traces of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts payloads
     */
    public Traces(DataSource dataSource, String schema, PayloadCipher cipher) {
        this.cipher = cipher;
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("traces.sql", schema);
        this.ids = new IdIndex(schema);
    }

    /**
     * A page of a list.
     *
     * @param entries the entries
     * @param more whether more entries follow
     * @param total how many entries the list has
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
     * @param traces how many traces have it
     * @param messages how many messages these traces are about
     * @param lastSeen when the newest of these traces was stored
     */
    public record Name(String name, long traces, long messages, Instant lastSeen) {}

    /** A row with the number of rows that the statement found before it cut them to the bytes of a page. */
    private record Row<T>(T entry, long found) {}

    /**
     * Stores a trace of a message.
     *
     * @param group the consumer's group
     * @param data JSON text
     * @param names names to find the trace by
     * @return the id of the trace; empty if there is no such message
     * @throws QueueException if PostgreSQL failed; nothing was stored, unless the commit failed
     */
    public OptionalLong add(
            long partitionId,
            String transactionId,
            String group,
            String eventType,
            String data,
            Collection<String> names) {
        return transactions.run("could not add a trace", connection -> {
            if (!exists(connection, partitionId, transactionId, group)) {
                return OptionalLong.empty();
            }
            long id = statements
                    .on(connection, "add")
                    .set("partition", partitionId)
                    .set("transaction_id", transactionId)
                    .set("group", group)
                    .set("event_type", eventType)
                    .set("data", data)
                    .first(row -> row.getLong("id"))
                    .orElseThrow();
            statements
                    .on(connection, "name")
                    .set("trace", id)
                    .set("names", names.toArray(String[]::new))
                    .execute();
            return OptionalLong.of(id);
        });
    }

    private boolean exists(Connection connection, long partitionId, String transactionId, String group)
            throws SQLException {
        IdIndex.Segments segments = ids.find(connection, partitionId, transactionId);
        return !segments.indexed().isEmpty()
                || statements
                        .on(connection, "message-exists")
                        .set("partition", partitionId)
                        .set("transaction_id", transactionId)
                        .set("group", group)
                        .set("near", NEAR)
                        .set("rest", segments.rest())
                        .first(row -> row.getBoolean("found"))
                        .orElseThrow();
    }

    /**
     * Returns the traces of a message, oldest first. The page is shorter than its limit if the data of its traces
     * exceed 16 MiB.
     *
     * @param after id of the last trace of the page before; 0: start at the oldest
     * @param limit most traces returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public Page<Trace> ofMessage(long partitionId, String transactionId, long after, int limit) {
        return transactions.run("could not read the traces of message " + transactionId, connection -> {
            List<Row<Trace>> rows = statements
                    .on(connection, "of-message")
                    .set("partition", partitionId)
                    .set("transaction_id", transactionId)
                    .set("after", after)
                    .set("max_bytes", PAGE_BYTES)
                    .set("limit", limit + 1) // The extra row shows whether more follow.
                    .list(row -> new Row<>(Trace.of(row), row.getLong("found")));
            return page(rows, limit, rows.isEmpty() ? 0 : rows.get(0).found());
        });
    }

    /**
     * Returns the traces with a name, newest first. The page is shorter than its limit if its data and payloads exceed
     * 16 MiB.
     *
     * @param before id of the last trace of the page before; null: start at the newest
     * @throws QueueException if PostgreSQL failed
     */
    public Page<Trace.Found> byName(String name, int limit, long offset, @Nullable Long before) {
        return transactions.run("could not read the traces named " + name, connection -> {
            List<Row<Trace.Found>> rows = statements
                    .on(connection, "by-name")
                    .set("name", name)
                    .set("before", before)
                    .set("segments", SEGMENTS)
                    .set("max_bytes", PAGE_BYTES)
                    .set("limit", limit + 1)
                    .set("offset", offset)
                    .list(row -> new Row<>(Trace.Found.of(row, cipher), row.getLong("found")));
            long total = statements
                    .on(connection, "count-by-name")
                    .set("name", name)
                    .first(row -> row.getLong("total"))
                    .orElseThrow();
            return page(rows, limit, total);
        });
    }

    /** Returns the page of rows that were read with a limit of one more. */
    private static <T> Page<T> page(List<Row<T>> rows, int limit, long total) {
        boolean more = rows.size() > limit
                || (!rows.isEmpty() && rows.size() < rows.get(0).found());
        return new Page<>(rows.stream().limit(limit).map(Row::entry).toList(), more, total);
    }

    /**
     * Returns the names of traces, in alphabetical order.
     *
     * @param after last name of the page before; null: start at the first
     * @throws QueueException if PostgreSQL failed
     */
    public Page<Name> names(int limit, long offset, @Nullable String after) {
        return transactions.run("could not read the names of traces", connection -> {
            List<Row<Name>> rows = statements
                    .on(connection, "names")
                    .set("after", after)
                    .set("limit", limit + 1)
                    .set("offset", offset)
                    .list(row -> {
                        var name = new Name(
                                row.getString("name"),
                                row.getLong("traces"),
                                row.getLong("messages"),
                                row.getTimestamp("last_seen").toInstant());
                        return new Row<>(name, 0);
                    });
            long total = statements
                    .on(connection, "count-names")
                    .first(row -> row.getLong("total"))
                    .orElseThrow();
            return page(rows, limit, total);
        });
    }

    /**
     * Deletes traces of a given age, a thousand in one transaction.
     *
     * @param days least age
     * @return how many traces were deleted
     * @throws QueueException if PostgreSQL failed; some traces may have been deleted
     */
    public long prune(int days) {
        return transactions.repeat(
                "could not delete old traces",
                connection -> statements
                        .on(connection, "prune")
                        .set("days", days)
                        .set("rows", ROWS)
                        .execute());
    }
}
