package dev.sluice.queue.write;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.SqlStates;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The messages that wait in the table {@code parked} for queues that cannot be written to. The transaction that moves
 * the source on parks a message. The transaction that writes the message to its queue removes it from the table. While
 * a queue has parked messages, the writer parks the messages that follow behind them, which keeps the order of each
 * partition.
 *
 * <p>Owned by one writer.
 */
final class Parking {
    private static final String LOCK = "sluice parked ";

    private final Statements statements;
    private final PartitionLocks locks;
    private final PayloadCipher cipher;
    private final String schema;

    /**
     * The queues that had parked messages at the last look. Other writers may have parked more since: only this
     * writer's own messages must stay behind parked ones.
     */
    private final Set<String> queues = new HashSet<>();

    private boolean isLoaded;

    Parking(PayloadCipher cipher, String schema) {
        this.statements = Statements.read("parking.sql", schema);
        this.locks = new PartitionLocks(schema);
        this.cipher = cipher;
        this.schema = schema;
    }

    /** A parked message and its place in the table. */
    record Parked(long id, NewMessage message) {}

    /** Drops the cached queues: the server may be another one. */
    void forget() {
        isLoaded = false;
    }

    /** Returns the queues that have parked messages. Runs no statement while the last look found none. */
    Set<String> queues(Connection connection) throws SQLException {
        if (!isLoaded) {
            Set<String> all = all(connection);
            queues.clear();
            queues.addAll(all);
            isLoaded = true;
        } else if (!queues.isEmpty()) {
            queues.retainAll(names(statements.on(connection, "still-parked").setTexts("queues", queues, each -> each)));
        }
        return Set.copyOf(queues);
    }

    /** Reads which queues have parked messages. */
    Set<String> all(Connection connection) throws SQLException {
        return names(statements.on(connection, "parked-queues"));
    }

    /** Caches that messages of these queues are parked. Call it after the commit. */
    void parked(Collection<String> names) {
        queues.addAll(names);
    }

    /**
     * Parks messages, in the order given. Those of encrypted queues are sealed.
     *
     * @throws QueueException of the transient kind if there is no key for that
     */
    void park(Connection connection, List<NewMessage> given) throws SQLException {
        if (given.isEmpty()) {
            return;
        }
        List<NewMessage> messages = sealed(connection, given);
        statements
                .on(connection, "park")
                .setTexts("queues", messages, NewMessage::queue)
                .setTexts("partitions", messages, NewMessage::partition)
                .setUuids("ids", messages, NewMessage::id)
                .setTexts("transaction_ids", messages, NewMessage::transactionId)
                .setBooleans("generated", messages, NewMessage::generatedTransactionId)
                .setBytes("payloads", messages, NewMessage::payload)
                .setUuids("trace_ids", messages, NewMessage::traceId)
                .setTexts("producer_subs", messages, NewMessage::producerSub)
                .setTexts("deliver_at", messages, each -> text(each.deliverAt()))
                .setTexts("delays_ms", messages, each -> millis(each.delay()))
                .setInts(
                        "lanes",
                        messages,
                        each -> PartitionCreation.number(each.origin().lane()))
                .setTexts("origins_at", messages, each -> text(each.origin().createdAt()))
                .setTexts("headers", messages, each -> each.headers().stored())
                .execute();
    }

    private List<NewMessage> sealed(Connection connection, List<NewMessage> messages) throws SQLException {
        var wanted = new HashSet<String>();
        messages.forEach(each -> wanted.add(each.queue()));
        Set<String> encrypted = names(statements.on(connection, "encrypted").setTexts("queues", wanted, each -> each));
        if (encrypted.isEmpty()) {
            return messages;
        }
        var sealed = new ArrayList<NewMessage>(messages.size());
        for (NewMessage each : messages) {
            if (encrypted.contains(each.queue())) {
                cipher.requireKey(each.queue());
                sealed.add(cipher.seal(each));
            } else {
                sealed.add(each);
            }
        }
        return sealed;
    }

    /**
     * Locks the release of the parked messages of a queue until the end of the transaction. Returns false if another
     * transaction holds the lock.
     */
    boolean lock(Connection connection, String queue) throws SQLException {
        return statements
                .on(connection, "lock-parked")
                .set("key", LOCK + schema + " " + queue)
                .first(row -> row.getBoolean("locked"))
                .orElseThrow();
    }

    /**
     * Returns the messages of a queue that were parked first, in order. The time at which a message was parked counts
     * as its time of creation if it brought none.
     *
     * @param maxBytes most bytes of payloads and headers; the message that exceeds it is still returned
     */
    List<Parked> next(Connection connection, String queue, int limit, long maxBytes) throws SQLException {
        return statements
                .on(connection, "next-parked")
                .set("queue", queue)
                .set("limit", limit)
                .set("max_bytes", maxBytes)
                .list(row -> new Parked(row.getLong("id"), message(queue, row)));
    }

    private static NewMessage message(String queue, ResultSet row) throws SQLException {
        return NewMessage.builder(
                        row.getObject("message_id", UUID.class),
                        queue,
                        row.getString("partition"),
                        row.getString("transaction_id"),
                        row.getBytes("payload"))
                .generatedTransactionId(row.getBoolean("generated_id"))
                .traceId(row.getObject("trace_id", UUID.class))
                .producerSub(row.getString("producer_sub"))
                .headers(MessageHeaders.ofStored(row.getString("headers")))
                .deliverAt(instant(row, "deliver_at"))
                .origin(origin(row))
                .build();
    }

    private static Origin origin(ResultSet row) throws SQLException {
        int number = row.getInt("lane");
        PriorityLane lane = row.wasNull() ? null : PriorityLane.ofNumber(number);
        Instant createdAt = instant(row, "origin_at");
        return new Origin(createdAt == null ? instant(row, "parked_at") : createdAt, lane);
    }

    /**
     * Removes parked messages of a queue, in the transaction that writes them to the queue.
     *
     * @throws QueueException of the transient kind if another process has released some of them; the transaction must
     *     roll back
     */
    void remove(Connection connection, String queue, List<Parked> written) throws SQLException {
        int removed = statements
                .on(connection, "remove-parked")
                .set("queue", queue)
                .set("ids", written, Parked::id)
                .execute();
        if (removed != written.size()) {
            throw new QueueException(
                    "another process releases the parked messages of queue " + queue,
                    SqlStates.SERIALIZATION_FAILURE,
                    null);
        }
    }

    /**
     * Returns the queues in which another transaction holds a row that a flush needs. Locks the rows of the other
     * queues, so the caller must roll back.
     *
     * @param ids gives the id of a partition, {@link PartitionDirectory#UNKNOWN} if it is not cached
     */
    Set<String> held(Connection connection, Collection<PartitionName> names, ToLongFunction<PartitionName> ids)
            throws SQLException {
        var known = new HashMap<PartitionName, Long>();
        var unknown = new HashSet<String>();
        for (PartitionName name : names) {
            long id = ids.applyAsLong(name);
            if (id == PartitionDirectory.UNKNOWN) {
                unknown.add(name.queue());
            } else {
                known.put(name, id);
            }
        }
        known.values().removeAll(locks.lockFree(connection, known.values()));
        Set<String> held = names(statements.on(connection, "held-queues").setTexts("queues", unknown, each -> each));
        known.keySet().forEach(name -> held.add(name.queue()));
        return held;
    }

    private static Set<String> names(BoundStatement statement) throws SQLException {
        return new HashSet<>(statement.list(row -> row.getString(1)));
    }

    private static @Nullable Instant instant(ResultSet row, String column) throws SQLException {
        Timestamp time = row.getTimestamp(column);
        return time == null ? null : time.toInstant();
    }

    private static @Nullable String text(@Nullable Instant time) {
        return Objects.toString(time, null);
    }

    private static @Nullable String millis(@Nullable Duration delay) {
        return delay == null ? null : Long.toString(delay.toMillis());
    }
}
