package dev.sluice.queue.view;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.index.IdIndex;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Shows the messages of a schema: lists of them, and one message with its payload. The cost of a page depends on its
 * size and on the number of partitions, not on the number of messages: the statements find the segments of a page by
 * their primary key.
 *
 * <p>Every method is one transaction and blocks. Safe for use by many threads.
 */
public final class StoredMessages {
    /** Most messages up to the end of a page. To see older messages, a caller gives a time or a key to start from. */
    public static final int MAX_DEPTH = 10_000;
    /** Most partitions that a page comes from: those with the newest pushes. */
    public static final int MAX_PARTITIONS = 1_000;

    /** Bytes of headers on a page. The message that exceeds the limit is the last one on the page. */
    public static final int MAX_HEADER_BYTES = 4 << 20;

    /** Messages read beyond the end of a page, because some may be deleted or have another state. */
    private static final int SLACK = 1_000;

    /** How long before the time in its transaction id a message may be written: clocks differ. */
    private static final Duration BEFORE_ID = Duration.ofMinutes(10);
    /** How long after the time in its transaction id a message may be written: it may wait on its way. */
    private static final Duration AFTER_ID = Duration.ofHours(1);

    private static final Instant EARLIEST = Instant.EPOCH;
    private static final Instant LATEST = Instant.parse("9999-12-31T00:00:00Z");

    /** The value of {@code source} in the statement {@code message} for a message in a segment. */
    private static final int IN_SEGMENT = 1;

    private final Transactions transactions;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final IdIndex ids;

    /**
     * Makes the view of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts payloads
     */
    public StoredMessages(DataSource dataSource, String schema, PayloadCipher cipher) {
        this.cipher = cipher;
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("stored_messages.sql", schema);
        this.ids = new IdIndex(schema);
    }

    /**
     * The consumers of some queues.
     *
     * @param queueMode whether consumers without a group read the queues
     * @param named how many named groups read the queues
     */
    public record Readers(boolean queueMode, int named) {}

    /**
     * A page of the messages that match a filter.
     *
     * @param messages the messages, newest first
     * @param readers the consumers of the queues of the filter
     * @param leavesOutPartitions whether more than {@value #MAX_PARTITIONS} partitions match the filter, so that the
     *     page leaves out those with older pushes
     * @param isCut whether the page ends before its limit because its headers have {@value #MAX_HEADER_BYTES} bytes
     */
    public record Page(List<ListedMessage> messages, Readers readers, boolean leavesOutPartitions, boolean isCut) {
        public Page {
            messages = List.copyOf(messages);
        }
    }

    /**
     * The last message of a page.
     *
     * @param writtenAt when it was written
     * @param partitionId id of its partition
     * @param seq its position there
     */
    public record Key(Instant writtenAt, long partitionId, long seq) {}

    /**
     * Returns a page of messages, newest first, without scheduled messages. Where single messages were deleted, or if
     * the headers are large, a page may be shorter than its limit although more messages follow.
     *
     * @param limit most messages returned
     * @param offset how many messages to skip first
     * @param before where the page before ended; null: start at the newest
     * @throws IllegalArgumentException if limit or offset is negative, or their sum is above {@value #MAX_DEPTH}
     * @throws QueueException if PostgreSQL failed
     */
    public Page list(MessageFilter filter, int limit, int offset, @Nullable Key before) {
        if (limit < 0 || offset < 0 || (long) limit + offset > MAX_DEPTH) {
            throw new IllegalArgumentException("limit and offset must be 0 or more and together at most " + MAX_DEPTH
                    + ", were " + limit + " and " + offset);
        }
        boolean dead = filter.state() == MessageState.DEAD_LETTER;
        return transactions.run("could not read the messages", connection -> {
            BoundStatement statement = dead
                    ? filtered(connection, "dead-messages", filter, before)
                    : filtered(connection, "messages", filter, before)
                            .set(
                                    "state",
                                    filter.state() == null
                                            ? null
                                            : filter.state().text())
                            .set("partitions", MAX_PARTITIONS)
                            .set("scanned", limit + offset + SLACK);
            var found = new AtomicInteger();
            List<ListedMessage> messages = statement
                    .set("limit", limit)
                    .set("offset", offset)
                    .set("before_at", before == null ? null : before.writtenAt())
                    .set("before_partition", before == null ? null : (Long) before.partitionId())
                    .set("before_seq", before == null ? null : (Long) before.seq())
                    .set("max_bytes", MAX_HEADER_BYTES)
                    .list(row -> {
                        found.set(row.getInt("found"));
                        return ListedMessage.of(row, cipher);
                    });
            return new Page(
                    messages,
                    readers(connection, filter.queues()),
                    !dead && leavesOutPartitions(connection, filter, before),
                    messages.size() < found.get());
        });
    }

    private boolean leavesOutPartitions(Connection connection, MessageFilter filter, @Nullable Key before)
            throws SQLException {
        return filtered(connection, "leaves-out-partitions", filter, before)
                .set("partitions", MAX_PARTITIONS)
                .first(row -> row.getBoolean("leaves_out"))
                .orElseThrow();
    }

    private BoundStatement filtered(Connection connection, String name, MessageFilter filter, @Nullable Key before)
            throws SQLException {
        Instant to = before == null ? Objects.requireNonNullElse(filter.to(), LATEST) : before.writtenAt();
        return filter.queues()
                .set(statements.on(connection, name))
                .set("partition", filter.partition())
                .set("from", Objects.requireNonNullElse(filter.from(), EARLIEST))
                .set("to", to);
    }

    private Readers readers(Connection connection, ResourceFilter queues) throws SQLException {
        return queues.set(statements.on(connection, "named-groups"))
                .first(row -> new Readers(row.getBoolean("queue_mode"), row.getInt("named")))
                .orElseThrow();
    }

    /**
     * Returns the message with a transaction id: a stored message, a scheduled one, or a dead letter that outlived its
     * message. The deduplication window allows several messages with one id; then the method returns one that was
     * written around the time in the id, or else the newest.
     *
     * <p>The method looks in the segments behind the last block of the {@link IdIndex}, and then in those that the
     * index names. If the id is a UUID of version 7, which client libraries create, it contains a time: then the method
     * looks first in the segments that the index names, and then in those around that time.
     *
     * @param partitionId id of its partition
     * @param transactionId its key
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<MessageDetail> find(long partitionId, String transactionId) {
        return transactions.run("could not read message " + transactionId, connection -> {
            IdIndex.Segments segments = ids.find(connection, partitionId, transactionId);
            for (Seqs seqs : places(connection, partitionId, transactionId, segments)) {
                Optional<MessageDetail> found = find(connection, partitionId, transactionId, seqs);
                if (found.isPresent()) {
                    return found;
                }
            }
            return find(connection, partitionId, transactionId, Seqs.OUTSIDE);
        });
    }

    /** A range of seqs, both ends included. */
    private record Seqs(long first, long last) {
        /** No seqs: a message that is in no segment. */
        static final Seqs OUTSIDE = new Seqs(Long.MAX_VALUE, 0);
    }

    /** Returns where the first seqs of the segments lie that may have a message, in the order in which to look. */
    private List<Seqs> places(Connection connection, long partitionId, String transactionId, IdIndex.Segments segments)
            throws SQLException {
        List<Seqs> indexed =
                segments.indexed().stream().map(seq -> new Seqs(seq, seq)).toList();
        Seqs rest = new Seqs(segments.rest(), Long.MAX_VALUE);
        var places = new ArrayList<Seqs>(indexed);
        Instant created = MessageIds.timeOf(transactionId);
        if (created == null) {
            places.add(0, rest);
        } else {
            Seqs around = around(connection, partitionId, created);
            places.add(new Seqs(Math.max(around.first(), rest.first()), around.last()));
            places.add(rest);
        }
        places.removeIf(seqs -> seqs.first() > seqs.last());
        return places;
    }

    private Seqs around(Connection connection, long partitionId, Instant time) throws SQLException {
        return statements
                .on(connection, "seqs-between")
                .set("partition", partitionId)
                .set("from", time.minus(BEFORE_ID))
                .set("to", time.plus(AFTER_ID))
                .first(row -> new Seqs(row.getLong("first"), row.getLong("last")))
                .orElseThrow();
    }

    /**
     * Returns the message if it is in a segment that begins at one of these seqs; {@link Seqs#OUTSIDE}: if it is
     * scheduled or a dead letter.
     */
    private Optional<MessageDetail> find(Connection connection, long partitionId, String transactionId, Seqs seqs)
            throws SQLException {
        return statements
                .on(connection, "message")
                .set("partition", partitionId)
                .set("transaction_id", transactionId)
                .set("first", seqs.first())
                .set("last", seqs.last())
                .first(row -> seqs.equals(Seqs.OUTSIDE) || row.getInt("source") == IN_SEGMENT
                        ? Optional.of(
                                MessageDetail.of(row, cipher, groups(connection, partitionId, row.getLong("seq"))))
                        : Optional.<MessageDetail>empty())
                .flatMap(found -> found);
    }

    /**
     * Returns the groups that read the partition of a message.
     *
     * @param seq seq of the message; 0 for a scheduled message, which has none yet
     */
    private List<MessageDetail.Reader> groups(Connection connection, long partitionId, long seq) throws SQLException {
        return statements
                .on(connection, "groups-of-message")
                .set("partition", partitionId)
                .set("seq", seq)
                .list(row -> MessageDetail.Reader.of(row, seq > 0));
    }
}
