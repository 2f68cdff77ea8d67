package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Lists and purges dead letters: messages that a consumer group gave up on. Retention does not delete dead letters.
 * They are deleted with their message, partition or queue.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class DeadLetters {
    /** Bytes of payloads and headers on a page. The dead letter that exceeds the limit is the last one on the page. */
    public static final long MAX_PAGE_BYTES = 16L << 20;

    /** Rows purged in one transaction. */
    private static final int ROWS = 1000;

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
        return transactions.run(
                "could not read the dead letters",
                connection -> filtered(connection, "dead-letter-ids", filter)
                        .set("limit", limit)
                        .list(row -> row.getLong("id")));
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
        return byIndex.run(
                "could not purge dead letters",
                connection -> statements
                        .on(connection, "purge-dead-letters-by-id")
                        .set("ids", ids, Long::longValue)
                        .execute());
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
        long newest = transactions.run(
                "could not read the dead letters",
                connection -> statements
                        .on(connection, "newest-dead-letter")
                        .first(row -> row.getLong("id"))
                        .orElse(0L));
        return transactions.repeat(
                "could not purge dead letters",
                connection -> filtered(connection, "purge-dead-letters", filter)
                        .set("max_id", newest)
                        .set("limit", ROWS)
                        .execute());
    }

    private long count(Connection connection, DeadLetterFilter filter) throws SQLException {
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
                .set("error", filter.error());
    }
}
