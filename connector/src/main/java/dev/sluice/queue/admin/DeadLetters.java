package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.TailAdvance;
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
 * The messages consumer groups gave up on. They outlive retention, and go with their message, partition or queue when
 * that is deleted.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class DeadLetters {
    /** Rows purged in one transaction. */
    private static final int ROWS = 1000;
    /** Payloads of a page; the one that passes it is still in it. */
    public static final long MAX_PAGE_BYTES = 16L << 20;

    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final long pageBytes;

    /**
     * Makes the administration of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts the payloads that are listed
     */
    public DeadLetters(DataSource dataSource, String schema, PayloadCipher cipher) {
        this(dataSource, schema, cipher, MAX_PAGE_BYTES);
    }

    /**
     * Makes the same for a process with little memory.
     *
     * @param pageBytes payloads of a page; the one that passes it is still in it
     */
    public DeadLetters(DataSource dataSource, String schema, PayloadCipher cipher, long pageBytes) {
        this.pageBytes = pageBytes;
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.cipher = cipher;
        this.statements = Statements.read("dead_letters.sql", schema);
    }

    /**
     * A part of what a filter lets through.
     *
     * @param letters the part asked for, newest failure first
     * @param more whether there are more after them
     * @param total how many there are in all, at the same moment
     */
    public record Page(List<DeadLetter> letters, boolean more, long total) {
        public Page {
            letters = List.copyOf(letters);
        }
    }

    /**
     * Where a page ended.
     *
     * @param failedAt when the last letter of the page failed
     * @param id its id
     */
    public record Key(Instant failedAt, long id) {}

    /**
     * Returns a part of the dead letters, newest failure first. It ends early when its payloads pass the bytes of a
     * page.
     *
     * @param limit most of them returned, 0 or more
     * @param offset how many to leave out first, 0 or more
     * @param before where the page before ended; null: from the newest on
     * @throws QueueException if PostgreSQL failed
     */
    public Page list(DeadLetterFilter filter, int limit, long offset, @Nullable Key before) {
        if (limit < 0 || offset < 0) {
            throw new IllegalArgumentException("limit and offset must be 0 or more, were " + limit + " and " + offset);
        }
        return transactions.run("could not read the dead letters", connection -> {
            // One snapshot for both statements, so that the total fits the part.
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            try {
                var letters = new ArrayList<DeadLetter>();
                long found = 0;
                try (var statement = filtered(connection, "dead-letters", filter)
                                .set("limit", limit + 1) // One more tells whether there are more.
                                .set("offset", offset)
                                .set("before_at", before == null ? null : before.failedAt())
                                .set("before_id", before == null ? null : (Long) before.id())
                                .set("max_bytes", pageBytes);
                        ResultSet row = statement.query()) {
                    while (row.next()) {
                        found = row.getLong("found");
                        letters.add(DeadLetter.of(row, cipher));
                    }
                }
                long total = count(connection, filter);
                boolean more = letters.size() > limit || letters.size() < found;
                return new Page(letters.subList(0, Math.min(limit, letters.size())), more, total);
            } finally {
                connection.rollback();
                connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            }
        });
    }

    /**
     * Returns how many dead letters there are.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public long count(DeadLetterFilter filter) {
        return transactions.run("could not count the dead letters", connection -> count(connection, filter));
    }

    /**
     * Returns the ids of dead letters, oldest first.
     *
     * @param limit most of them returned, 0 or more
     * @throws QueueException if PostgreSQL failed
     */
    public List<Long> ids(DeadLetterFilter filter, int limit) {
        return transactions.run("could not read the dead letters", connection -> {
            return ids(filtered(connection, "dead-letter-ids", filter).set("limit", limit));
        });
    }

    /**
     * Returns the ids of the dead letters of one message, oldest first: one for each group that gave up on it.
     *
     * @param partitionId id of its partition
     * @param transactionId its key
     * @throws QueueException if PostgreSQL failed
     */
    public List<Long> idsOfMessage(long partitionId, String transactionId) {
        return byIndex.run("could not read the dead letters of message " + transactionId, connection -> {
            return ids(new BoundStatement(connection, statements.get("dead-letter-ids-of-message"))
                    .set("partition", partitionId)
                    .set("transaction_id", transactionId));
        });
    }

    private static List<Long> ids(BoundStatement query) throws SQLException {
        var ids = new ArrayList<Long>();
        try (query;
                ResultSet row = query.query()) {
            while (row.next()) {
                ids.add(row.getLong("id"));
            }
        }
        return ids;
    }

    /**
     * Deletes dead letters for good.
     *
     * @param ids which; those that are not there are ignored
     * @return how many there were
     * @throws QueueException if PostgreSQL failed; nothing was deleted, unless it failed while committing
     */
    public int purge(Collection<Long> ids) {
        return byIndex.run("could not purge dead letters", connection -> {
            try (var statement = new BoundStatement(connection, statements.get("purge-dead-letters-by-id"))
                    .set("ids", TailAdvance.longs(ids))) {
                return statement.update();
            }
        });
    }

    /**
     * Deletes dead letters for good, a thousand at a time. Those that come meanwhile stay.
     *
     * @return how many there were
     * @throws QueueException if PostgreSQL failed; some may have been deleted
     */
    public long purge(DeadLetterFilter filter) {
        requireNonNull(filter, "filter");
        long newest = transactions.run("could not read the dead letters", connection -> {
            try (var statement = new BoundStatement(connection, statements.get("newest-dead-letter"));
                    ResultSet row = statement.query()) {
                row.next();
                return row.getLong("id");
            }
        });
        long purged = 0;
        int step;
        do {
            step = transactions.run("could not purge dead letters", connection -> {
                try (var statement = filtered(connection, "purge-dead-letters", filter)
                        .set("max_id", newest)
                        .set("limit", ROWS)) {
                    return statement.update();
                }
            });
            purged += step;
        } while (step > 0);
        return purged;
    }

    private long count(Connection connection, DeadLetterFilter filter) throws SQLException {
        try (var statement = filtered(connection, "count-dead-letters", filter);
                ResultSet row = statement.query()) {
            row.next();
            return row.getLong(1);
        }
    }

    private BoundStatement filtered(Connection connection, String name, DeadLetterFilter filter) throws SQLException {
        return new BoundStatement(connection, statements.get(name))
                .set("queue", filter.queue())
                .set("group", filter.group())
                .set("partition", filter.partition())
                .set("from", filter.from())
                .set("to", filter.to())
                .set("error", filter.error());
    }
}
