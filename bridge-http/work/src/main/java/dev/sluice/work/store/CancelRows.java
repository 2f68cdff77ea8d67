package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** The table {@code work_cancels}: works that are to be cancelled. */
public final class CancelRows {
    private final Statements statements;

    public CancelRows(String schema) {
        this.statements = Statements.read(CancelRows.class, "cancels.sql", schema);
    }

    /** Asks for a work to be cancelled. */
    public void add(Connection connection, long queueId, UUID messageId) throws SQLException {
        statements
                .on(connection, "add")
                .set("queue", queueId)
                .set("id", messageId)
                .execute();
    }

    /** Takes the requests to cancel works of an engine. Returns the works. */
    public Set<UUID> take(Connection connection, long queueId, Collection<UUID> messageIds) throws SQLException {
        return new HashSet<>(statements
                .on(connection, "take")
                .set("queue", queueId)
                .setUuids("ids", messageIds, id -> id)
                .list(row -> row.getObject("message_id", UUID.class)));
    }

    /**
     * A request to cancel a work.
     *
     * @param isOld whether it is older than a week
     */
    public record Request(long queueId, UUID messageId, boolean isOld) {
        public static final Request FIRST = new Request(0, new UUID(0, 0), false);
    }

    /** Returns at most {@code limit} requests behind one, in their order. */
    public List<Request> page(Connection connection, Request after, int limit) throws SQLException {
        return statements
                .on(connection, "page")
                .set("queue", after.queueId())
                .set("id", after.messageId())
                .set("limit", limit)
                .list(row -> new Request(
                        row.getLong("queue_id"), row.getObject("message_id", UUID.class), row.getBoolean("is_old")));
    }

    /** Deletes requests to cancel works that are gone. Returns how many. */
    public int delete(Connection connection, long queueId, Collection<UUID> works) throws SQLException {
        return statements
                .on(connection, "delete")
                .set("queue", queueId)
                .setUuids("ids", works, id -> id)
                .execute();
    }
}
