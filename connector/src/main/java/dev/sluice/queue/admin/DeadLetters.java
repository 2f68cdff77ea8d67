package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Lists and purges dead letters: messages that a consumer group gave up on. They are deleted with their message,
 * partition or queue, and by {@link Retention} when they are old, if it is set up so.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class DeadLetters {
    /** Bytes of payloads and headers on a page. The dead letter that exceeds the limit is the last one on the page. */
    public static final long MAX_PAGE_BYTES = 16L << 20;

    /** Rows purged in one transaction. */
    private static final int ROWS = 1000;

    /** Rows that one call of {@link #next} looks at. */
    static final int SCANNED = 10_000;

    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final long pageBytes;

    /**
     * Makes the administration of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts the payloads and headers of a list
     */
    public DeadLetters(DataSource dataSource, String schema, PayloadCipher cipher) {
        this(dataSource, schema, cipher, MAX_PAGE_BYTES);
    }

    /**
     * Makes the same for a process with little memory.
     *
     * @param pageBytes bytes of payloads and headers on a page, instead of {@link #MAX_PAGE_BYTES}
     */
    public DeadLetters(DataSource dataSource, String schema, PayloadCipher cipher, long pageBytes) {
        this.pageBytes = pageBytes;
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.cipher = cipher;
        this.statements = Statements.read("dead_letters.sql", schema);
    }

    /**
     * A page of the dead letters that match a filter.
     *
     * @param letters the dead letters, newest failure first
     * @param more whether more dead letters follow
     * @param total how many dead letters match the filter, at the same moment
     */
    public record Page(List<DeadLetter> letters, boolean more, long total) {
        public Page {
            letters = List.copyOf(letters);
        }
    }

    /**
     * The last dead letter of a page.
     *
     * @param failedAt when it failed
     * @param id its id
     */
    public record Key(Instant failedAt, long id) {}

    /**
     * Returns a page of dead letters, newest failure first. The page is shorter than its limit if its payloads and
     * headers exceed the bytes of a page.
     *
     * @param limit most dead letters returned, 0 or more
     * @param offset how many dead letters to skip first, 0 or more
     * @param before where the page before ended; null: start at the newest
     * @throws QueueException if PostgreSQL failed
     */
    public Page list(DeadLetterFilter filter, int limit, long offset, @Nullable Key before) {
        if (limit < 0 || offset < 0) {
            throw new IllegalArgumentException("limit and offset must be 0 or more, were " + limit + " and " + offset);
        }
        return transactions.run("could not read the dead letters", connection -> {
            // Both statements read one snapshot, so that the total fits the page.
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            try {
                return page(connection, filter, limit, offset, before);
            } finally {
                connection.rollback();
                connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            }
        });
    }

    private Page page(Connection connection, DeadLetterFilter filter, int limit, long offset, @Nullable Key before)
            throws SQLException {
        record Row(DeadLetter letter, long found) {}
        List<Row> rows = filtered(connection, "dead-letters", filter)
                .set("limit", limit + 1) // The extra row shows whether more follow.
                .set("offset", offset)
                .set("before_at", before == null ? null : before.failedAt())
                .set("before_id", before == null ? null : (Long) before.id())
                .set("max_bytes", pageBytes)
                .list(row -> new Row(DeadLetter.of(row, cipher), row.getLong("found")));
        boolean more = rows.size() > limit
                || (!rows.isEmpty() && rows.size() < rows.get(0).found());
        List<DeadLetter> letters = rows.stream().limit(limit).map(Row::letter).toList();
        return new Page(letters, more, count(connection, filter));
    }

    /**
     * Returns how many dead letters match a filter.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public long count(DeadLetterFilter filter) {
        return transactions.run("could not count the dead letters", connection -> count(connection, filter));
    }

    /**
     * Returns the ids of the dead letters that match a filter, oldest first.
     *
     * @param limit most ids returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<Long> ids(DeadLetterFilter filter, int limit) {
        var ids = new ArrayList<Long>();
        Slice slice = new Slice(List.of(), 0L);
        while (ids.size() < limit && slice.through() != null) {
            slice = next(filter, slice.through(), Long.MAX_VALUE, limit - ids.size());
            ids.addAll(slice.ids());
        }
        return List.copyOf(ids);
    }

    /**
     * A part of the dead letters.
     *
     * @param ids those that match a filter, ascending
     * @param through the id up to which the dead letters were looked at; null: none is left
     */
    public record Slice(List<Long> ids, @Nullable Long through) {
        public Slice {
            ids = List.copyOf(ids);
        }
    }

    /**
     * Looks at the next dead letters in the order of their ids: at {@value #SCANNED} of them, until {@code limit} match
     * a filter. So the call takes the same time whatever the number of dead letters.
     *
     * @param after the id at which the call before ended; 0: begin with the oldest
     * @param last the greatest id that is looked at
     * @throws QueueException if PostgreSQL failed
     */
    public Slice next(DeadLetterFilter filter, long after, long last, int limit) {
        return byIndex.run(
                "could not read the dead letters",
                connection -> filtered(connection, "next-dead-letters", filter)
                        .set("after", after)
                        .set("last", last)
                        .set("scanned", SCANNED)
                        .set("limit", limit)
                        .first(DeadLetters::slice)
                        .orElseThrow());
    }

    private static Slice slice(ResultSet row) throws SQLException {
        Long[] ids = (Long[]) row.getArray("ids").getArray();
        long through = row.getLong("through");
        return new Slice(List.of(ids), row.wasNull() ? null : (Long) through);
    }

    /**
     * Returns the ids of the dead letters of one message, oldest first: one for each group that gave up on the message.
     *
     * @param partitionId id of the message's partition
     * @param transactionId key of the message
     * @throws QueueException if PostgreSQL failed
     */
    public List<Long> idsOfMessage(long partitionId, String transactionId) {
        return byIndex.run(
                "could not read the dead letters of message " + transactionId,
                connection -> statements
                        .on(connection, "dead-letter-ids-of-message")
                        .set("partition", partitionId)
                        .set("transaction_id", transactionId)
                        .list(row -> row.getLong("id")));
    }

    /**
     * Deletes dead letters for good.
     *
     * @param ids their ids; ids of no dead letter have no effect
     * @return how many dead letters were deleted
     * @throws QueueException if PostgreSQL failed; nothing was deleted, unless the commit failed
     */
    public int purge(Collection<Long> ids) {
        return byIndex.run("could not purge dead letters", connection -> purge(connection, ids));
    }

    /** Deletes dead letters in a transaction of the caller, in the order of ids. Waits for running redrives. */
    public int purge(Connection connection, Collection<Long> ids) throws SQLException {
        return statements
                .on(connection, "purge-dead-letters-by-id")
                .set("ids", ids, Long::longValue)
                .execute();
    }

    /**
     * Deletes the dead letters that match a filter for good, a thousand in one transaction. Dead letters that are
     * created during the call stay.
     *
     * @return how many dead letters were deleted
     * @throws QueueException if PostgreSQL failed; some dead letters may have been deleted
     */
    public long purge(DeadLetterFilter filter) {
        requireNonNull(filter, "filter");
        long newest = transactions.run("could not read the dead letters", this::newest);
        long purged = 0;
        Slice slice = new Slice(List.of(), 0L);
        while (slice.through() != null) {
            slice = next(filter, slice.through(), newest, ROWS);
            purged += slice.ids().isEmpty() ? 0 : purge(slice.ids());
        }
        return purged;
    }

    /** Returns the id of the newest dead letter, in a transaction of the caller; 0: there is none. */
    public long newest(Connection connection) throws SQLException {
        return statements
                .on(connection, "newest-dead-letter")
                .first(row -> row.getLong("id"))
                .orElse(0L);
    }

    /** Returns how many of these dead letters exist, in a transaction of the caller. */
    public long count(Connection connection, Collection<Long> ids) throws SQLException {
        return statements
                .on(connection, "count-dead-letters-by-id")
                .set("ids", ids, Long::longValue)
                .first(row -> row.getLong("letters"))
                .orElse(0L);
    }

    /** Returns how many dead letters match a filter, in a transaction of the caller. */
    public long count(Connection connection, DeadLetterFilter filter) throws SQLException {
        return filtered(connection, "count-dead-letters", filter)
                .first(row -> row.getLong("letters"))
                .orElse(0L);
    }

    private BoundStatement filtered(Connection connection, String name, DeadLetterFilter filter) throws SQLException {
        return statements
                .on(connection, name)
                .set("queue", filter.queue())
                .set("group", filter.group())
                .set("partition", filter.partition())
                .set("from", filter.from())
                .set("to", filter.to())
                .set("error", filter.error())
                .set("namespace", filter.namespace())
                .set("shape", filter.shape());
    }
}
