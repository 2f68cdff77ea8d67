package dev.sluice.queue.admin;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PartitionIds;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Lists the messages that are not due, cancels them, and moves them to another time.
 *
 * <p>A cancel or a move locks the partition of the message first, as a flush and the release of due messages do. So a
 * message is either released or changed, and the caller learns which. A cancel frees the transaction id of the message:
 * a later push with it is no duplicate. A move keeps everything of the message but its time: its id, its time of
 * creation ({@link Origin}), and its place among messages of the same time.
 *
 * <p>The class knows nothing of the tables of the work engine. A caller must not cancel or move a message that is a
 * work.
 *
 * <p>Every method is one transaction and blocks. Safe for use by many threads.
 */
public final class ScheduledMessages {
    /** Bytes of payloads and headers on a page. The message that exceeds the limit is the last one on the page. */
    public static final long MAX_PAGE_BYTES = 16L << 20;

    /** Messages that one page looks at, beyond its limit, if its filter names a queue or a partition. */
    static final int SCANNED = 10_000;

    private final Transactions transactions;
    private final Statements statements;
    private final PayloadCipher cipher;
    private final long pageBytes;
    private final int scanned;

    /**
     * Makes the administration of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param cipher decrypts payloads and headers
     * @param pageBytes bytes of payloads and headers on a page, at most {@link #MAX_PAGE_BYTES}
     */
    public ScheduledMessages(DataSource dataSource, String schema, PayloadCipher cipher, long pageBytes) {
        this(dataSource, schema, cipher, pageBytes, SCANNED);
    }

    ScheduledMessages(DataSource dataSource, String schema, PayloadCipher cipher, long pageBytes, int scanned) {
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("scheduled_messages.sql", schema);
        this.cipher = cipher;
        this.pageBytes = pageBytes;
        this.scanned = scanned;
    }

    /**
     * Selects scheduled messages. A message matches if it meets every condition that is not null.
     *
     * @param queue name of its queue
     * @param partition name of its partition
     * @param from earliest time at which it is due
     * @param to time before which it is due
     */
    public record Filter(
            @Nullable String queue,
            @Nullable String partition,
            @Nullable Instant from,
            @Nullable Instant to) {
        /** Selects all scheduled messages. */
        public static final Filter ALL = new Filter(null, null, null, null);

        private boolean needsNames() {
            return queue != null || partition != null;
        }
    }

    /**
     * The place of a message in the list.
     *
     * @param dueAt when it is due
     * @param row its row
     */
    public record Key(Instant dueAt, long row) {}

    /**
     * A message that is not due, or due and not released yet.
     *
     * @param row its row, which it keeps until it is released or cancelled
     * @param id the id that it got when it was accepted, and keeps when it is released
     * @param transactionId its key in the partition
     * @param queue name of its queue
     * @param partition name of its partition
     * @param partitionId id of its partition, see {@link PartitionIds}
     * @param dueAt when it is due, by the clock of the database
     * @param createdAt when it was written, or the time that it brought along ({@link Origin})
     * @param lane the lane of the message, or else that of its partition
     * @param traceId the producer's trace id, or null
     * @param producerSub subject of the producer's token, or null
     * @param headers headers of the producer; the stored text's if they cannot be decrypted
     * @param payload JSON text as the producer pushed it; the stored text if it cannot be decrypted; null in a list
     *     without payloads
     * @param encrypted whether the payload was decrypted
     */
    @SuppressWarnings("ArrayRecordComponent") // Copies of payloads would be expensive.
    public record Entry(
            long row,
            UUID id,
            String transactionId,
            String queue,
            String partition,
            long partitionId,
            Instant dueAt,
            Instant createdAt,
            PriorityLane lane,
            @Nullable UUID traceId,
            @Nullable String producerSub,
            MessageHeaders headers,
            byte @Nullable [] payload,
            boolean encrypted) {

        private static Entry of(ResultSet row, PayloadCipher cipher) throws SQLException {
            String queue = row.getString("queue");
            byte[] stored = row.getBytes("payload");
            byte[] payload = stored == null ? null : cipher.open(queue, stored);
            return new Entry(
                    row.getLong("row"),
                    row.getObject("message_id", UUID.class),
                    row.getString("transaction_id"),
                    queue,
                    row.getString("partition"),
                    row.getLong("partition_id"),
                    row.getTimestamp("due_at").toInstant(),
                    row.getTimestamp("created_at").toInstant(),
                    PriorityLane.ofNumber(row.getInt("lane")),
                    row.getObject("trace_id", UUID.class),
                    row.getString("producer_sub"),
                    cipher.open(queue, MessageHeaders.ofStored(row.getString("headers"))),
                    payload,
                    payload != stored);
        }
    }

    /**
     * A page of scheduled messages.
     *
     * @param messages the messages, those due first at the beginning; may be empty although more follow
     * @param next where the next page begins; null: no more messages match
     */
    public record Page(List<Entry> messages, @Nullable Key next) {
        public Page {
            messages = List.copyOf(messages);
        }
    }

    /**
     * Returns a page of scheduled messages, in the order of their times. A page for a queue or a partition looks at a
     * bounded number of messages of all queues, so it takes the same time however many there are. It may be shorter
     * than its limit although more messages follow; so may a page with large payloads.
     *
     * @param payloads whether the messages have their payloads
     * @param limit most messages returned, 0 or more; 0: the page is empty, and no other follows
     * @param after where the page before ended; null: start with the message that is due first
     * @throws QueueException if PostgreSQL failed
     */
    public Page list(Filter filter, boolean payloads, int limit, @Nullable Key after) {
        if (limit < 0) {
            throw new IllegalArgumentException("limit must be 0 or more, was " + limit);
        }
        int looksAt = limit + 1 + (filter.needsNames() ? scanned : 0);
        return transactions.run("could not read the scheduled messages", connection -> {
            var page = new Part(limit, looksAt);
            statements
                    .on(connection, "page")
                    .set("queue", filter.queue())
                    .set("partition", filter.partition())
                    .set("from", filter.from())
                    .set("to", filter.to())
                    .set("after_at", after == null ? null : after.dueAt())
                    .set("after_row", after == null ? null : (Long) after.row())
                    .set("scanned", looksAt)
                    .set("limit", limit + 1) // The extra row shows whether more follow.
                    .set("payloads", payloads)
                    .set("max_bytes", pageBytes)
                    .forEach(row -> page.add(row, cipher));
            return page.end();
        });
    }

    /** Collects the rows of a page. */
    private static final class Part {
        private final int limit;
        private final int looksAt;
        private final List<Entry> entries = new ArrayList<>();
        private long found;
        private @Nullable Key lastSeen;

        Part(int limit, int looksAt) {
            this.limit = limit;
            this.looksAt = looksAt;
        }

        void add(ResultSet row, PayloadCipher cipher) throws SQLException {
            Instant lastAt = Rows.instant(row, "last_at");
            if (lastAt != null && row.getLong("scanned") == looksAt) {
                lastSeen = new Key(lastAt, row.getLong("last_row"));
            }
            if (row.getObject("message_id") != null) { // Else nothing matches.
                entries.add(Entry.of(row, cipher));
                found = row.getLong("found");
            }
        }

        Page end() {
            List<Entry> shown = entries.subList(0, Math.min(limit, entries.size()));
            if (limit == 0) {
                return new Page(List.of(), null);
            }
            if (shown.size() < found) {
                Entry last = shown.get(shown.size() - 1);
                return new Page(shown, new Key(last.dueAt(), last.row()));
            }
            return new Page(shown, lastSeen);
        }
    }

    /**
     * Returns the message with an id, with its payload; empty if it is not scheduled.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<Entry> find(UUID id) {
        return transactions.run(
                "could not read scheduled message " + id,
                connection -> statements.on(connection, "message").set("id", id).first(row -> Entry.of(row, cipher)));
    }

    /**
     * Deletes a message, so that it is never delivered.
     *
     * @param message as {@link #find} has returned it
     * @return false if it was released, cancelled or deleted since
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public boolean cancel(Entry message) {
        return transactions.run("could not cancel scheduled message " + message.id(), connection -> {
            if (!lock(connection, message)) {
                return false;
            }
            long cancelled = statements
                    .on(connection, "cancel")
                    .set("partition", message.partitionId())
                    .set("row", message.row())
                    .first(row -> row.getLong("messages"))
                    .orElse(0L);
            return cancelled > 0;
        });
    }

    /**
     * Moves a message to another time. If both times are given, the later one counts, as for a {@link NewMessage}. A
     * message that is moved into the past is due now.
     *
     * @param message as {@link #find} has returned it
     * @param deliverAt the new time; null: at once
     * @param delay how long after now, by the clock of the database; null: at once
     * @return when the message is due; empty if it was released, cancelled or deleted since
     * @throws QueueException if PostgreSQL failed; nothing has changed, unless the commit failed
     */
    public Optional<Instant> move(Entry message, @Nullable Instant deliverAt, @Nullable Duration delay) {
        return transactions.run("could not move scheduled message " + message.id(), connection -> {
            if (!lock(connection, message)) {
                return Optional.empty();
            }
            return statements
                    .on(connection, "move")
                    .set("partition", message.partitionId())
                    .set("row", message.row())
                    .set("deliver_at", deliverAt)
                    .set("delay_ms", delay == null ? null : (Long) delay.toMillis())
                    .first(row -> row.getTimestamp("due_at").toInstant());
        });
    }

    /** Returns false if the partition was deleted. Its messages stay in the table until retention deletes them. */
    private boolean lock(Connection connection, Entry message) throws SQLException {
        return statements
                .on(connection, "lock-partition")
                .set("partition", message.partitionId())
                .first(row -> row.getLong("id"))
                .isPresent();
    }
}
