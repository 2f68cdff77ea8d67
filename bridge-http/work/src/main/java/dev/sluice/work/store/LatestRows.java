package dev.sluice.work.store;

import dev.sluice.queue.sql.Rows;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code work_latest}: the newest work of each debounce key and conflation key. */
public final class LatestRows {
    private final Statements statements;
    private final String group;

    /** Makes the rows of a schema, whose queues are read by {@code group}. */
    public LatestRows(String schema, String group) {
        this.statements = Statements.read(LatestRows.class, "latest.sql", schema);
        this.group = group;
    }

    /** A key of a queue. */
    public record LatestKey(long queueId, boolean conflates, String key) {}

    /** A work that is enqueued with a key. */
    public record NewLatest(
            LatestKey key, UUID messageId, @Nullable String idempotencyKey) {}

    /**
     * The newest work of a key.
     *
     * @param firstAt when the first of the works was enqueued that it has replaced
     * @param running of a conflation key: the work for whose end it waits, or itself; null: a debounce key
     * @param runningPartition the partition of that work; 0: it is that of the newest work
     */
    public record Latest(
            LatestKey key,
            UUID messageId,
            long partitionId,
            @Nullable String idempotencyKey,
            Instant firstAt,
            @Nullable UUID running,
            long runningPartition) {}

    /**
     * A row as it was before an enqueue. If the key had none, the new work is in it.
     *
     * @param now the database's time
     */
    public record Entered(Latest latest, Instant now) {}

    /** A work with a conflation key that has ended. */
    public record EndedWork(long queueId, String key, UUID messageId) {}

    /** Locks the rows of keys, each once, and makes those that are missing. */
    public Map<LatestKey, Entered> enter(Connection connection, Collection<NewLatest> works) throws SQLException {
        var rows = new HashMap<LatestKey, Entered>();
        statements
                .on(connection, "enter")
                .set("queues", works, work -> work.key().queueId())
                .setBooleans("conflates", works, work -> work.key().conflates())
                .setTexts("keys", works, work -> work.key().key())
                .setUuids("ids", works, NewLatest::messageId)
                .setTexts("idempotency_keys", works, NewLatest::idempotencyKey)
                .forEach(row -> {
                    Latest latest = latest(row);
                    rows.put(latest.key(), new Entered(latest, Objects.requireNonNull(Rows.instant(row, "now"))));
                });
        return rows;
    }

    private static Latest latest(ResultSet row) throws SQLException {
        return new Latest(
                new LatestKey(row.getLong("queue_id"), row.getBoolean("conflates"), row.getString("key")),
                row.getObject("message_id", UUID.class),
                row.getLong("partition_id"),
                row.getString("idempotency_key"),
                Objects.requireNonNull(Rows.instant(row, "first_at")),
                row.getObject("running", UUID.class),
                row.getLong("running_partition"));
    }

    /** Sets the newest works of keys whose rows the transaction has locked. */
    public void put(Connection connection, Collection<Latest> works) throws SQLException {
        statements
                .on(connection, "put")
                .set("queues", works, work -> work.key().queueId())
                .setBooleans("conflates", works, work -> work.key().conflates())
                .setTexts("keys", works, work -> work.key().key())
                .setUuids("ids", works, Latest::messageId)
                .set("partitions", works, Latest::partitionId)
                .setTexts("idempotency_keys", works, Latest::idempotencyKey)
                .setTexts("first_ats", works, work -> work.firstAt().toString())
                .setUuids("running", works, Latest::running)
                .set("running_partitions", works, Latest::runningPartition)
                .execute();
    }

    /** Ends works. Returns how many works that waited for them are due now. */
    public int finish(Connection connection, Collection<EndedWork> ended) throws SQLException {
        if (ended.isEmpty()) {
            return 0;
        }
        statements
                .on(connection, "lock")
                .set("queues", ended, EndedWork::queueId)
                .setTexts("keys", ended, EndedWork::key)
                .list(row -> row.getObject("message_id", UUID.class));
        return statements
                .on(connection, "finish")
                .set("queues", ended, EndedWork::queueId)
                .setTexts("keys", ended, EndedWork::key)
                .setUuids("ids", ended, EndedWork::messageId)
                .execute();
    }

    /**
     * Makes works due that have waited for {@code age} and longer for works that are gone. Looks at {@code limit} works
     * that wait. Returns how many it has made due.
     */
    public int releaseForgotten(Connection connection, Duration age, int limit) throws SQLException {
        return statements
                .on(connection, "release-forgotten")
                .set("group", group)
                .set("seconds", age.toSeconds())
                .set("limit", limit)
                .execute();
    }

    /**
     * Looks at rows of keys that nobody has used for a day, and deletes those that are not needed any more. Returns how
     * many it has looked at, at most {@code limit}; it looks at them again a day later.
     */
    public int deleteOld(Connection connection, int limit) throws SQLException {
        return statements
                .on(connection, "delete-old")
                .set("group", group)
                .set("limit", limit)
                .first(row -> row.getInt("keys"))
                .orElseThrow();
    }
}
