package dev.sluice.queue.write;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Moves tails of partitions forward, and with them the cursors that stand before the new tail, so that what a group has
 * left stays {@code head - position} less what is acked. What is before a tail is invisible at once and deleted later
 * ({@link dev.sluice.queue.admin.Retention}).
 *
 * <p>The caller holds the partitions {@code for update} and the cursors that move.
 */
public final class TailAdvance {
    private final Statements statements;

    public TailAdvance(String schema) {
        this.statements = Statements.read("tail_advance.sql", schema);
    }

    /** Where a partition stands that is locked for update: seqs of its oldest and newest message. */
    public record Extent(long tail, long head) {}

    /**
     * Locks the partitions and all their cursors, waiting for them. Returns where they stand, by id; some may be gone.
     */
    public SortedMap<Long, Extent> lock(Connection connection, Collection<Long> partitions) throws SQLException {
        var extents = new TreeMap<Long, Extent>();
        try (var statement = new BoundStatement(connection, statements.get("lock-partitions-to-clear"))
                        .set("partitions", longs(partitions));
                ResultSet row = statement.query()) {
            while (row.next()) {
                extents.put(row.getLong("id"), new Extent(row.getLong("tail"), row.getLong("head")));
            }
        }
        try (var statement = new BoundStatement(connection, statements.get("lock-cursors-to-clear"))
                .set("partitions", longs(extents.keySet()))) {
            statement.query().close();
        }
        return extents;
    }

    /** Moves the tails, by partition id. */
    public void run(Connection connection, SortedMap<Long, Long> tails) throws SQLException {
        if (tails.isEmpty()) {
            return;
        }
        for (String name : new String[] {"trim-cursors", "trim-partitions"}) {
            try (var statement = new BoundStatement(connection, statements.get(name))
                    .set("partitions", longs(tails.keySet()))
                    .set("tails", longs(tails.values()))) {
                statement.update();
            }
        }
    }

    public static long[] longs(Collection<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }
}
