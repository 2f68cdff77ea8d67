package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code work_keys}: idempotency keys. */
public final class KeyRows {
    private final Statements statements;

    public KeyRows(String schema) {
        this.statements = Statements.read(KeyRows.class, "keys.sql", schema);
    }

    /** A key of a queue. */
    public record QueueKey(long queueId, String key) {}

    /**
     * A key that a work is enqueued with.
     *
     * @param payloadHash SHA-256 of the payload
     * @param messageId the work
     */
    @SuppressWarnings("ArrayRecordComponent") // Nothing compares these records.
    public record NewKey(QueueKey key, byte[] payloadHash, UUID messageId) {}

    /**
     * A key that is taken.
     *
     * @param messageId the work that has it
     * @param isFinished whether that work is done, cancelled or a dead letter
     * @param result what its handler returned, as it is stored; null: nothing, or it is not kept
     */
    @SuppressWarnings("ArrayRecordComponent") // Nothing compares these records.
    public record TakenKey(
            byte[] payloadHash,
            UUID messageId,
            boolean isFinished,
            @Nullable String result) {}

    /**
     * A key whose work is finished.
     *
     * @param window how long the key stays taken
     */
    public record FinishedKey(
            QueueKey key,
            UUID messageId,
            Duration window,
            @Nullable String result) {}

    /**
     * Limits how long statements of the transaction wait for a lock.
     *
     * @return the limit that was set before, for {@link #restoreWait}
     */
    public String limitWait(Connection connection, Duration most) throws SQLException {
        return statements
                .on(connection, "limit-wait")
                .set("wait", Long.toString(most.toMillis()))
                .first(row -> row.getString("value"))
                .orElse("0");
    }

    /** Puts a limit back. */
    public void restoreWait(Connection connection, String before) throws SQLException {
        statements.on(connection, "restore-wait").set("wait", before).run();
    }

    /**
     * Enters keys, each once. Waits for transactions that have entered some of them and have not ended. Returns the
     * keys that were free.
     */
    public Set<QueueKey> claim(Connection connection, List<NewKey> keys) throws SQLException {
        Set<QueueKey> free = enter(connection, "claim", keys);
        List<NewKey> others =
                keys.stream().filter(each -> !free.contains(each.key())).toList();
        if (!others.isEmpty()) {
            free.addAll(enter(connection, "take-over", others));
        }
        return free;
    }

    private Set<QueueKey> enter(Connection connection, String statement, List<NewKey> keys) throws SQLException {
        return new HashSet<>(statements
                .on(connection, statement)
                .set("queues", keys, key -> key.key().queueId())
                .setTexts("keys", keys, key -> key.key().key())
                .setBytes("hashes", keys, NewKey::payloadHash)
                .setUuids("ids", keys, NewKey::messageId)
                .list(row -> new QueueKey(row.getLong("queue_id"), row.getString("key"))));
    }

    /** Returns those of the keys that are taken. */
    public Map<QueueKey, TakenKey> find(Connection connection, Collection<QueueKey> keys) throws SQLException {
        var wanted = List.copyOf(keys);
        var found = new HashMap<QueueKey, TakenKey>();
        statements
                .on(connection, "find")
                .set("queues", wanted, QueueKey::queueId)
                .setTexts("keys", wanted, QueueKey::key)
                .forEach(row -> found.put(
                        wanted.get(row.getInt("ordinal") - 1),
                        new TakenKey(
                                row.getBytes("payload_hash"),
                                row.getObject("message_id", UUID.class),
                                row.getBoolean("is_finished"),
                                row.getString("result"))));
        return found;
    }

    /** Starts the windows of keys. */
    public void finish(Connection connection, List<FinishedKey> keys) throws SQLException {
        if (!keys.isEmpty()) {
            statements
                    .on(connection, "finish")
                    .set("queues", keys, key -> key.key().queueId())
                    .setTexts("keys", keys, key -> key.key().key())
                    .setUuids("ids", keys, FinishedKey::messageId)
                    .set("windows_ms", keys, key -> key.window().toMillis())
                    .setTexts("results", keys, FinishedKey::result)
                    .execute();
        }
    }

    /**
     * A key of a page.
     *
     * @param isOld whether its work should have ended long ago
     */
    public record HeldKey(QueueKey key, UUID messageId, boolean isOld) {}

    /** Returns at most {@code limit} keys behind one, in their order. */
    public List<HeldKey> page(Connection connection, QueueKey after, int limit) throws SQLException {
        return statements
                .on(connection, "page")
                .set("queue", after.queueId())
                .set("key", after.key())
                .set("limit", limit)
                .list(row -> new HeldKey(
                        new QueueKey(row.getLong("queue_id"), row.getString("key")),
                        row.getObject("message_id", UUID.class),
                        row.getBoolean("is_old")));
    }

    /** Deletes keys of a queue whose works are gone, unless these have finished meanwhile. Returns how many. */
    public int deleteLost(Connection connection, long queueId, List<HeldKey> keys) throws SQLException {
        return statements
                .on(connection, "delete-lost")
                .set("queue", queueId)
                .setTexts("keys", keys, each -> each.key().key())
                .setUuids("ids", keys, HeldKey::messageId)
                .execute();
    }

    /** Deletes at most {@code limit} keys that may be used again. Returns how many. */
    public int deleteExpired(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "delete-expired").set("limit", limit).execute();
    }
}
