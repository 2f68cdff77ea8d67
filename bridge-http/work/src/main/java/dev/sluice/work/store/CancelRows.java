package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashSet;
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
     * Deletes at most {@code limit} requests that no engine has found within a week, unless their works wait for a
     * retry or are scheduled. Returns how many.
     */
    public int deleteOld(Connection connection, int limit) throws SQLException {
        return statements.on(connection, "delete-old").set("limit", limit).execute();
    }
}
