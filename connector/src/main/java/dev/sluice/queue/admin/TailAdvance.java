package dev.sluice.queue.admin;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Advances the tails of partitions. Cursors behind a new tail move with it, so that the lag of a group stays
 * {@code head - position} minus the messages acknowledged beyond the position. Messages before a tail are invisible at
 * once; {@link Retention} deletes them later.
 *
 * <p>The caller holds the partitions {@code for update}, and the cursors that move.
 */
final class TailAdvance {
    private final Statements statements;

    TailAdvance(String schema) {
        this.statements = Statements.read("tail_advance.sql", schema);
    }

    /** The seqs of the oldest and the newest message of a partition that is locked for update. */
    record Extent(long tail, long head) {}

    /**
     * Locks partitions and all their cursors, and waits for other transactions. Returns the extents by partition id;
     * deleted partitions are missing.
     */
    NavigableMap<Long, Extent> lock(Connection connection, Collection<Long> partitions) throws SQLException {
        var extents = new TreeMap<Long, Extent>();
        statements
                .on(connection, "lock-partitions-to-clear")
                .set("partitions", partitions, Long::longValue)
                .forEach(row -> extents.put(row.getLong("id"), new Extent(row.getLong("tail"), row.getLong("head"))));
        statements
                .on(connection, "lock-cursors-to-clear")
                .set("partitions", extents.keySet(), Long::longValue)
                .run();
        return extents;
    }

    /** Advances the tails, given by partition id. */
    void advance(Connection connection, NavigableMap<Long, Long> tails) throws SQLException {
        if (tails.isEmpty()) {
            return;
        }
        for (String name : new String[] {"advance-cursors", "advance-tails"}) {
            statements
                    .on(connection, name)
                    .set("partitions", tails.keySet(), Long::longValue)
                    .set("tails", tails.values(), Long::longValue)
                    .execute();
        }
    }
}
