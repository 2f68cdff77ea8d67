package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import dev.sluice.work.store.ItemRows.Cancelled;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The table {@code work_ends}: works that were cancelled, or replayed as other works. */
public final class EndRows {
    private final Statements statements;

    public EndRows(String schema) {
        this.statements = Statements.read(EndRows.class, "ends.sql", schema);
    }

    /**
     * The end of a work.
     *
     * @param replayedAs the work that a replay made of its dead letter; null: the work was cancelled
     */
    public record End(
            long queueId, UUID messageId, @Nullable UUID replayedAs) {
        public static End cancelled(long queueId, UUID messageId) {
            return new End(queueId, messageId, null);
        }
    }

    /** Adds ends. */
    public void add(Connection connection, List<End> ends) throws SQLException {
        if (!ends.isEmpty()) {
            statements
                    .on(connection, "add")
                    .set("queues", ends, End::queueId)
                    .setUuids("ids", ends, End::messageId)
                    .setUuids("replays", ends, End::replayedAs)
                    .execute();
        }
    }

    /** Removes a work that is not due, or that no engine has moved to its queue. */
    public Optional<Cancelled> cancelUnsent(Connection connection, String queue, long queueId, UUID messageId)
            throws SQLException {
        Optional<Cancelled> unsent = statements
                .on(connection, "cancel-outbox")
                .set("queue", queue)
                .set("id", messageId)
                .first(row -> new Cancelled(0, false, row.getString("headers"), null, 0));
        if (unsent.isPresent()) {
            return unsent;
        }
        OptionalLong partition = statements
                .on(connection, "lock-scheduled")
                .set("queue", queueId)
                .set("id", messageId)
                .list(row -> row.getLong("id"))
                .stream()
                .mapToLong(Long::longValue)
                .findFirst();
        if (partition.isEmpty()) {
            return Optional.empty();
        }
        return statements
                .on(connection, "cancel-scheduled")
                .set("partition", partition.getAsLong())
                .set("id", messageId)
                .first(row -> new Cancelled(row.getLong("partition_id"), false, row.getString("headers"), null, 0));
    }

    /** Takes a work with a conflation key out of it that waits for another one, which goes on. */
    public void forgetWaiting(Connection connection, long queueId, String key, UUID messageId) throws SQLException {
        statements
                .on(connection, "forget-waiting")
                .set("queue", queueId)
                .set("key", key)
                .set("id", messageId)
                .execute();
    }

    /** Deletes at most {@code limit} rows that are older than a week. Returns how many. */
    public int deleteOld(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "delete-old").set("limit", limit).execute();
    }
}
