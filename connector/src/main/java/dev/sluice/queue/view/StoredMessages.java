package dev.sluice.queue.view;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The messages of a schema, to be looked at. What a page costs depends on its size and on the number of partitions, not
 * on how many messages there are: the segments it needs are found by their primary key.
 *
 * <p>The statements are too large to be worth compiling, and with what the planner guesses of them PostgreSQL would; so
 * they are not ({@code jit}).
 *
 * <p>Every method is one transaction and blocks. Safe for use by many threads.
 */
public final class StoredMessages {
    /** Most messages up to the end of a page. Who wants to see older ones gives a time to start from. */
    public static final int MAX_DEPTH = 10_000;
    /** Partitions a page is taken from, those pushed to last. */
    public static final int MAX_PARTITIONS = 1_000;

    /** Messages looked at beyond the end of a page, for some may be deleted, or dead letters that are not asked for. */
    private static final int SLACK = 1_000;

    /** How long before the time in its transaction id a message may seem to be written: as far as clocks may differ. */
    private static final Duration BEFORE_ID = Duration.ofMinutes(10);
    /** How long after it: as long as a message may have been on its way. */
    private static final Duration AFTER_ID = Duration.ofHours(1);

    private static final Instant EARLIEST = Instant.EPOCH;
    private static final Instant LATEST = Instant.parse("9999-12-31T00:00:00Z");

    /** What the statement calls a message that is neither scheduled nor a dead letter only. */
    private static final int IN_PARTITION = 1;

    private final Transactions transactions;
    private final Statements statements;
    private final PayloadCipher cipher;

    /**
     * Makes the view of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts the payloads that are shown
     */
    public StoredMessages(DataSource dataSource, String schema, PayloadCipher cipher) {
        this.cipher = cipher;
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("stored_messages.sql", schema);
    }

    /**
     * Who reads some queues.
     *
     * @param queueMode whether consumers that name no group do
     * @param named how many named groups do
     */
    public record Readers(boolean queueMode, int named) {}

    /**
     * A part of what a filter lets through.
     *
     * @param messages newest first
     * @param readers who reads the queues of the filter
     * @param leavesOutPartitions whether the filter lets through more than the {@value #MAX_PARTITIONS} partitions that
     *     were looked at, those pushed to last
     */
    public record Page(List<ListedMessage> messages, Readers readers, boolean leavesOutPartitions) {
        public Page {
            messages = List.copyOf(messages);
        }
    }

    /**
     * Where a page ended.
     *
     * @param writtenAt when the last message of the page was written
     * @param partitionId id of its partition
     * @param seq its position there
     */
    public record Key(Instant writtenAt, long partitionId, long seq) {}

    /**
     * Returns a part of the messages, newest first. Scheduled ones are not among them. A page may be short, and the
     * next one not, where messages were deleted one by one.
     *
     * @param limit most of them returned
     * @param offset how many to leave out first
     * @param before where the page before ended; null: from the newest on
     * @throws IllegalArgumentException if limit or offset is negative, or both together are above {@value #MAX_DEPTH}
     * @throws QueueException if PostgreSQL failed
     */
    public Page list(MessageFilter filter, int limit, int offset, @Nullable Key before) {
        if (limit < 0 || offset < 0 || (long) limit + offset > MAX_DEPTH) {
            throw new IllegalArgumentException("limit and offset must be 0 or more and together at most " + MAX_DEPTH
                    + ", were " + limit + " and " + offset);
        }
        return transactions.run("could not read the messages", connection -> {
            withoutJit(connection);
            var messages = new ArrayList<ListedMessage>();
            try (var statement = bind(connection, filter, before)
                    .set("limit", limit)
                    .set("offset", offset)
                    .set("before_at", before == null ? null : before.writtenAt())
                    .set("before_partition", before == null ? null : (Long) before.partitionId())
                    .set("before_seq", before == null ? null : (Long) before.seq())) {
                if (filter.state() != MessageState.DEAD_LETTER) {
                    statement.set("partitions", MAX_PARTITIONS).set("scanned", limit + offset + SLACK);
                }
                try (ResultSet row = statement.query()) {
                    while (row.next()) {
                        messages.add(ListedMessage.of(row));
                    }
                }
            }
            return new Page(
                    messages, readers(connection, filter.queues()), leavesOutPartitions(connection, filter, before));
        });
    }

    private boolean leavesOutPartitions(Connection connection, MessageFilter filter, @Nullable Key before)
            throws SQLException {
        if (filter.state() == MessageState.DEAD_LETTER) {
            return false;
        }
        try (var statement = bind(
                                new BoundStatement(connection, statements.get("leaves-out-partitions")), filter, before)
                        .set("partitions", MAX_PARTITIONS);
                ResultSet row = statement.query()) {
            row.next();
            return row.getBoolean("leaves_out");
        }
    }

    private static void withoutJit(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("set local jit = off");
        }
    }

    private BoundStatement bind(Connection connection, MessageFilter filter, @Nullable Key before) throws SQLException {
        MessageState state = filter.state();
        boolean dead = state == MessageState.DEAD_LETTER;
        var statement = new BoundStatement(connection, statements.get(dead ? "dead-messages" : "messages"));
        if (!dead) {
            statement.set("state", state == null ? null : state.text());
        }
        return bind(statement, filter, before);
    }

    private static BoundStatement bind(BoundStatement statement, MessageFilter filter, @Nullable Key before)
            throws SQLException {
        return filter.queues()
                .set(statement)
                .set("partition", filter.partition())
                .set("from", orElse(filter.from(), EARLIEST))
                .set("to", before == null ? orElse(filter.to(), LATEST) : before.writtenAt());
    }

    private static Instant orElse(@Nullable Instant time, Instant otherwise) {
        return time == null ? otherwise : time;
    }

    private Readers readers(Connection connection, ResourceFilter queues) throws SQLException {
        try (var statement = queues.set(new BoundStatement(connection, statements.get("named-groups")));
                ResultSet row = statement.query()) {
            row.next();
            return new Readers(row.getBoolean("queue_mode"), row.getInt("named"));
        }
    }

    /**
     * Returns the message of that transaction id, be it in its partition, scheduled, or a dead letter that outlived it.
     * If there are several, which the window for duplicates allows, that is one from around the time in the id, or else
     * the newest.
     *
     * <p>The transaction ids of a partition have no index. One that is a UUID of version 7, as client libraries make
     * them, says when it was made: what was written around that time is read first. Otherwise, or if the message is not
     * there, this reads all of the partition, from the newest message on, until it finds one.
     *
     * @param partitionId id of its partition
     * @param transactionId its key
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<MessageDetail> find(long partitionId, String transactionId) {
        return transactions.run("could not read message " + transactionId, connection -> {
            withoutJit(connection);
            Instant made = MessageIds.timeOf(transactionId);
            if (made != null) {
                Optional<MessageDetail> found =
                        find(connection, partitionId, transactionId, around(connection, partitionId, made));
                if (found.isPresent()) {
                    return found;
                }
            }
            return find(connection, partitionId, transactionId, Seqs.ALL);
        });
    }

    /** Where to look: seqs from the first to the last. */
    private record Seqs(long first, long last) {
        static final Seqs ALL = new Seqs(0, Long.MAX_VALUE);
    }

    private Seqs around(Connection connection, long partitionId, Instant time) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("seqs-between"))
                        .set("partition", partitionId)
                        .set("from", time.minus(BEFORE_ID))
                        .set("to", time.plus(AFTER_ID));
                ResultSet row = statement.query()) {
            row.next();
            return new Seqs(row.getLong("first"), row.getLong("last"));
        }
    }

    /** Returns it if it is in the segments of these seqs; if these are all, also from elsewhere. */
    private Optional<MessageDetail> find(Connection connection, long partitionId, String transactionId, Seqs seqs)
            throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("message"))
                        .set("partition", partitionId)
                        .set("transaction_id", transactionId)
                        .set("first", seqs.first())
                        .set("last", seqs.last());
                ResultSet row = statement.query()) {
            if (!row.next() || (!seqs.equals(Seqs.ALL) && row.getInt("source") != IN_PARTITION)) {
                return Optional.empty();
            }
            return Optional.of(MessageDetail.of(row, cipher, groups(connection, partitionId, row.getLong("seq"))));
        }
    }

    /** Returns who reads the message; for a scheduled one, which has no seq yet, {@code seq} is 0. */
    private List<MessageDetail.Reader> groups(Connection connection, long partitionId, long seq) throws SQLException {
        var groups = new ArrayList<MessageDetail.Reader>();
        try (var statement = new BoundStatement(connection, statements.get("groups-of-message"))
                        .set("partition", partitionId)
                        .set("seq", seq);
                ResultSet row = statement.query()) {
            while (row.next()) {
                groups.add(new MessageDetail.Reader(
                        row.getString("name"),
                        seq > 0 && row.getBoolean("consumed"),
                        PartitionStatus.instant(row, "leased_until")));
            }
        }
        return groups;
    }
}
