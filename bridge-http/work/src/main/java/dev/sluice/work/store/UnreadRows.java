package dev.sluice.work.store;

import dev.sluice.queue.sql.Statements;
import dev.sluice.work.rules.Types;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;

/** Tells which works are left in any table: unread in segments, claimed, waiting in items, scheduled, in the outbox. */
public final class UnreadRows {
    /** If engines have more segments of a queue left to do, no work of it counts as gone. */
    private static final int MOST_SEGMENTS = 1_000;

    private final Statements statements;

    public UnreadRows(String schema) {
        this.statements = Statements.read(UnreadRows.class, "unread.sql", schema);
    }

    /** Returns those of the works of a queue that may be left. The others are gone for good. */
    public Set<UUID> left(Connection connection, long queueId, Collection<UUID> works) throws SQLException {
        return new HashSet<>(statements
                .on(connection, "left")
                .set("queue", queueId)
                .set("group", Types.GROUP)
                .set("segments", MOST_SEGMENTS)
                .setUuids("ids", works, id -> id)
                .list(row -> row.getObject("id", UUID.class)));
    }
}
